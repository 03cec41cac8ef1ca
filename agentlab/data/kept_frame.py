"""The rows of a small CSV file, kept in memory for several passes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

OBJECT = np.dtype(object)  # NumPy has only one instance


def texts_only(frame: Any) -> Any:
    """Return a copy without columns in which pandas converted strings such as ``true``."""
    import pandas as pd

    objects = [name for name, dtype in frame.dtypes.items() if dtype is OBJECT]
    kinds = {name: pd.api.types.infer_dtype(frame[name], skipna=True) for name in objects}
    converted = [name for name, kind in kinds.items() if kind.startswith(("boolean", "mixed"))]
    return frame.drop(columns=converted) if converted else frame.copy()  # in one block


def serves(frame: Any, types: Mapping[str, type | None]) -> bool:
    """Return whether a frame has the columns and dtypes that a reader requests."""
    kinds = {name: dtype.kind for name, dtype in frame.dtypes.items()}
    wanted = {float: "iuf", str: "OUTS"}
    return all(
        name in kinds and (type is None or kinds[name] in wanted[type])
        for name, type in types.items()
    )
