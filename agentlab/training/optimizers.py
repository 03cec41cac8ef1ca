"""Optimizers and learning-rate schedules by name."""

from __future__ import annotations

from dataclasses import dataclass, replace
from inspect import signature
from typing import Any, Literal, Self, get_args

from agentlab.config import Options, option
from agentlab.errors import AgentlabError
from agentlab.lazy import keras, tf
from agentlab.training.optimizer_names import check_optimizer

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
    """Create a Keras optimizer by name (``adam``, ``rmsprop``, ``sgd``, ...; case is ignored).

    Args:
        name: class name of a Keras optimizer.
        learning_rate: a float, or a schedule from ``make_schedule``.
        arguments: further arguments of the class.

    Raises:
        AgentlabError: for an unknown optimizer, or arguments that it does not accept.
    """
    check_optimizer(name)
    known = {key.lower(): cls for key, cls in vars(keras.optimizers).items()}
    name = name.lower()
    taken = signature(known[name]).parameters
    for argument, value in arguments.items():
        if argument not in taken:
            raise AgentlabError(
                f"optimizer={name!r} has no argument {argument!r}; leave out {argument}={value!r}"
            )
    return known[name](learning_rate=learning_rate, name=name, **arguments)


@dataclass(frozen=True)
class OptimizerOptions(Options):
    """The optimizer and its options."""

    optimizer: str = option("adam", "name of a Keras optimizer")
    learning_rate: float = option(1e-3, "peak learning rate", gt=0)
    optimizer_epsilon: float | None = option(
        None, "epsilon of the optimizer; none for its default", gt=0
    )
    decay_steps: int = option(
        0, "steps over which the learning rate decays linearly to 0; 0 for constant", ge=0
    )
    max_grad_norm: float | None = option(
        None, "clip the global gradient norm to this; none for no clipping", gt=0
    )

    def check(self) -> None:
        super().check()
        check_optimizer(self.optimizer)

    def make_optimizer(self, learning_rate: Any = None, **arguments: Any) -> Any:
        """Create the optimizer; ``learning_rate``, a float or a schedule, overrides the option."""
        if self.optimizer_epsilon is not None:
            arguments["epsilon"] = self.optimizer_epsilon
        rate = self.learning_rate if learning_rate is None else learning_rate
        return make_optimizer(self.optimizer, rate, **arguments)

    def decay(self, optimizer: Any, steps: int) -> None:
        """Set the learning rate of ``optimizer`` after ``steps`` steps of training."""
        if self.decay_steps:
            optimizer.learning_rate.assign(self.learning_rate * self.remaining(steps))

    def remaining(self, steps: int) -> float:
        """Return the fraction of the learning rate that is left after ``steps`` steps."""
        return max(0.0, 1 - steps / self.decay_steps) if self.decay_steps else 1.0

    def stretched(self, before: int, now: int) -> Self:
        """Return the options for training ``now`` steps instead of ``before``.

        A decay that spans the whole training is stretched to span it again.
        """
        return replace(self, decay_steps=now) if self.decay_steps == before else self

    def decay_warning(self, steps: int) -> str | None:
        """Return a warning if the learning rate reaches 0 before ``steps`` steps are over."""
        if not 0 < self.decay_steps < steps:
            return None
        return (
            f"the learning rate is 0 after decay_steps={self.decay_steps} steps, so nothing is "
            f"learned from then on, up to step {steps}; use --decay-steps {steps}"
        )


def make_schedule(name: str, learning_rate: float, steps: int, warmup_steps: int = 0) -> Any:
    """Create a learning rate schedule.

    ``constant``; ``linear`` and ``cosine`` (Loshchilov & Hutter 2017) decay to 0 at the last
    update; ``exponential`` decays to 1/100; ``inverse_time`` to 1/10; ``step`` divides by ten after
    one half and again after three quarters of the updates; ``restarts`` is cosine with warm
    restarts, each cycle twice as long as the last; ``inverse_sqrt`` is inversely proportional to
    the square root of the number of updates (Vaswani et al. 2017).

    Args:
        name: one of ``SCHEDULES``.
        learning_rate: peak learning rate.
        steps: total number of updates, including the warm-up.
        warmup_steps: updates over which the learning rate rises linearly from 0.

    Returns:
        A Keras schedule, or ``learning_rate`` itself if it is constant.

    Raises:
        AgentlabError: for an unknown name, or a warm-up that is not shorter than ``steps``.
    """
    if name not in SCHEDULES:
        raise AgentlabError(f"schedule={name!r} is unknown; choose from {', '.join(SCHEDULES)}")
    if not 0 <= warmup_steps < max(steps, 1):
        raise AgentlabError(
            f"warmup_steps={warmup_steps} must be less than the {steps} updates of the training"
        )
    if name == "constant" and not warmup_steps:
        return learning_rate
    from agentlab.training.schedules import Schedule

    return Schedule(name, learning_rate, steps, warmup_steps)


def compiled_apply(
    optimizer: Any,
    variables: list[Any],
    max_norm: float | None,
    xla: bool = True,
    local: bool = True,
) -> Any:
    """Return a compiled function that clips and applies gradients, and returns their global norm.

    Args:
        optimizer: a built Keras optimizer.
        variables: the variables to update.
        max_norm: maximum global norm of the gradients (Pascanu et al. 2013); ``None`` for no
            clipping.
        xla: compile with XLA, which makes one pass over the weights instead of a dozen. Without
            XLA, Adam uses TensorFlow's fused kernel, which runs on all cores and is faster for
            large networks.
        local: whether the variables are in this process; XLA and the fused kernel need that.
    """
    xla = xla and local
    plain_adam = type(optimizer) is keras.optimizers.Adam and not optimizer.amsgrad
    fused = plain_adam and optimizer.weight_decay is None and not xla and local
    update = _fused_adam(optimizer, len(variables)) if fused else optimizer.apply

    def apply(gradients: list[Any]) -> Any:
        norm = tf.sqrt(tf.add_n([_sum_of_squares(gradient, xla) for gradient in gradients]))
        if max_norm is not None:
            scale = max_norm / tf.maximum(norm, max_norm)
            if xla:
                gradients = [gradient * scale for gradient in gradients]
            else:  # skip a pass over all gradients if no clipping is needed
                gradients = tf.cond(
                    scale < 1, lambda: [g * scale for g in gradients], lambda: gradients
                )
        update(gradients, variables)
        return norm

    return tf.function(apply, jit_compile=xla)


def _sum_of_squares(gradient: Any, xla: bool) -> Any:
    """Return the sum of squares by a fused kernel or, since XLA's sums are slow, by a product."""
    if not xla:
        return 2 * tf.nn.l2_loss(gradient)
    if len(gradient.shape) < 2:
        return tf.reduce_sum(tf.square(gradient))
    rows = tf.reshape(tf.square(gradient), (-1, gradient.shape[-1]))
    return tf.reduce_sum(tf.linalg.matvec(rows, tf.ones(gradient.shape[-1])))


def _fused_adam(optimizer: Any, count: int) -> Any:
    """Return Adam's step (Kingma & Ba 2015, algorithm 1) on ``optimizer``'s own moments."""
    moments = optimizer.variables[-2 * count :]

    def update(gradients: list[Any], variables: list[Any]) -> None:
        learning_rate = tf.convert_to_tensor(optimizer.learning_rate)  # before iterations changes
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
