"""Worker: decodes, batches and predicts the images of requests, within limits."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

from starlette.types import Receive

from app.predictor import Prediction, Predictor
from app.serve import model_info, responses
from app.serve.batcher import Batcher
from app.serve.body import BUSY, ClientGoneError
from app.serve.decoder_pool import DecoderPool
from app.serve.errors import ServiceError, log_error, of_image
from app.serve.settings import Settings
from app.serve.telemetry import Telemetry
from common.images import ImageError, Prepared


class Worker:
    """The model, and the threads and processes around it.

    Attributes:
        in_flight: number of images in work.
        ready: whether the model is warm and the server is not shutting down.
    """

    def __init__(self, predictor: Predictor, settings: Settings, telemetry: Telemetry):
        limits = settings.limits
        self.predictor, self.limits, self.telemetry = predictor, limits, telemetry
        self.in_flight = 0
        self.ready = False
        self.marker = predictor.card["sha256"][:12]
        self.batcher = Batcher(predictor.ask, settings.batch_size, telemetry.batch)
        self.decoders = DecoderPool(predictor.preprocessing, limits)
        self._threads = ThreadPoolExecutor(limits.decoders, "decode")
        # Separate threads, so that heat maps do not wait behind slow images of other requests.
        self._encoders = ThreadPoolExecutor(limits.decoders, "encode")
        self._slots = asyncio.Semaphore(limits.decoders)

    async def warm_up(self) -> None:
        """Runs the model once: the first call is slow."""
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
        """Checks that `count` more images are within the limit.

        Raises:
            ServiceError: busy.
        """
        if self.in_flight + count > self.limits.in_flight:
            raise ServiceError("busy", BUSY, f"{self.in_flight} images in flight")

    async def answer(self, images: list[bytes], heat_map: bool, receive: Receive) -> dict:
        """The response to a request.

        Args:
            images: files' bytes.
            heat_map: whether to make heat maps.
            receive: of the request, whose body has been read: returns when the client disconnects.

        Returns:
            The JSON object: marker of the model, and for each image its prediction or error.

        Raises:
            ServiceError: busy, timed_out; or the first image's error if no image can be used.
            ClientGoneError: the client has disconnected; its images are dropped.
        """
        count = len(images)
        self.check_free(count)
        self.in_flight += count
        try:
            async with asyncio.timeout(self.limits.work_seconds):
                work = asyncio.gather(
                    *(self._predict(data, heat_map) for data in images), return_exceptions=True
                )
                results = await _result_unless_gone(work, receive)
        except TimeoutError:
            raise ServiceError(
                "timed_out",
                f"Expected an answer within {self.limits.work_seconds:g} s. Received: none yet. "
                "Try again soon, with fewer or smaller pictures.",
            ) from None
        finally:
            self.in_flight -= count
        errors = [result for result in results if isinstance(result, BaseException)]
        for error in errors:
            if not isinstance(error, ServiceError):
                raise error
        if len(errors) == count:
            raise errors[0]
        for error in errors:
            self.telemetry.rejected.labels(error.code).inc()
        items = [log_error(r) if isinstance(r, ServiceError) else r for r in results]
        return {"model": self.marker, "predictions": items}

    async def _predict(self, data: bytes, heat_map: bool) -> dict:
        start = time.perf_counter()
        try:
            prepared = await self._decode(data)
        except ImageError as error:
            raise of_image(error, self.limits.pixels, model_info.FORMATS) from None
        finally:
            self.telemetry.decoding.observe(time.perf_counter() - start)
        prediction = await self.batcher.ask(prepared.pixels, heat_map)
        url = None
        if heat_map:
            loop = asyncio.get_running_loop()
            url = await loop.run_in_executor(self._encoders, self._heat_url, prediction, prepared)
        decision = "abstained" if prediction.abstained else prediction.decision
        self.telemetry.images.labels(decision).inc()
        return responses.prediction_json(prediction, url)

    async def _decode(self, data: bytes) -> Prepared:
        # Calls wait here, not in the executor's queue, where a cancelled call would keep its bytes
        # until a thread is free.
        await self._slots.acquire()
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(self._threads, self.decoders.prepare, data)
        future.add_done_callback(self._release)
        return await asyncio.shield(future)  # threads cannot be cancelled: the slot stays taken

    def _release(self, future: asyncio.Future) -> None:
        self._slots.release()
        if not future.cancelled():
            future.exception()  # marks it as retrieved, in case that nobody awaits it any more

    def _heat_url(self, prediction: Prediction, prepared: Prepared) -> str:
        image_size, resize, *_ = self.predictor.preprocessing
        return responses.heat_url(prediction, prepared.aspect, image_size, resize)


async def _result_unless_gone(work: asyncio.Future, receive: Receive) -> list:
    """The result of `work`, which is cancelled when the client disconnects."""
    gone = asyncio.ensure_future(receive())  # after the body, only a disconnect can come
    try:
        await asyncio.wait((work, gone), return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            raise ClientGoneError
        return work.result()
    finally:
        work.cancel()
        gone.cancel()
