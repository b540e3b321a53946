"""Images of several requests, looked at together by one thread."""

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
    """A thread that takes whatever waits, up to a batch, and asks the model.

    There is no delay to let a batch fill up: while one is being looked at, the next collects
    itself, and who comes alone is answered at once.
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
            batch_size: images of one call, at most.
            observe: told the number of images and the seconds of each call, in the thread.
        """
        self._ask, self._batch_size, self._observe = ask, batch_size, observe
        self._queue: collections.deque[_Waiting] = collections.deque()
        self._wake = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="inference", daemon=True)
        self._thread.start()

    def __len__(self) -> int:
        """Images that wait."""
        return len(self._queue)

    async def ask(self, pixels: np.ndarray, heat_map: bool = False) -> Prediction:
        """The model's answer to one image; a cancelled call is dropped from the queue.

        Args:
            pixels: uint8 (height, width, 3), of the model's size.
            heat_map: whether to make one.

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
        """Answers what waits, then ends the thread."""
        with self._wake:
            self._closed = True
            self._wake.notify()
        self._thread.join()

    def _work(self) -> None:
        while batch := self._take():
            start = time.perf_counter()
            try:
                pixels = np.stack([each.pixels for each in batch])
                answers = self._ask(pixels, [each.heat_map for each in batch])
            except Exception as error:  # whatever it is, those who wait must hear of it
                answers = [error] * len(batch)
            self._observe(len(batch), time.perf_counter() - start)
            by_loop: dict[asyncio.AbstractEventLoop, list] = {}
            for each, answer in zip(batch, answers, strict=True):
                by_loop.setdefault(each.loop, []).append((each.future, answer))
            for loop, pairs in by_loop.items():
                if not loop.is_closed():
                    loop.call_soon_threadsafe(_deliver, pairs)

    def _take(self) -> list[_Waiting]:
        """The next batch, as soon as there is one; empty once closed and done."""
        with self._wake:
            self._wake.wait_for(lambda: self._queue or self._closed)
            count = min(len(self._queue), self._batch_size)
            return [self._queue.popleft() for _ in range(count)]


def _deliver(pairs: list[tuple[asyncio.Future, Prediction | Exception]]) -> None:
    for future, answer in pairs:
        if future.done():  # cancelled meanwhile
            continue
        if isinstance(answer, Exception):
            future.set_exception(answer)
        else:
            future.set_result(answer)
