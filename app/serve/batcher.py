"""Batching of concurrent requests: one thread predicts waiting images together."""

import asyncio
import collections
import dataclasses
import threading
import time
from collections.abc import Callable, Sequence

import numpy as np

from app.predictor import Prediction


@dataclasses.dataclass(eq=False)
class _Waiting:
    pixels: np.ndarray
    heat_map: bool
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future


class Batcher:
    """A thread that predicts whatever images wait, up to a batch at a time.

    It never waits for a batch to fill up: the next one fills while the model works on the one
    before, and an image that comes alone is predicted at once.
    """

    def __init__(
        self,
        ask: Callable[[np.ndarray, Sequence[bool]], list[Prediction]],
        batch_size: int,
        observe: Callable[[int, float], None] = lambda count, seconds: None,
    ):
        """Starts the thread.

        Args:
            ask: as `Predictor.ask`.
            batch_size: images per call, at most.
            observe: called in the thread with the number of images and the seconds of each call.
        """
        self._ask, self._batch_size, self._observe = ask, batch_size, observe
        self._queue: collections.deque[_Waiting] = collections.deque()
        self._wake = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="inference", daemon=True)
        self._thread.start()

    def __len__(self) -> int:
        """Number of waiting images."""
        return len(self._queue)

    async def ask(self, pixels: np.ndarray, heat_map: bool = False) -> Prediction:
        """The prediction for one image; a cancelled call is dropped from the queue.

        Args:
            pixels: uint8 (height, width, 3), of the model's size.
            heat_map: whether to make a heat map.

        Raises:
            RuntimeError: the batcher is closed.
        """
        loop = asyncio.get_running_loop()
        waiting = _Waiting(pixels, heat_map, loop, loop.create_future())
        with self._wake:
            if self._closed:
                raise RuntimeError("Expected an open batcher. Received: a closed one")
            self._queue.append(waiting)
            self._wake.notify()
        try:
            return await waiting.future
        except asyncio.CancelledError:
            with self._wake:
                if waiting in self._queue:
                    self._queue.remove(waiting)
            raise

    def close(self) -> None:
        """Ends the thread after the waiting images."""
        with self._wake:
            self._closed = True
            self._wake.notify()
        self._thread.join()

    def _work(self) -> None:
        while batch := self._take():
            start = time.perf_counter()
            try:
                pixels = np.stack([waiting.pixels for waiting in batch])
                results = self._ask(pixels, [waiting.heat_map for waiting in batch])
            except Exception as error:  # of any kind: it is raised in the calls that wait
                results = [error] * len(batch)
            self._observe(len(batch), time.perf_counter() - start)
            by_loop: dict[asyncio.AbstractEventLoop, list] = {}
            for waiting, result in zip(batch, results, strict=True):
                by_loop.setdefault(waiting.loop, []).append((waiting.future, result))
            for loop, pairs in by_loop.items():
                if not loop.is_closed():
                    loop.call_soon_threadsafe(_deliver, pairs)

    def _take(self) -> list[_Waiting]:
        """The next batch, as soon as an image waits; empty once closed and drained."""
        with self._wake:
            self._wake.wait_for(lambda: self._queue or self._closed)
            count = min(len(self._queue), self._batch_size)
            return [self._queue.popleft() for _ in range(count)]


def _deliver(pairs: list[tuple[asyncio.Future, Prediction | Exception]]) -> None:
    for future, result in pairs:
        if future.done():  # cancelled meanwhile
            continue
        if isinstance(result, Exception):
            future.set_exception(result)
        else:
            future.set_result(result)
