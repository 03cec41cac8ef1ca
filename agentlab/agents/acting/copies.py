"""Copies of nets, which act or serve as targets while the originals learn."""

from __future__ import annotations

from typing import TypeVar

import keras

Net = TypeVar("Net", bound=keras.Model)


def clone(net: Net) -> Net:
    """Return a net of its own with the weights that ``net`` has now."""
    copy: Net = type(net).from_config(net.get_config())
    copy_weights(net, copy)
    return copy


def copy_weights(source: keras.Model, target: keras.Model) -> None:
    """Give ``target`` the weights of ``source``, a net of the same form."""
    for old, new in zip(target.variables, source.variables, strict=True):
        old.assign(new)
