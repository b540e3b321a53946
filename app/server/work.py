"""From a request's bytes to its answer: decoded, batched, encoded, within limits."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from app.predictor import Predictor
from app.server import about, answers
from app.server.batcher import Batcher
from app.server.body import BUSY
from app.server.errors import ServiceError, of_picture, report
from app.server.settings import Settings
from stages.common.images import ImageError


class Worker:
    """The model and the threads around it."""

    def __init__(self, predictor: Predictor, settings: Settings):
        self.predictor, self.settings = predictor, settings
        self.limits = settings.limits
        self.in_flight = 0
        self.ready = False
        self.batcher = Batcher(predictor.ask, settings.batch_size)
        self.threads = ThreadPoolExecutor(self.limits.decoders, "decode")
        self.marker = predictor.card["sha256"][:12]

    async def warm_up(self) -> None:
        """Asks the model once, so that no user waits for what the first call does."""
        await asyncio.to_thread(self.predictor.warm_up)
        self.ready = True

    def close(self) -> None:
        """Ends the threads after what they do."""
        self.ready = False
        self.batcher.close()
        self.threads.shutdown(cancel_futures=True)

    async def answer(self, pictures: list[bytes], heat_map: bool) -> dict:
        """The answer to a request.

        Raises:
            ServiceError: busy, timed_out; or what is wrong with the only picture or with all.
        """
        count = len(pictures)
        self.check_free(count)
        self.in_flight += count
        try:
            async with asyncio.timeout(self.limits.work_seconds):
                found = await asyncio.gather(
                    *(self._one(data, heat_map) for data in pictures), return_exceptions=True
                )
        except TimeoutError:
            raise ServiceError(
                "timed_out",
                f"Expected an answer within {self.limits.work_seconds:g} s. Received: none yet. "
                "Try again soon, with fewer or smaller pictures.",
            ) from None
        finally:
            self.in_flight -= count
        failed = [each for each in found if isinstance(each, BaseException)]
        for each in failed:
            if not isinstance(each, ServiceError):
                raise each
        if len(failed) == count:
            raise failed[0]
        items = [report(each) if isinstance(each, ServiceError) else each for each in found]
        return {"model": self.marker, "predictions": items}

    def check_free(self, count: int = 1) -> None:
        """Whether that many pictures may be taken in.

        Raises:
            ServiceError: busy.
        """
        if self.in_flight + count > self.limits.in_flight:
            raise ServiceError("busy", BUSY, f"{self.in_flight} pictures in flight")

    async def _one(self, data: bytes, heat_map: bool) -> dict:
        loop = asyncio.get_running_loop()
        try:
            prepared = await loop.run_in_executor(self.threads, self.predictor.prepare, data)
        except ImageError as error:
            raise of_picture(error, self.limits.pixels, about.FORMATS) from None
        answer = await self.batcher.ask(prepared.pixels, heat_map)
        url = None
        if heat_map:
            url = await loop.run_in_executor(
                self.threads,
                answers.heat_url,
                answer,
                prepared.aspect,
                self.predictor.image_size,
                self.predictor.resize,
            )
        return answers.item(answer, url)
