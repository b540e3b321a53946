"""Batcher: waiting images go together, none is lost, no call waits for ever."""

import asyncio
import threading

import numpy as np
import pytest

from app.serve.batcher import Batcher


class Model:
    """Answers an image's first value; keeps what it was asked; can be held up."""

    def __init__(self):
        self.asked, self.heats = [], []
        self.free = threading.Event()
        self.free.set()

    def __call__(self, pixels, heat_maps):
        self.asked.append([int(array[0, 0, 0]) for array in pixels])
        self.heats.append(list(heat_maps))
        assert self.free.wait(30)
        if 13 in self.asked[-1]:
            raise OSError("no model any more")
        return self.asked[-1]


@pytest.fixture
def model():
    return Model()


@pytest.fixture
def batcher(model):
    batcher = Batcher(model, batch_size=4)
    yield batcher
    model.free.set()
    batcher.close()
    assert not batcher._thread.is_alive()


def image(value: int) -> np.ndarray:
    return np.full((2, 2, 3), value, np.uint8)


async def held_up(batcher, model, values, heats=()):
    """Tasks of images that wait behind a first one, which is being looked at."""
    model.free.clear()
    first = asyncio.create_task(batcher.ask(image(99)))
    while not model.asked:
        await asyncio.sleep(0.001)
    tasks = [asyncio.create_task(batcher.ask(image(v), v in heats)) for v in values]
    while len(batcher) < len(values):
        await asyncio.sleep(0.001)
    return first, tasks


def test_what_waits_is_looked_at_together_and_each_gets_its_own_answer(batcher, model):
    async def run():
        first, tasks = await held_up(batcher, model, range(10), heats=(2, 9))
        model.free.set()
        assert await first == 99
        return await asyncio.gather(*tasks)

    assert asyncio.run(run()) == list(range(10))
    assert model.asked == [[99], [0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert model.heats[1:] == [[False, False, True, False], [False] * 4, [False, True]]


def test_who_comes_alone_is_answered_at_once(batcher, model):
    assert asyncio.run(batcher.ask(image(7))) == 7
    assert model.asked == [[7]]


def test_cancelled_calls_leave_the_queue(batcher, model):
    async def run():
        first, tasks = await held_up(batcher, model, range(3))
        tasks[1].cancel()
        await asyncio.sleep(0)
        with pytest.raises(asyncio.CancelledError):
            await tasks[1]
        assert len(batcher) == 2
        first.cancel()  # is being looked at: its answer is thrown away
        model.free.set()
        return await asyncio.gather(tasks[0], tasks[2])

    assert asyncio.run(run()) == [0, 2]
    assert model.asked == [[99], [0, 2]]


def test_a_fault_reaches_all_of_the_batch_and_the_next_is_answered(batcher, model):
    async def run():
        first, tasks = await held_up(batcher, model, [5, 13])
        model.free.set()
        await first
        errors = await asyncio.gather(*tasks, return_exceptions=True)
        return errors, await batcher.ask(image(6))

    errors, after = asyncio.run(run())
    assert [type(error) for error in errors] == [OSError, OSError] and after == 6


def test_closing_answers_what_waits_and_takes_nothing_more(model):
    batcher = Batcher(model, batch_size=4)

    async def run():
        first, tasks = await held_up(batcher, model, range(6))
        closing = asyncio.create_task(asyncio.to_thread(batcher.close))
        await asyncio.sleep(0.05)
        with pytest.raises(RuntimeError, match="a closed one"):
            await batcher.ask(image(1))
        model.free.set()
        await closing
        return [await first, *await asyncio.gather(*tasks)]

    assert asyncio.run(run()) == [99, *range(6)]


def test_batches_are_told_to_the_observer(model):
    seen = []
    batcher = Batcher(model, 4, lambda count, seconds: seen.append((count, seconds > 0)))
    asyncio.run(batcher.ask(image(1)))
    batcher.close()
    assert seen == [(1, True)]
