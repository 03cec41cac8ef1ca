"""The state of a learner's components: models, optimizers, variables, generators, buffers."""

from __future__ import annotations

from typing import Any

import numpy as np

State = dict[str, Any]


def component_state(component: Any) -> State:
    """Return the state of one component, by name.

    >>> component_state(np.random.default_rng(0))["bit_generator"]
    'PCG64'
    """
    if component is None or is_large(component):
        return {}
    if isinstance(component, np.random.Generator):
        return dict(component.bit_generator.state)
    if (variables := _variables(component)) is not None:
        return {name: np.asarray(variable) for name, variable in variables.items()}
    state: State = component.state()
    return state


def restore_component(component: Any, state: State) -> None:
    """Restore a state returned by ``component_state``.

    Raises:
        KeyError, ValueError: if the state is that of another component.
    """
    if component is None or is_large(component):
        return
    if isinstance(component, np.random.Generator):
        component.bit_generator.state = state
    elif (variables := _variables(component)) is not None:
        if len(variables) != len(state):
            raise ValueError(f"{len(state)} saved arrays do not match {len(variables)} variables")
        # By position, since Keras numbers unnamed layers, and their names differ when rebuilt.
        values = {int(name.partition("/")[0]): value for name, value in state.items()}
        for place, variable in enumerate(variables.values()):
            if values[place].shape != tuple(variable.shape):
                saved = values[place].shape
                raise ValueError(
                    f"{variable.name} has shape {tuple(variable.shape)}, but was saved as {saved}"
                )
            variable.assign(values[place])
    else:
        component.restore(state)


def _variables(component: Any) -> dict[str, Any] | None:
    """Return the variables of a model, a layer, an optimizer or a list of them, by name."""
    if isinstance(component, list | tuple):
        found = component
    elif hasattr(component, "variables"):
        found = component.variables
    elif hasattr(component, "assign"):  # checked last, since optimizers also have it
        found = [component]
    else:
        return None
    return {f"{i:03d}/{getattr(v, 'path', v.name)}": v for i, v in enumerate(found)}


def is_large(component: Any) -> bool:
    """Return whether a component, such as a replay buffer, saves itself to a folder."""
    return (
        hasattr(component, "save")
        and hasattr(component, "load")
        and not hasattr(component, "variables")
    )


def is_model(component: Any) -> bool:
    """Return whether a component is a Keras model."""
    return hasattr(component, "save") and hasattr(component, "variables")
