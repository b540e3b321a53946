"""From a request's bytes to its answer: decoded, batched, encoded, within limits."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

from starlette.types import Receive

from app.predictor import Prediction, Predictor, Prepared
from app.serve import about, responses
from app.serve.batcher import Batcher
from app.serve.body import BUSY, ClientGoneError
from app.serve.decoder_pool import Decoders
from app.serve.errors import ServiceError, of_image, report
from app.serve.settings import Settings
from app.serve.telemetry import Telemetry
from common.images import ImageError


class Worker:
    """The model, and the threads and processes around it.

    Attributes:
        in_flight: images that are being worked on.
        ready: whether the model is warm and the end has not come.
    """

    def __init__(self, predictor: Predictor, settings: Settings, telemetry: Telemetry):
        limits = settings.limits
        self.predictor, self.limits, self.telemetry = predictor, limits, telemetry
        self.in_flight = 0
        self.ready = False
        self.marker = predictor.card["sha256"][:12]
        self.batcher = Batcher(predictor.ask, settings.batch_size, telemetry.batch)
        self.decoders = Decoders(
            predictor.image_size, predictor.resize, predictor.max_pixels, limits
        )
        self._threads = ThreadPoolExecutor(limits.decoders, "decode")
        # Threads of their own: a heat map shall not wait behind slow images of others.
        self._encoders = ThreadPoolExecutor(limits.decoders, "encode")
        self._slots = asyncio.Semaphore(limits.decoders)

    async def warm_up(self) -> None:
        """Asks the model once, so that no user waits for what the first call does."""
        await asyncio.to_thread(self.predictor.warm_up)
        self.ready = True

    def close(self) -> None:
        """Ends threads and processes."""
        self.ready = False
        self.batcher.close()
        self.decoders.close()
        for pool in (self._threads, self._encoders):
            pool.shutdown(cancel_futures=True)

    def check_free(self, count: int = 1) -> None:
        """Makes sure that so many images may be taken in.

        Raises:
            ServiceError: busy.
        """
        if self.in_flight + count > self.limits.in_flight:
            raise ServiceError("busy", BUSY, f"{self.in_flight} pictures in flight")

    async def answer(self, images: list[bytes], heat_map: bool, receive: Receive) -> dict:
        """The answer to a request.

        Args:
            images: files' bytes.
            heat_map: whether to make heat maps.
            receive: of the request, whose body has been read: tells when the client goes.

        Raises:
            ServiceError: busy, timed_out; or what is wrong with the first image if no image
                can be used.
            ClientGoneError: what the name says; nothing more is done for it.
        """
        count = len(images)
        self.check_free(count)
        self.in_flight += count
        try:
            async with asyncio.timeout(self.limits.work_seconds):
                work = asyncio.gather(
                    *(self._one(data, heat_map) for data in images), return_exceptions=True
                )
                found = await _unless_gone(work, receive)
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
        for each in failed:
            self.telemetry.rejected.labels(each.code).inc()
        items = [report(each) if isinstance(each, ServiceError) else each for each in found]
        return {"model": self.marker, "predictions": items}

    async def _one(self, data: bytes, heat_map: bool) -> dict:
        start = time.perf_counter()
        try:
            prepared = await self._decode(data)
        except ImageError as error:
            raise of_image(error, self.limits.pixels, about.FORMATS) from None
        finally:
            self.telemetry.decoding.observe(time.perf_counter() - start)
        found = await self.batcher.ask(prepared.pixels, heat_map)
        url = None
        if heat_map:
            loop = asyncio.get_running_loop()
            url = await loop.run_in_executor(self._encoders, self._heat_url, found, prepared)
        self.telemetry.images.labels("abstained" if found.abstained else found.decision).inc()
        return responses.item(found, url)

    async def _decode(self, data: bytes) -> Prepared:
        # Who waits, waits here, not in the pool's queue: there a cancelled call would keep its
        # bytes until a thread is free.
        await self._slots.acquire()
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(self._threads, self.decoders.prepare, data)
        future.add_done_callback(self._release)
        return await asyncio.shield(future)  # a thread goes on: its slot is free only afterwards

    def _release(self, future: asyncio.Future) -> None:
        self._slots.release()
        if not future.cancelled():
            future.exception()  # of a call that nobody waits for: has been looked at

    def _heat_url(self, found: Prediction, prepared: Prepared) -> str:
        predictor = self.predictor
        return responses.heat_url(found, prepared.aspect, predictor.image_size, predictor.resize)


async def _unless_gone(work: asyncio.Future, receive: Receive) -> list:
    """Its result; cancelled when the client goes."""
    gone = asyncio.ensure_future(receive())  # nothing else can come once the body is whole
    try:
        await asyncio.wait((work, gone), return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            raise ClientGoneError
        return work.result()
    finally:
        work.cancel()
        gone.cancel()
