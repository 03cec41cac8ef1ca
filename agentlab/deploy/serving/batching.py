"""Dynamic batching: requests that wait at the same time are run as one batch."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from agentlab.deploy.signature import Tensors

ROWS = 256  # maximum size of a batch, unless a single request is larger


@dataclass
class Waiting:
    """A waiting request: its inputs ``[n, ...]`` by name, and the future of its outputs."""

    inputs: Tensors
    outputs: asyncio.Future[Tensors]

    @property
    def rows(self) -> int:
        """The number of examples."""
        return len(next(iter(self.inputs.values())))


class Batcher:
    """Runs requests in its own thread: those that arrive while it is busy form the next batch.

    It never waits for a batch to fill: a request that arrives while it is idle runs at once.

    Args:
        run: function from inputs to outputs by name, ``[n, ...]`` each.
        on_batch: called with the number of requests and rows of each batch.
    """

    def __init__(
        self,
        run: Callable[[Tensors], Tensors],
        on_batch: Callable[[int, int], None] = lambda requests, rows: None,
    ) -> None:
        self._run, self._on_batch = run, on_batch
        self._waiting: list[Waiting] = []
        self._busy = False
        self._thread = ThreadPoolExecutor(1, "agentlab-serve")

    async def __call__(self, inputs: Tensors) -> Tensors:
        """Return the outputs of one request.

        Raises:
            Exception: whatever ``run`` raises for these inputs.
        """
        loop = asyncio.get_running_loop()
        request = Waiting(inputs, loop.create_future())
        self._waiting.append(request)
        if not self._busy:
            self._start(loop)
        return await request.outputs

    def close(self) -> None:
        """Stop the thread once it has finished its batch."""
        self._thread.shutdown(wait=False)

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        batch: list[Waiting] = []
        rows = 0
        while self._waiting and (not batch or rows + self._waiting[0].rows <= ROWS):
            batch.append(self._waiting.pop(0))
            rows += batch[-1].rows
        self._busy = True
        self._on_batch(len(batch), rows)
        self._thread.submit(self._work, batch, loop)

    def _work(self, batch: list[Waiting], loop: asyncio.AbstractEventLoop) -> None:
        """Run a batch; in the thread."""
        results: list[Tensors | Exception] = []
        try:
            results += self._together(batch)
        except Exception:  # whatever a runtime raises; perhaps because of a single request
            results = [self._alone(request) for request in batch]
        loop.call_soon_threadsafe(self._finish, batch, results, loop)

    def _together(self, batch: list[Waiting]) -> list[Tensors]:
        if len(batch) == 1:
            return [self._run(batch[0].inputs)]
        names = list(batch[0].inputs)
        joined = {name: np.concatenate([each.inputs[name] for each in batch]) for name in names}
        outputs = self._run(joined)
        ends = np.cumsum([each.rows for each in batch]).tolist()
        return [
            {name: value[end - each.rows : end] for name, value in outputs.items()}
            for each, end in zip(batch, ends, strict=True)
        ]

    def _alone(self, request: Waiting) -> Tensors | Exception:
        try:
            return self._run(request.inputs)
        except Exception as error:  # reported to the client
            return error

    def _finish(
        self,
        batch: list[Waiting],
        results: list[Tensors | Exception],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        """Set the results of the requests, and start the next batch."""
        self._busy = False
        for request, result in zip(batch, results, strict=True):
            if request.outputs.done():  # the client disconnected
                continue
            if isinstance(result, Exception):
                request.outputs.set_exception(result)
            else:
                request.outputs.set_result(result)
        if self._waiting:
            self._start(loop)
