"""FastAPI application: routes, middleware, error handlers."""

import contextlib
import json
from collections.abc import AsyncIterator

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse
from starlette.staticfiles import StaticFiles

from app.predictor import Predictor
from app.serve import model_info, schemas
from app.serve.body import Body, Memory, is_multipart, split_parts
from app.serve.errors import IMAGE_ERRORS, OTHER_IMAGE_ERROR, ServiceError
from app.serve.middleware import Gate
from app.serve.schemas import failures
from app.serve.settings import STATIC, Settings
from app.serve.telemetry import CONTENT_TYPE, Telemetry
from app.serve.worker import Worker

REVALIDATE = {"cache-control": "no-cache"}  # revalidated at each use: 304 if unchanged
IMAGE_CODES = [code for code, _ in (*IMAGE_ERRORS.values(), OTHER_IMAGE_ERROR)]


def create_app(settings: Settings) -> FastAPI:
    """Opens the model and builds the application.

    `app.state.worker` exists once the application runs; /readyz reports its `ready`.

    Raises:
        StageError: the model, the metrics or the dataset cannot be opened.
    """
    predictor = Predictor(settings.model, settings.precision, settings.batch_size)
    preprocessing = predictor.preprocessing
    predictor.preprocessing = preprocessing._replace(
        max_pixels=min(preprocessing.max_pixels, settings.limits.pixels)
    )
    description = _dump(model_info.describe(predictor, settings))
    examples = model_info.read_examples(settings.dataset, predictor.class_names)
    listing = [{"url": f"/examples/{i}", "label": label} for i, (label, _) in enumerate(examples)]
    telemetry = Telemetry(predictor.class_names)
    memory = Memory(settings.limits.body_memory)
    telemetry.gauge("body_bytes", "Bytes of bodies in memory", lambda: memory.held)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        worker = app.state.worker = Worker(predictor, settings, telemetry)
        telemetry.gauge("queue_pictures", "Waiting images", lambda: len(worker.batcher))
        telemetry.gauge("in_flight_pictures", "Images in work", lambda: worker.in_flight)
        yield
        worker.close()

    app = FastAPI(
        title="Image classifier",
        version=predictor.card["sha256"][:12],
        docs_url=None,  # FastAPI's pages load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,  # a redirect would echo the client's Host
        lifespan=lifespan,
    )
    app.add_middleware(Gate, settings=settings, telemetry=telemetry)
    app.add_exception_handler(HTTPException, _no_route)
    app.add_exception_handler(RequestValidationError, _bad_parameter)

    @app.post(
        "/v1/predict",
        summary="The model's predictions for images",
        openapi_extra={"requestBody": schemas.PREDICT_BODY},
        responses={
            200: {
                "model": schemas.Answers,
                "content": {"application/json": {"example": schemas.PREDICT_EXAMPLE}},
            },
            **failures(
                "bad_request",
                "cross_origin",
                "slow_request",
                "body_too_large",
                "too_many_pictures",
                *IMAGE_CODES,
                "timed_out",
            ),
        },
    )
    async def predict(request: Request, heat_map: bool = False) -> Response:
        worker: Worker = app.state.worker
        worker.check_free()
        with Body(request, settings.limits, memory) as body:
            images = [await body.read()]
            content_type = request.headers.get("content-type", "")
            if is_multipart(content_type):
                images = split_parts(images[0], content_type, settings.limits.images)
            answer = await worker.answer(images, heat_map, request.receive)
        return _json(_dump(answer))

    @app.get("/v1/model", responses={200: {"model": schemas.Model}, **failures()})
    async def model() -> Response:
        return _json(description)

    @app.get("/v1/examples", responses={200: {"model": schemas.Examples}, **failures()})
    async def list_examples() -> Response:
        return _json(_dump({"examples": listing}))

    @app.get(
        "/examples/{number}",
        response_class=Response,
        responses={
            200: {"content": {"image/png": {}}},
            **failures("bad_request", "not_found"),
        },
    )
    async def example(number: int) -> Response:
        if not 0 <= number < len(examples):
            raise HTTPException(404)
        return Response(examples[number][1], media_type="image/png", headers=REVALIDATE)

    @app.get("/healthz", responses={200: {"model": schemas.State}, **failures()})
    async def healthz() -> Response:
        return _json(b'{"status": "ok"}')

    @app.get("/readyz", responses={200: {"model": schemas.State}, **failures()})
    async def readyz() -> Response:
        if not app.state.worker.ready:
            raise ServiceError("busy", "Expected a model that is ready. Received: not yet.")
        return _json(b'{"status": "ready"}')

    @app.get("/metrics", responses={200: {"content": {"text/plain": {}}}, **failures()})
    async def metrics() -> Response:
        return Response(telemetry.text(), headers={"content-type": CONTENT_TYPE})

    @app.get("/", include_in_schema=False)
    async def page() -> Response:
        return FileResponse(STATIC / "index.html", headers=REVALIDATE)

    app.mount("/static", _RevalidatedFiles(directory=STATIC))
    return app


class _RevalidatedFiles(StaticFiles):
    def file_response(self, *args, **kwargs) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers.update(REVALIDATE)
        return response


async def _no_route(request: Request, error: HTTPException) -> Response:
    errors = {
        404: ("not_found", "Expected a path that exists: see /openapi.json. Received: another."),
        405: (
            "method_not_allowed",
            "Expected a method that this path has: see /openapi.json. Received: another one.",
        ),
    }
    code, message = errors.get(error.status_code, ("bad_request", "Expected another request."))
    raise ServiceError(code, message, str(error.detail), error.headers)


async def _bad_parameter(request: Request, error: RequestValidationError) -> Response:
    names = {"heat_map": "true or false", "number": "a whole number"}
    name = next((part for part in error.errors()[0]["loc"] if part in names), "heat_map")
    raise ServiceError(
        "bad_request", f"Expected {name} to be {names[name]}. Received: something else."
    )


def _dump(content: dict) -> bytes:
    return json.dumps(content, ensure_ascii=False, allow_nan=False).encode()


def _json(body: bytes) -> Response:
    return Response(body, media_type="application/json")
