"""Request and response bodies: JSON in TensorFlow Serving's format, to and from arrays."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from agentlab.deploy.signature import TensorInfo, Tensors
from agentlab.errors import AgentlabError

SIGNATURE = "serving_default"


class BadRequest(AgentlabError):
    """A request that cannot be answered, with the HTTP status of the response."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class Body(dict[str, Any]):
    """The JSON object in the body of a request.

    Attributes:
        has_booleans: whether it may contain booleans, which NumPy would take for numbers.
    """

    has_booleans = True


def parse(content: bytes) -> Body:
    """Return the JSON object in the body of a request."""
    try:
        body = json.loads(content)
    except (ValueError, RecursionError) as error:
        what = "too deeply nested" if isinstance(error, RecursionError) else str(error)
        raise BadRequest(f"the body is not valid JSON: {what}") from None
    if not isinstance(body, dict):
        raise BadRequest(f"the body must be a JSON object, not {kind_of(body)}")
    parsed = Body(body)
    # Checking every value would take longer than running most networks.
    parsed.has_booleans = b"true" in content or b"false" in content or b"\0" in content
    return parsed


def predict_inputs(body: Body, infos: Sequence[TensorInfo]) -> tuple[Tensors, bool]:
    """Return the inputs of a request to ``:predict``, and whether they are in row format."""
    only(body, "signature_name", "instances", "inputs")
    if body.get("signature_name", SIGNATURE) not in (SIGNATURE, ""):
        raise BadRequest(f"signature_name must be {SIGNATURE!r}")
    if ("instances" in body) == ("inputs" in body):
        raise BadRequest(
            "the body must contain either `instances` (a list with one item for each example) or "
            "`inputs` (all examples of each input)"
        )
    if "inputs" in body:
        return column_inputs(body["inputs"], infos, body.has_booleans), False
    return row_inputs(body["instances"], infos, "instances", body.has_booleans), True


def row_inputs(
    rows: Any, infos: Sequence[TensorInfo], name: str, has_booleans: bool = True
) -> Tensors:
    """Return inputs by name for examples in row format: values, or objects with all inputs.

    Args:
        rows: the examples.
        infos: the inputs.
        name: the name of ``rows`` in the body.
        has_booleans: whether there may be booleans among the values.
    """
    if not isinstance(rows, list) or not rows:
        raise BadRequest(f"{name} must be a list of one or more examples")
    names = [info.name for info in infos]
    if not any(_is_named(row) for row in rows):
        if len(infos) > 1:
            raise BadRequest(f"each of {name} must be an object with {_listed(names)}")
        return _arrays({names[0]: rows}, infos, has_booleans)
    columns: dict[str, list[Any]] = {each: [] for each in names}
    for i, row in enumerate(rows):
        if not _is_named(row):
            raise BadRequest(f"{name}[{i}] must be an object like the others, not {kind_of(row)}")
        _check_names(row, names, f"{name}[{i}]")
        for each in names:
            columns[each].append(row[each])
    return _arrays(columns, infos, has_booleans)


def column_inputs(columns: Any, infos: Sequence[TensorInfo], has_booleans: bool = True) -> Tensors:
    """Return inputs by name in columnar format: an object, or the values of the only input."""
    names = [info.name for info in infos]
    if not _is_named(columns):
        if len(infos) > 1:
            raise BadRequest(f"inputs must be an object with {_listed(names)}")
        columns = {names[0]: columns}
    _check_names(columns, names, "inputs")
    arrays = _arrays(columns, infos, has_booleans)
    if len({len(array) for array in arrays.values()}) > 1:
        sizes = ", ".join(f"{name} {len(array)}" for name, array in arrays.items())
        raise BadRequest(f"all inputs must have the same number of examples, not {sizes}")
    return arrays


def only(body: Mapping[str, Any], *names: str) -> None:
    """Raise ``BadRequest`` for a body with other names."""
    for name in body:
        if name not in names:
            raise BadRequest(f"{name[:50]!r} is unknown; the body may contain {', '.join(names)}")


def rows_of(outputs: Tensors) -> list[Any]:
    """Return outputs in row format: values, or objects if there are several outputs."""
    columns = {name: _listable(value) for name, value in outputs.items()}
    if len(columns) == 1:
        (rows,) = columns.values()
        return list(rows)
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def columns_of(outputs: Tensors) -> Any:
    """Return outputs in columnar format: an object, or the values of the only output."""
    columns = {name: _listable(value) for name, value in outputs.items()}
    return columns if len(columns) > 1 else next(iter(columns.values()))


def kind_of(value: Any) -> str:
    """Return the JSON type of a value, with an article."""
    kinds = {bool: "a boolean", str: "a string", list: "a list", dict: "an object"}
    return "null" if value is None else kinds.get(type(value), "a number")


def _is_named(value: Any) -> bool:
    return isinstance(value, dict) and set(value) != {"b64"}


def _check_names(given: Mapping[str, Any], names: Sequence[str], where: str) -> None:
    missing = [name for name in names if name not in given]
    unknown = [name for name in given if name not in names]
    if missing:
        raise BadRequest(f"{where} lacks {_listed(missing)}")
    if unknown:
        raise BadRequest(f"{where} contains {unknown[0][:50]!r}; inputs are {_listed(names)}")


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names))


def _arrays(columns: Mapping[str, Any], infos: Sequence[TensorInfo], has_booleans: bool) -> Tensors:
    return {info.name: _array(columns[info.name], info, has_booleans) for info in infos}


def _array(values: Any, info: TensorInfo, has_booleans: bool) -> Any:
    """Return the array ``[n, ...]`` of one input."""
    name, dtype = info.name, info.dtype
    if dtype == "string":
        array = np.array(_decoded(values, name), object)
    else:
        array = _numbers(values, name, dtype, has_booleans)
    if not info.fits(array.shape) or not array.size:
        wanted = ", ".join(["n", *("any" if s is None else str(s) for s in info.shape[1:])])
        raise BadRequest(f"{name} must have the shape [{wanted}], not {list(array.shape)}")
    return array


def _numbers(values: Any, name: str, dtype: str, has_booleans: bool) -> Any:
    try:
        found = np.asarray(values)
    except ValueError:
        raise BadRequest(f"{name} must be lists of equal lengths") from None
    kind = np.dtype(dtype).kind
    wrong = found.dtype.kind not in ("b" if kind == "b" else "iuf")
    if found.size and (wrong or (kind != "b" and has_booleans and _has_boolean(values))):
        word = "true or false" if kind == "b" else "numbers"
        raise BadRequest(f"{name} must contain only {word} in lists of equal lengths")
    if kind in "iu" and found.size:
        bounds = np.iinfo(dtype)
        whole = found.dtype.kind != "f" or bool((found == np.floor(found)).all())
        if not whole or found.min() < bounds.min or found.max() > bounds.max:
            raise BadRequest(f"{name} must be whole numbers from {bounds.min} to {bounds.max}")
    with np.errstate(over="ignore"):
        array = found.astype(dtype)
    if kind == "f" and (np.isinf(array) & ~np.isinf(found.astype(np.float64))).any():
        raise BadRequest(f"{name} contains numbers that are too large for {dtype}")
    return array


def _has_boolean(values: Any) -> bool:
    if isinstance(values, list):
        return any(map(_has_boolean, values))
    return isinstance(values, bool)


def _decoded(values: Any, name: str) -> Any:
    """Return nested lists of strings with those in base64, ``{"b64": ...}``, decoded."""
    if isinstance(values, list):
        return [_decoded(value, name) for value in values]
    if isinstance(values, str):
        return values
    try:
        if isinstance(values, dict):
            return base64.b64decode(values["b64"], validate=True)
    except (binascii.Error, TypeError, ValueError, KeyError):
        raise BadRequest(f"{name} contains invalid base64") from None
    raise BadRequest(f"{name} must contain only strings, not {kind_of(values)}")


def _listable(value: Any) -> Any:
    array = np.asarray(value)
    if array.dtype.kind in "SO":
        return np.char.decode(array.astype(bytes), "utf-8", "replace").tolist()
    return array.tolist()
