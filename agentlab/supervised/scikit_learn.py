"""``ScikitLearn``: scikit-learn's estimator interface besides ``fit`` and ``predict``."""

from __future__ import annotations

import dataclasses
import io
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from agentlab import config as configs
from agentlab.data.batches import Array
from agentlab.errors import AgentlabError, InvalidArgument
from agentlab.lazy import keras

KIND = {"classifier": "classifier", "regressor": "regressor"}


class ScikitLearn:
    """Lets ``clone``, ``GridSearchCV``, pipelines, ``pickle`` and ``deepcopy`` work with a trainer.

    The parameters are ``net``, ``seed`` and the fields of ``Config``.

    Attributes:
        n_features_in_: number of columns of the inputs of ``fit``.
        feature_names_in_: their names, if they have names.
    """

    name: ClassVar[str]
    Config: ClassVar[type]
    config: Any
    seed: int
    net: Any
    given_net: bool
    preprocessor: Any
    score_metric: ClassVar[str]
    n_features_in_: int
    feature_names_in_: Array

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters by name."""
        params = {field.name: getattr(self.config, field.name) for field in _fields(self.Config)}
        return {**params, "seed": self.seed, **({"net": self.net} if self.given_net else {})}

    def set_params(self, **params: Any) -> Self:
        """Change parameters, and return the trainer.

        Raises:
            InvalidArgument: for an unknown name or a value out of range.
        """
        for name, value in params.items():
            if name == "seed":
                self.seed = configs.check_type("seed", value, int)
                self.rng = np.random.default_rng(self.seed)
            elif name == "net" and isinstance(value, keras.Model):
                self.net, self.given_net = value, True
            else:
                values = {f.name: getattr(self.config, f.name) for f in _fields(self.Config)}
                if name not in values:
                    raise InvalidArgument(
                        f"{type(self).__name__} has no parameter {name!r}"
                        f"{configs.did_you_mean(name, values)}"
                    )
                if name == "net":
                    self.net, self.given_net = None, False
                self.config = configs.from_dict(self.Config, {**values, name: value})
        return self

    def score(self, x: Any, y: Any = None) -> float:
        """Return the metric ``score_metric`` of ``evaluate``."""
        return float(self.evaluate(x, y)[self.score_metric])

    def evaluate(self, x: Any, y: Any = None) -> dict[str, float]:
        """Return metrics by name."""
        raise NotImplementedError

    def check_fitted(self) -> None:
        """Raise an ``AgentlabError`` that is also scikit-learn's ``NotFittedError`` before fit."""
        if not self.__sklearn_is_fitted__():
            from sklearn.exceptions import NotFittedError

            kind = type("NotFitted", (AgentlabError, NotFittedError), {})
            raise kind(f"this {type(self).__name__} has not been fitted; call fit first")

    def note_features(self, x: Any) -> None:
        """Set ``n_features_in_`` and ``feature_names_in_`` from the inputs of ``fit``."""
        vars(self).pop("feature_names_in_", None)
        vars(self).pop("n_features_in_", None)
        columns = getattr(x, "columns", None)
        if columns is None and isinstance(x, Mapping):
            columns = list(x)
        if columns is not None:
            self.n_features_in_ = len(columns)
            if all(isinstance(name, str) for name in columns):
                self.feature_names_in_ = np.asarray(columns, object)
        elif getattr(x, "ndim", 0) == 2:
            self.n_features_in_ = int(x.shape[1])

    def __sklearn_is_fitted__(self) -> bool:
        return self.preprocessor is not None and bool(getattr(self.net, "built", False))

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import ClassifierTags, InputTags, RegressorTags, Tags, TargetTags

        classifier = self.name == "classifier"
        return Tags(
            estimator_type=KIND[self.name],
            target_tags=TargetTags(required=True, multi_output=not classifier),
            classifier_tags=ClassifierTags() if classifier else None,
            regressor_tags=None if classifier else RegressorTags(),
            input_tags=InputTags(string=True, three_d_array=True),
        )

    def __repr__(self) -> str:
        changed = self.get_params()
        defaults = dataclasses.asdict(self.Config())
        changed = {
            k: v for k, v in changed.items() if v != defaults.get(k, 0 if k == "seed" else ())
        }
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in changed.items())})"

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = {"params": self.get_params(), "files": None}
        if self.__sklearn_is_fitted__():
            state["files"] = _packed(self)
            if self.given_net:
                state["params"]["net"] = None
        names = ("n_features_in_", "feature_names_in_")
        return state | {name: vars(self)[name] for name in names if name in vars(self)}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        params = {name: value for name, value in state["params"].items() if value is not None}
        known = {field.name for field in _fields(self.Config)}
        plain = {k: v for k, v in params.items() if k in known and not isinstance(v, keras.Model)}
        cls: Any = type(self)
        net = params.get("net") if isinstance(params.get("net"), keras.Model) else None
        if state["files"] is None:
            made = cls(net, configs.from_dict(self.Config, plain), params["seed"])
        else:
            made = _unpacked(cls, state["files"])
        vars(self).update(vars(made))
        for name in state.keys() - {"params", "files"}:
            setattr(self, name, state[name])


def _fields(config: type) -> tuple[dataclasses.Field[Any], ...]:
    return dataclasses.fields(config)


def _packed(trainer: Any) -> bytes:
    """Return a fitted trainer's files as a zip archive."""
    content = io.BytesIO()
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(content, "w") as archive:
        trainer.save(Path(folder, "learner"))
        for path in sorted(Path(folder, "learner").rglob("*")):
            archive.write(path, path.relative_to(folder))
    return content.getvalue()


def _unpacked(cls: Any, content: bytes) -> Any:
    """Return the trainer in the files that ``_packed`` returned."""
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            archive.extractall(folder)
        try:
            return cls.load(Path(folder, "learner"))
        except AgentlabError as error:
            raise AgentlabError(f"the pickled {cls.__name__} cannot be loaded: {error}") from None
