"""Strategies that split every minibatch across devices or processes, with ``tf.distribute``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import cycle
from typing import Any, NoReturn

from agentlab.errors import AgentlabError, InvalidArgument
from agentlab.lazy import tf, without_banners
from agentlab.runs import Task, this_task
from agentlab.training.replicas import Replicas, StrategyReplicas, using_replicas

STRATEGIES = ("mirrored", "multiworker", "ps")
LAUNCH = "`agentlab launch --workers 2 -- fit ...` sets it for processes on one machine"


@contextmanager
def distributed(strategy: str | None, devices: Sequence[str] | None = None) -> Iterator[None]:
    """Split minibatches across replicas, for every learner that is created in this context.

    Gradients and metrics are means over the whole minibatch, so the results equal those of one
    process up to rounding, and are reproducible bit for bit with the same replicas. ::

        with distributed("mirrored"):
            agent = agentlab.make_agent("dqn", envs)
            agentlab.train(agent, envs, steps=100_000)

    Args:
        strategy: ``"mirrored"`` for the GPUs of this machine; ``"multiworker"`` for the processes
            in ``TF_CONFIG``, each of which runs the same program; ``"ps"`` for the workers and
            parameter servers in ``TF_CONFIG``, whose chief runs the program; ``None`` for no
            distribution.
        devices: the devices of ``"mirrored"``, such as ``("GPU:0", "GPU:1")``; ``None`` for all
            GPUs.

    Raises:
        InvalidArgument: for an unknown strategy.
        AgentlabError: if ``TF_CONFIG`` is missing or does not match the strategy.
    """
    if strategy is None:
        yield
        return
    if strategy not in STRATEGIES:
        raise InvalidArgument(f"strategy={strategy!r} must be one of {', '.join(STRATEGIES)}")
    task = this_task()
    if strategy != "mirrored" and task.workers < 2:
        raise AgentlabError(
            f"strategy={strategy!r} needs the environment variable TF_CONFIG with at least 2 "
            f"workers; {LAUNCH}"
        )
    if strategy == "ps":
        if task.kind in ("ps", "worker"):
            serve()
        with _parameter_servers(task):
            yield
        return
    with using_replicas(StrategyReplicas(_collective(strategy, devices and tuple(devices)))):
        yield


@cache
def _collective(strategy: str, devices: tuple[str, ...] | None) -> Any:
    """Return a strategy; the same for the same devices.

    A second one would number its collective operations from the same start, and TensorFlow treats
    operations with the same number as one, which is an error if their shapes differ.
    """
    with without_banners():
        if strategy == "mirrored":
            return tf.distribute.MirroredStrategy(devices)
        return tf.distribute.MultiWorkerMirroredStrategy()


def serve() -> NoReturn:
    """Serve computations or variables to the chief until this process is terminated."""
    with without_banners():
        resolver = tf.distribute.cluster_resolver.TFConfigClusterResolver()
        server = tf.distribute.Server(
            resolver.cluster_spec(),
            job_name=resolver.task_type,
            task_index=resolver.task_id,
            protocol="grpc",
        )
    server.join()
    raise AgentlabError("the server of this task ended")


@contextmanager
def _parameter_servers(task: Task) -> Iterator[None]:
    """Create variables on parameter servers, and compute gradients on workers."""
    if not task.writes or not task.cluster.get("ps"):
        raise AgentlabError(
            "strategy='ps' needs a chief, workers and parameter servers in TF_CONFIG; "
            "`agentlab launch --workers 2 --ps 1 -- fit ...` sets it for processes on one machine"
        )
    with without_banners():
        resolver = tf.distribute.cluster_resolver.TFConfigClusterResolver()
        strategy = tf.distribute.ParameterServerStrategy(resolver)
        coordinator = tf.distribute.coordinator.ClusterCoordinator(strategy)
    servers = cycle(range(len(task.cluster["ps"])))

    def on_server(create: Callable[..., Any], **options: Any) -> Any:
        with tf.device(f"/job:ps/task:{next(servers)}/device:CPU:0"):
            return create(**options)

    # Not in the strategy's scope, where optimizers work only in scheduled functions.
    replicas: Replicas = ScheduledReplicas(coordinator, len(task.cluster["worker"]))
    with tf.variable_creator_scope(on_server), using_replicas(replicas):
        yield


class ScheduledReplicas:
    """The workers of a ``ClusterCoordinator``, which compute the gradients of each minibatch.

    The chief waits for all of them, and updates the variables on the parameter servers. If a worker
    fails, another one recomputes its part.

    Args:
        coordinator: a ``ClusterCoordinator``.
        count: number of workers.
    """

    compiled, remote = False, True

    def __init__(self, coordinator: Any, count: int) -> None:
        self._coordinator, self.count = coordinator, count
        self._functions: dict[Any, Any] = {}

    def summed(self, function: Callable[[Any, int], Any], batch: Any) -> Any:
        """Return the sum of ``function(batch, replica)`` over all workers."""
        batch = tf.nest.map_structure(tf.convert_to_tensor, batch)
        parts = [
            self._coordinator.schedule(self._compiled(function, replica, batch), args=(batch,))
            for replica in range(self.count)
        ]
        self._coordinator.join()
        return tf.add_n([part.fetch() for part in parts])

    def _compiled(self, function: Callable[[Any, int], Any], replica: int, batch: Any) -> Any:
        """Return the compiled function of a replica, for minibatches of any size."""
        shapes = [tuple(tensor.shape[1:]) for tensor in tf.nest.flatten(batch)]
        key = (function, replica, str(shapes))
        if key not in self._functions:
            spec = tf.nest.map_structure(_of_any_size, batch)
            self._functions[key] = tf.function(lambda given: function(given, replica), [spec])
        return self._functions[key]


def _of_any_size(tensor: Any) -> Any:
    shape = (None, *tensor.shape[1:]) if tensor.shape.rank else ()
    return tf.TensorSpec(shape, tensor.dtype)
