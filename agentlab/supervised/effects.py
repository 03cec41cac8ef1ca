"""Checks that no option is given that would have no effect on the data or the net."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from agentlab.errors import InvalidArgument

TEXTS = {  # kinds of preprocessors for which options for texts have an effect
    "vocabulary": ("words", "subwords", "token_ids"),
    "length": ("words", "characters", "subwords"),
}
OF_MLP = ("hidden", "activation")
OF_NAMED = (*OF_MLP, "dropout", "pretrained", "freeze_pretrained")  # nets made by name


def check_effects(config: Any, kind: str, given_net: bool) -> None:
    """Raise ``InvalidArgument`` for an option that was changed but has no effect.

    Args:
        config: the trainer's configuration.
        kind: the kind of the preprocessor.
        given_net: whether the user passed a Keras model.
    """
    changed = {
        field.name: getattr(config, field.name)
        for field in fields(config)
        if getattr(config, field.name) != field.default
    }
    for name, value in changed.items():
        why = ""
        if kind not in TEXTS.get(name, (kind,)):
            why = f"x, which contains {kind}; it is for texts"
        elif given_net and name in OF_NAMED:
            why = "a net that was passed as a Keras model"
        elif name in OF_MLP and config.net != "mlp":
            why = f"net={config.net!r}; it is for net='mlp'"
        if why:
            raise InvalidArgument(f"{name}={value!r} has no effect on {why}: leave it out")


def check_validated(config: Any, split: bool, validated: bool) -> None:
    """Raise ``InvalidArgument`` for options about validation data if there are none.

    Args:
        config: the trainer's configuration.
        split: whether validation data can be split off.
        validated: whether there are validation data.
    """
    default = type(config)().validation_split
    fraction = config.validation_split
    if not split and not validated and fraction not in (0, default):
        raise InvalidArgument(
            f"validation_split={fraction} has no effect on Batches; pass validation_data"
        )
    if config.patience is not None and not validated:
        raise InvalidArgument(
            f"patience={config.patience} has no effect without validation data; pass "
            "validation_data, or a validation_split greater than 0"
        )
