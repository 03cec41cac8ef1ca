"""The state of each kind of component, by name."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from agentlab.components import component_state, is_large, is_model, restore_component


class Plain:
    """An object with a state of its own."""

    value = 1

    def state(self):
        return {"value": self.value}

    def restore(self, state):
        self.value = state["value"]


class Large:
    """An object that saves itself to a folder."""

    def save(self, directory):
        """Write it."""

    def load(self, directory):
        """Read it."""


def net(units=3):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(units)])
    model.compile()
    return model


def optimizer():
    made = keras.optimizers.Adam(0.25)
    made.build([tf.Variable([1.0])])
    return made


def test_variables_are_numbered_named_and_copied():
    variables = [tf.Variable([1.0, 2.0], name="a"), tf.Variable(3, name="b")]
    state = component_state(variables)
    assert [name.partition("/")[0] for name in state] == ["000", "001"]
    variables[0].assign([9.0, 9.0])
    assert state["000/a:0"].tolist() == [1, 2]
    restore_component(variables, state)
    assert variables[0].numpy().tolist() == [1, 2]
    single = tf.Variable(5.0)
    state = component_state(single)
    single.assign(0)
    restore_component(single, state)
    assert single.numpy() == 5


@pytest.mark.parametrize("make", [net, lambda: keras.layers.Dense(2), optimizer])
def test_a_second_of_the_same_form_takes_over_the_state_of_the_first(make):
    first, second = make(), make()
    for component in (first, second):
        if isinstance(component, keras.layers.Dense):
            component.build((None, 4))
    for variable in first.variables:
        variable.assign(variable + tf.ones(variable.shape, variable.dtype))
    state = component_state(first)
    assert len(state) == len(first.variables) > 0
    restore_component(second, state)
    for one, other in zip(first.variables, second.variables, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_learning_rate_is_part_of_an_optimizer():
    one, other = optimizer(), optimizer()
    one.learning_rate.assign(0.125)
    restore_component(other, component_state(one))
    assert float(other.learning_rate.numpy()) == 0.125


def test_a_generator_goes_on_where_it_was():
    one, other = np.random.default_rng(0), np.random.default_rng(1)
    one.random(3)
    restore_component(other, component_state(one))
    assert one.random() == other.random()


def test_an_object_has_a_state_of_its_own():
    one, other = Plain(), Plain()
    one.value = 7
    restore_component(other, component_state(one))
    assert other.value == 7


def test_what_is_large_or_missing_has_no_state_here():
    assert component_state(Large()) == component_state(None) == {}
    restore_component(Large(), {})
    restore_component(None, {})


def test_models_are_not_taken_for_buffers():
    assert is_large(Large()) and not is_model(Large())
    assert is_model(net()) and not is_large(net())
    assert not is_large(optimizer()) and not is_large(Plain()) and not is_model(optimizer())


@pytest.mark.parametrize("units", [2, 4])
def test_the_state_of_another_form_is_refused(units):
    with pytest.raises(ValueError):
        restore_component(net(3), component_state(net(units)))


def test_the_state_of_another_number_of_variables_is_refused():
    with pytest.raises(ValueError, match="2 saved arrays do not match 1 variables"):
        restore_component([tf.Variable(1.0)], component_state(net()))
    with pytest.raises(KeyError):
        restore_component([tf.Variable(1.0)], {"007/v": np.float32(1)})
