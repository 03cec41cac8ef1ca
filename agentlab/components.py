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
    """Give a component the state that ``component_state`` returned.

    Raises:
        KeyError, ValueError: where it is the state of another component.
    """
    if component is None or is_large(component):
        return
    if isinstance(component, np.random.Generator):
        component.bit_generator.state = state
    elif (variables := _variables(component)) is not None:
        if len(variables) != len(state):
            raise ValueError(f"{len(state)} arrays were saved for {len(variables)} variables")
        # By place: Keras counts layers without a name up, so that names differ when built again.
        values = {int(name.partition("/")[0]): value for name, value in state.items()}
        for place, variable in enumerate(variables.values()):
            if values[place].shape != tuple(variable.shape):
                raise ValueError(f"{variable.name} has another shape than the array saved for it")
            variable.assign(values[place])
    else:
        component.restore(state)


def _variables(component: Any) -> dict[str, Any] | None:
    """Return the variables of a model, a layer, an optimizer or a list of them, by name."""
    if isinstance(component, list | tuple):
        found = component
    elif hasattr(component, "variables"):
        found = component.variables
    elif hasattr(component, "assign"):  # which optimizers have, too
        found = [component]
    else:
        return None
    return {f"{i:03d}/{getattr(v, 'path', v.name)}": v for i, v in enumerate(found)}


def is_large(component: Any) -> bool:
    """Return whether a component saves itself to a folder: a replay buffer does."""
    return (
        hasattr(component, "save")
        and hasattr(component, "load")
        and not hasattr(component, "variables")
    )


def is_model(component: Any) -> bool:
    """Return whether a component is a Keras model."""
    return hasattr(component, "save") and hasattr(component, "variables")
