"""The application: routes and what stands around them."""

import contextlib
import json
from collections.abc import AsyncIterator

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse
from starlette.staticfiles import StaticFiles

from app.predictor import Predictor
from app.server import about, errors
from app.server.body import Body, Memory, is_multipart, split_parts
from app.server.errors import ServiceError
from app.server.settings import STATIC, Settings
from app.server.work import Worker


def create_app(settings: Settings) -> FastAPI:
    """Opens the model and puts the application together.

    Raises:
        StageError: the model cannot be opened, or what was named beside it.
    """
    predictor = Predictor(settings.model, settings.precision, settings.batch_size)
    predictor.max_pixels = min(predictor.max_pixels, settings.limits.pixels)
    description = json.dumps(about.describe(predictor, settings)).encode()
    examples = about.read_examples(settings.dataset, predictor.class_names)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        worker = app.state.worker = Worker(predictor, settings)
        await worker.warm_up()
        yield
        worker.close()

    app = FastAPI(
        title="Image classifier",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
    )
    app.state.memory = Memory(settings.limits.body_memory)

    @app.exception_handler(ServiceError)
    async def refuse(request: Request, error: ServiceError) -> Response:
        body, headers = errors.response(error)
        return Response(body, error.status, headers)

    @app.exception_handler(HTTPException)
    async def no_route(request: Request, error: HTTPException) -> Response:
        code = "method_not_allowed" if error.status_code == 405 else "not_found"
        return await refuse(request, ServiceError(code, f"{code.replace('_', ' ')}."))

    @app.exception_handler(RequestValidationError)
    async def bad_query(request: Request, error: RequestValidationError) -> Response:
        message = "Expected heat_map to be true or false. Received: something else."
        return await refuse(request, ServiceError("bad_request", message))

    @app.post("/v1/predict")
    async def predict(request: Request, heat_map: bool = False) -> Response:
        worker: Worker = request.app.state.worker
        worker.check_free()
        with Body(request, settings.limits, app.state.memory) as body:
            data = await body.read()
            kind = request.headers.get("content-type")
            pictures = [data]
            if is_multipart(kind):
                pictures = split_parts(data, kind, settings.limits.pictures)
            answer = await worker.answer(pictures, heat_map)
        return Response(json.dumps(answer).encode(), media_type="application/json")

    @app.get("/v1/model")
    async def model() -> Response:
        return Response(description, media_type="application/json")

    @app.get("/v1/examples")
    async def list_examples() -> Response:
        found = [{"url": f"/examples/{i}", "label": label} for i, (label, _) in enumerate(examples)]
        return Response(json.dumps({"examples": found}).encode(), media_type="application/json")

    @app.get("/examples/{number}")
    async def example(number: int) -> Response:
        if not 0 <= number < len(examples):
            raise HTTPException(404)
        return Response(examples[number][1], media_type="image/png")

    @app.get("/healthz")
    async def healthz() -> Response:
        return Response(b'{"status": "ok"}', media_type="application/json")

    @app.get("/readyz")
    async def readyz(request: Request) -> Response:
        if not request.app.state.worker.ready:
            raise ServiceError("busy", "Expected a model that is ready. Received: not yet.")
        return Response(b'{"status": "ready"}', media_type="application/json")

    @app.get("/")
    async def page() -> Response:
        return FileResponse(STATIC / "index.html")

    app.mount("/static", StaticFiles(directory=STATIC))
    return app
