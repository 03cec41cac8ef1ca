"""Optimizers by name."""

from __future__ import annotations

from typing import Any

from agentlab.errors import AgentlabError
from agentlab.lazy import keras, tf


def make_optimizer(name: str, learning_rate: float, **arguments: Any) -> Any:
    """Make the Keras optimizer ``name`` (``adam``, ``rmsprop``, ``sgd``, ...; case is ignored).

    Args:
        name: a Keras optimizer's class name.
        learning_rate: step size.
        arguments: passed to its class.

    Raises:
        AgentlabError: for a name that Keras does not know.
    """
    known = {
        key.lower(): cls
        for key, cls in vars(keras.optimizers).items()
        if isinstance(cls, type) and key not in ("Optimizer", "LossScaleOptimizer")
    }
    if name.lower() not in known:
        raise AgentlabError(f"optimizer={name!r} is unknown; there are {', '.join(sorted(known))}")
    name = name.lower()
    return known[name](learning_rate=learning_rate, name=name, **arguments)


def compiled_apply(
    optimizer: Any, variables: list[Any], max_norm: float | None, xla: bool = True
) -> Any:
    """Return a compiled function that applies gradients, bounded in norm, and returns that norm.

    Args:
        optimizer: a built Keras optimizer.
        variables: what it changes.
        max_norm: bound on the norm of all gradients together (Pascanu et al. 2013); ``None`` for
            no bound.
        xla: let XLA pass once over the weights instead of a dozen times. Without it Adam, the
            usual choice for large nets, runs by TensorFlow's own kernel, quicker still as it
            uses all cores.
    """
    fused = not xla and type(optimizer) is keras.optimizers.Adam and not optimizer.amsgrad
    update = _fused_adam(optimizer) if fused else optimizer.apply

    def apply(gradients: list[Any]) -> Any:
        norm = tf.sqrt(tf.add_n([_sum_of_squares(gradient) for gradient in gradients]))
        if max_norm is not None:
            scale = max_norm / tf.maximum(norm, max_norm)
            gradients = [gradient * scale for gradient in gradients]
        update(gradients, variables)
        return norm

    return tf.function(apply, jit_compile=xla)


def _sum_of_squares(gradient: Any) -> Any:
    """Return the sum as a product with ones, since XLA's own sums add one number at a time."""
    if len(gradient.shape) != 2:
        return tf.reduce_sum(tf.square(gradient))
    return tf.reduce_sum(tf.linalg.matvec(tf.square(gradient), tf.ones(gradient.shape[1])))


def _fused_adam(optimizer: Any) -> Any:
    """Return Adam's step (Kingma & Ba 2015, algorithm 1) on ``optimizer``'s own moments."""
    _, _, *moments = optimizer.variables  # after the iteration and the learning rate

    def update(gradients: list[Any], variables: list[Any]) -> None:
        optimizer.iterations.assign_add(1)
        steps = tf.cast(optimizer.iterations, tf.float32)
        beta_1, beta_2 = tf.constant(optimizer.beta_1), tf.constant(optimizer.beta_2)
        for variable, momentum, velocity, gradient in zip(
            variables, moments[::2], moments[1::2], gradients, strict=True
        ):
            tf.raw_ops.ResourceApplyAdam(
                var=variable.value.handle,
                m=momentum.value.handle,
                v=velocity.value.handle,
                beta1_power=beta_1**steps,
                beta2_power=beta_2**steps,
                lr=tf.convert_to_tensor(optimizer.learning_rate),
                beta1=beta_1,
                beta2=beta_2,
                epsilon=optimizer.epsilon,
                grad=gradient,
            )

    return update
