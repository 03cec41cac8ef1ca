"""Optimizers and learning-rate schedules by name."""

from __future__ import annotations

from dataclasses import dataclass
from inspect import signature
from typing import Any, Literal, get_args

from agentlab.config import Options, option
from agentlab.errors import AgentlabError
from agentlab.lazy import keras, tf

ScheduleName = Literal[
    "constant",
    "linear",
    "cosine",
    "exponential",
    "inverse_time",
    "step",
    "restarts",
    "inverse_sqrt",
]
SCHEDULES = get_args(ScheduleName)


def make_optimizer(name: str, learning_rate: Any, **arguments: Any) -> Any:
    """Make the Keras optimizer ``name`` (``adam``, ``rmsprop``, ``sgd``, ...; case is ignored).

    Args:
        name: a Keras optimizer's class name.
        learning_rate: step size, or a schedule that ``make_schedule`` made.
        arguments: passed to its class.

    Raises:
        AgentlabError: for a name that Keras does not know, or arguments that it does not take.
    """
    known = {  # the base class, and optimizers that wrap others, take no learning rate
        key.lower(): cls
        for key, cls in vars(keras.optimizers).items()
        if isinstance(cls, type) and "learning_rate" in signature(cls).parameters
    }
    if name.lower() not in known:
        raise AgentlabError(f"optimizer={name!r} is unknown; there are {', '.join(sorted(known))}")
    name = name.lower()
    taken = signature(known[name]).parameters
    for argument, value in arguments.items():
        if argument not in taken:
            raise AgentlabError(f"{argument}={value!r} is nothing that optimizer={name!r} takes")
    return known[name](learning_rate=learning_rate, name=name, **arguments)


@dataclass(frozen=True)
class OptimizerOptions(Options):
    """Which optimizer descends the gradient, and how fast."""

    optimizer: str = option("adam", "a Keras optimizer by name")
    learning_rate: float = option(1e-3, "step size of the optimizer, at its highest", gt=0)
    optimizer_epsilon: float | None = option(None, "its epsilon; none for Keras' default", gt=0)
    max_grad_norm: float | None = option(
        None, "bound on the norm of the gradient; none for no bound", gt=0
    )

    def make_optimizer(self, learning_rate: Any = None, **arguments: Any) -> Any:
        """Make the optimizer, with a schedule as ``learning_rate`` where one is given."""
        if self.optimizer_epsilon is not None:
            arguments["epsilon"] = self.optimizer_epsilon
        rate = self.learning_rate if learning_rate is None else learning_rate
        return make_optimizer(self.optimizer, rate, **arguments)


def make_schedule(name: str, learning_rate: float, steps: int, warmup_steps: int = 0) -> Any:
    """Make a learning rate that changes from update to update.

    ``constant``; ``linear`` and ``cosine`` (Loshchilov & Hutter 2017) fall to 0 at the last
    update; ``exponential`` falls to a hundredth; ``inverse_time`` to a tenth; ``step`` is divided
    by ten at half and again at three quarters; ``restarts`` is cosine with warm restarts, each
    twice as long; ``inverse_sqrt`` falls with the root of the updates made (Vaswani et al. 2017).

    Args:
        name: one of these, ``SCHEDULES``.
        learning_rate: at its highest.
        steps: how many updates there will be, those of the warm-up included.
        warmup_steps: updates over which it first rises from 0, in a straight line.

    Returns:
        A Keras schedule, or ``learning_rate`` itself where it stays.

    Raises:
        AgentlabError: for an unknown name, or a warm-up that leaves no updates.
    """
    if name not in SCHEDULES:
        raise AgentlabError(f"schedule={name!r} is unknown; there are {', '.join(SCHEDULES)}")
    if not 0 <= warmup_steps < max(steps, 1):
        raise AgentlabError(
            f"warmup_steps={warmup_steps} must be less than the {steps} updates of the training"
        )
    if name == "constant" and not warmup_steps:
        return learning_rate
    from agentlab.training.schedules import Schedule

    return Schedule(name, learning_rate, steps, warmup_steps)


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
    plain_adam = type(optimizer) is keras.optimizers.Adam and not optimizer.amsgrad
    fused = plain_adam and optimizer.weight_decay is None and not xla
    update = _fused_adam(optimizer, len(variables)) if fused else optimizer.apply

    def apply(gradients: list[Any]) -> Any:
        norm = tf.sqrt(tf.add_n([_sum_of_squares(gradient, xla) for gradient in gradients]))
        if max_norm is not None:
            scale = max_norm / tf.maximum(norm, max_norm)
            if xla:
                gradients = [gradient * scale for gradient in gradients]
            else:  # a pass over all weights that is seldom needed
                gradients = tf.cond(
                    scale < 1, lambda: [g * scale for g in gradients], lambda: gradients
                )
        update(gradients, variables)
        return norm

    return tf.function(apply, jit_compile=xla)


def _sum_of_squares(gradient: Any, xla: bool) -> Any:
    """Return the sum by one kernel, or by a product with ones: XLA's sums add number by number."""
    if not xla:
        return 2 * tf.nn.l2_loss(gradient)
    if len(gradient.shape) != 2:
        return tf.reduce_sum(tf.square(gradient))
    return tf.reduce_sum(tf.linalg.matvec(tf.square(gradient), tf.ones(gradient.shape[1])))


def _fused_adam(optimizer: Any, count: int) -> Any:
    """Return Adam's step (Kingma & Ba 2015, algorithm 1) on ``optimizer``'s own moments."""
    moments = optimizer.variables[-2 * count :]

    def update(gradients: list[Any], variables: list[Any]) -> None:
        learning_rate = tf.convert_to_tensor(optimizer.learning_rate)  # of a schedule: before
        optimizer.iterations.assign_add(1)
        steps = tf.cast(optimizer.iterations, tf.float32)
        beta_1, beta_2 = tf.constant(optimizer.beta_1), tf.constant(optimizer.beta_2)
        for variable, momentum, velocity, gradient in zip(
            variables, moments[::2], moments[1::2], gradients, strict=True
        ):
            tf.raw_ops.ResourceApplyAdam(
                var=(variable if isinstance(variable, tf.Variable) else variable.value).handle,
                m=momentum.value.handle,
                v=velocity.value.handle,
                beta1_power=beta_1**steps,
                beta2_power=beta_2**steps,
                lr=learning_rate,
                beta1=beta_1,
                beta2=beta_2,
                epsilon=optimizer.epsilon,
                grad=gradient,
            )

    return update
