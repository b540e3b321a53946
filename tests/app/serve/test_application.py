"""HTTP API: answers equal to the predictor's, in the forms that it describes."""

import base64
import io
import threading

import numpy as np
import pytest
from PIL import Image

from app.predictor import Predictor
from app.serve import schemas
from app.serve.middleware import HEADERS
from app.serve.settings import STATIC
from common.files import read_json
from common.tables.dataset import Dataset
from tests.helpers.images import image_bytes, make_image
from tests.helpers.serving import MULTIPART, Service, code, parts

NAMES = ["cat", "dog", "owl"]
IMAGES = [
    image_bytes(make_image(seed, (90, 60), colour), kind)
    for seed, colour, kind in [(1, "red", "PNG"), (2, "blue", "JPEG"), (3, "green", "WEBP")]
]


@pytest.fixture(scope="module")
def service(whole_run):
    settings = {"metrics": whole_run.path("m/evaluate.json"), "dataset": whole_run.path("dataset")}
    with Service(whole_run, **settings) as service:
        yield service


@pytest.fixture(scope="module")
def expected(whole_run):
    return Predictor(whole_run.path("models")).predict(IMAGES, heat_maps=True)


def values(item: dict) -> list[float]:
    assert list(item["probabilities"]) == NAMES
    return list(item["probabilities"].values())


def same(item: dict, prediction) -> None:
    np.testing.assert_allclose(
        values(item), list(prediction.probabilities.values()), rtol=0, atol=1e-5
    )
    assert item["confidence"] == max(values(item))
    for name in ("likeliest", "decision", "abstained"):
        assert item[name] == getattr(prediction, name)


@pytest.mark.parametrize("number", range(3))
def test_a_raw_image_gets_the_predictors_answer(service, expected, number, whole_run):
    answer = service.post(IMAGES[number], content_type="text/plain")
    assert answer.status_code == 200
    body = answer.json()
    schemas.Answers.model_validate_json(answer.content)
    card = read_json(whole_run.path("models/classifier/classifier.json"))
    assert body["model"] == card["sha256"][:12]
    (item,) = body["predictions"]
    same(item, expected[number])
    assert item["heat_map"] is None


def test_several_images_come_back_in_order(service, expected):
    answer = service.post(parts(*IMAGES, IMAGES[0]), content_type=MULTIPART)
    assert answer.status_code == 200
    for item, prediction in zip(
        answer.json()["predictions"], [*expected, expected[0]], strict=True
    ):
        same(item, prediction)


def test_what_comes_together_gets_the_answers_that_it_gets_alone(service, expected):
    """Sixty requests from twelve threads, some with heat maps, are batched as it happens."""
    before = service.count("classifier_batch_pictures_count")
    answers = [None] * 60

    def ask(start):
        for i in range(start, 60, 12):
            answers[i] = service.post(IMAGES[i % 3], "?heat_map=true" if i % 4 == 0 else "")

    threads = [threading.Thread(target=ask, args=(start,)) for start in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i, answer in enumerate(answers):
        (item,) = answer.json()["predictions"]
        same(item, expected[i % 3])
        assert (item["heat_map"] is not None) == (i % 4 == 0)
    assert service.count("classifier_batch_pictures_count") - before < 60  # and batched they were


def test_heat_maps_are_layers_of_the_images_aspect(service, expected):
    (item,) = service.post(IMAGES[0], "?heat_map=true").json()["predictions"]
    kind, _, data = item["heat_map"].partition(",")
    assert kind == "data:image/png;base64"
    with Image.open(io.BytesIO(base64.b64decode(data))) as image:
        assert image.mode == "RGBA" and image.width / image.height == pytest.approx(1.5, 0.01)
        heat = np.asarray(image)[..., 3]
    assert heat.max() == 255
    row, column = np.unravel_index(expected[0].heat_map.argmax(), (2, 2))
    quarters = [
        quarter for half in np.array_split(heat, 2) for quarter in np.array_split(half, 2, 1)
    ]
    assert np.argmax([quarter.mean() for quarter in quarters]) == 2 * row + column


def test_a_bad_image_among_good_ones_costs_itself_alone(service, expected):
    answer = service.post(parts(IMAGES[0], b"no picture", b""), content_type=MULTIPART)
    assert answer.status_code == 200
    schemas.Answers.model_validate_json(answer.content)
    good, other, empty = answer.json()["predictions"]
    same(good, expected[0])
    assert (other["error"]["code"], empty["error"]["code"]) == ("not_an_image", "empty")
    answer = service.post(parts(b"", b"no picture"), content_type=MULTIPART)
    assert (answer.status_code, code(answer)) == (422, "empty")


def test_the_model_tells_of_itself(service, whole_run):
    answer = service.client.get("/v1/model")
    schemas.Model.model_validate_json(answer.content)
    description = answer.json()
    card = read_json(whole_run.path("models/classifier/classifier.json"))
    assert (description["class_names"], description["image_size"]) == (NAMES, [64, 64])
    assert description["sha256"] == card["sha256"] and description["max_pixels"] == 50_000_000
    assert description["decision"] == read_json(whole_run.path("models/decision.json"))
    assert description["limits"] == {"body_bytes": 10_000_000, "pictures": 32}
    test = read_json(whole_run.path("m/evaluate.json"))["test"]
    assert description["metrics"]["accuracy"] == {
        "value": test["accuracy"], "low": test["accuracy_low"], "high": test["accuracy_high"],
        "words": "Accuracy", "fraction": True,
    }  # fmt: skip
    assert (
        "per_class" not in description["metrics"] and "accuracy_low" not in description["metrics"]
    )


def test_examples_are_test_images_of_each_class_in_turn(service, whole_run):
    answer = service.client.get("/v1/examples")
    schemas.Examples.model_validate_json(answer.content)
    examples = answer.json()["examples"]
    assert [example["label"] for example in examples[:3]] == NAMES
    test = Dataset(whole_run.path("dataset/test"))
    first = test.png_at([int(np.flatnonzero(test.label == 1)[0])])
    image = service.client.get(examples[1]["url"])
    assert image.content in first.values() and image.headers["content-type"] == "image/png"
    for path, status in {
        f"/examples/{len(examples)}": 404, "/examples/-1": 404, "/examples/x": 400,
        "/examples/..%2f..%2fparams.yaml": 404,
    }.items():  # fmt: skip
        answer = service.client.get(path)
        assert answer.status_code == status, path
        schemas.Failure.model_validate_json(answer.content)


def test_the_page_and_its_files_are_served(service):
    page = service.client.get("/")
    assert page.content == (STATIC / "index.html").read_bytes()
    assert page.headers["content-type"].startswith("text/html")
    again = service.client.get(
        "/static/index.html", headers={"if-none-match": page.headers["etag"]}
    )
    assert again.status_code == 304 and again.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    "method, path, status",
    [
        ("GET", "/", 200), ("GET", "/static/index.html", 200), ("GET", "/v1/model", 200),
        ("GET", "/v1/examples", 200), ("GET", "/examples/0", 200), ("GET", "/healthz", 200),
        ("GET", "/readyz", 200), ("GET", "/metrics", 200), ("GET", "/openapi.json", 200),
        ("GET", "/nothing", 404), ("GET", "/docs", 404), ("GET", "/v1/predict", 405),
        ("DELETE", "/", 405), ("POST", "/v1/predict", 422), ("POST", "/v1/predict?heat_map=7", 400),
        ("OPTIONS", "/v1/predict", 405), ("GET", "/static/", 404), ("PUT", "/static/a", 405),
    ],
)  # fmt: skip
def test_every_answer_has_its_status_and_the_security_headers(service, method, path, status):
    answer = service.client.request(method, path)
    assert answer.status_code == status
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
    assert "server" not in answer.headers
    assert not [name for name in answer.headers if name.startswith("access-control")]
    assert answer.headers["cache-control"] in ("no-store", "no-cache")
    if status >= 400:
        schemas.Failure.model_validate_json(answer.content)
    if status == 405:
        assert answer.headers["allow"]


def test_the_content_policy_lets_no_inline_and_no_foreign_script_in():
    policy = HEADERS["content-security-policy"]
    assert "unsafe" not in policy and "http" not in policy and "*" not in policy
    assert policy.startswith("default-src 'none'; script-src 'self';")


def test_the_description_names_bodies_statuses_and_forms(service):
    description = service.client.get("/openapi.json").json()
    predict = description["paths"]["/v1/predict"]["post"]
    assert {"application/octet-stream", "multipart/form-data"} <= predict["requestBody"][
        "content"
    ].keys()
    statuses = {"200", "400", "403", "408", "413", "415", "422", "500", "503", "504"}
    assert predict["responses"].keys() == statuses
    for status, response in predict["responses"].items():
        form = response["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        assert form == ("Answers" if status == "200" else "Failure")
        assert form in description["components"]["schemas"]
    schemas.Answers.model_validate(schemas.PREDICT_EXAMPLE)
    example = predict["responses"]["200"]["content"]["application/json"]["example"]
    assert example == schemas.PREDICT_EXAMPLE
    assert set(description["paths"]) == {
        "/v1/predict", "/v1/model", "/v1/examples", "/examples/{number}", "/healthz", "/readyz",
        "/metrics",
    }  # fmt: skip


def test_the_server_counts(service, expected):
    decision = expected[0].decision or "abstained"
    names = {
        "requests": 'classifier_requests_total{route="/v1/predict",status="200"}',
        "errors": 'classifier_rejected_total{code="not_an_image"}',
        "lost": 'classifier_requests_total{route="other",status="404"}',
        "pictures": f'classifier_pictures_total{{decision="{decision}"}}',
        "decoded": "classifier_decode_seconds_count",
    }  # fmt: skip
    before = {key: service.count(name) for key, name in names.items()}
    service.post(IMAGES[0])
    service.post(b"no picture")
    for path in ("/a", "/b", "/static-c"):
        service.client.get(path)
    after = {key: service.count(name) - before[key] for key, name in names.items()}
    assert after == {"requests": 1, "errors": 1, "lost": 3, "pictures": 1, "decoded": 2}
    assert service.count("process_resident_memory_bytes") > 1e8
    text = service.client.get("/metrics").text
    assert "/a" not in text.split() and "static-c" not in text
    assert service.quiet()
