"""The page of the service in Chromium: a real server on a free port, and helpers for its page."""

import base64
import contextlib
import json
import re
import threading

from playwright.sync_api import Page, expect, sync_playwright

from app.serve.application import create_app
from app.serve.server import Server, listen, url_of
from app.serve.settings import Settings
from tests.helpers.browser import BROWSER

FLAGS = [
    "--no-sandbox",
    "--use-fake-device-for-media-stream",  # a camera that shows a test image
    "--use-fake-ui-for-media-stream",
]
# A refused image is logged by the browser itself, whatever the page does.
NOISE = "Failed to load resource"
DROP = """([files, type]) => {
  const transfer = new DataTransfer();
  for (const [name, kind, data] of files) {
    const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
    transfer.items.add(new File([bytes], name, { type: kind }));
  }
  const given = { bubbles: true, cancelable: true };
  document.body.dispatchEvent(type === "paste"
    ? new ClipboardEvent("paste", { ...given, clipboardData: transfer })
    : new DragEvent(type, { ...given, dataTransfer: transfer }));
}"""


class Service:
    """The service in a thread; may be stopped and started again at the same address."""

    def __init__(self, run):
        self.settings = Settings(
            run.path("models"), metrics=run.path("m/evaluate.json"), dataset=run.path("dataset")
        )
        self.port = 0

    def start(self) -> None:
        listener = listen("127.0.0.1", self.port)
        self.url = url_of(listener)
        self.port = listener.getsockname()[1]
        self.server = Server(create_app(self.settings), self.settings.limits)
        self.thread = threading.Thread(target=self.server.run, args=[[listener]], daemon=True)
        self.thread.start()

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join(timeout=30)
        assert not self.thread.is_alive()


@contextlib.contextmanager
def chromium():
    """Chromium, started."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=BROWSER, args=FLAGS)
        yield started
        started.close()


@contextlib.contextmanager
def visit(browser, url, routes=None, ignored=NOISE, **settings):
    """The page, opened and ready; fails where it complained or asked anybody else.

    `routes` maps a pattern of addresses to a function that answers in the server's place.
    Messages on the console that match the pattern `ignored` are no complaint.
    """
    context = browser.new_context(**({"viewport": {"width": 1200, "height": 900}} | settings))
    page = context.new_page()
    page.said, page.asked, page.dialogs = [], [], []
    page.on("console", lambda message: page.said.append(message.text))
    page.on("pageerror", lambda error: page.said.append(str(error)))
    page.on("request", lambda request: page.asked.append(request.url))
    page.on("dialog", lambda dialog: (page.dialogs.append(dialog.message), dialog.dismiss()))
    # From the beginning: where it is only asked for at the press of a key, it may come too late.
    page.on("filechooser", lambda chooser: None)
    for pattern, answer in (routes or {}).items():
        page.route(pattern, answer)
    response = page.goto(url)
    assert "script-src 'self'" in response.headers["content-security-policy"]
    expect(page.locator("#model")).to_be_visible(timeout=20_000)
    yield page
    # An answer still on its way when the context closes would fail the next test that asks.
    page.unroute_all(behavior="ignoreErrors")
    context.close()
    complaints = [text for text in page.said if not re.search(ignored, text)]
    assert not complaints, complaints
    elsewhere = [
        address for address in page.asked if not address.startswith((url, "blob:", "data:"))
    ]
    assert elsewhere == [] and page.dialogs == []


def give(page: Page, *files, how="drop") -> None:
    """Drops or pastes files, (name, bytes) each."""
    parts = [(name, "image/png", base64.b64encode(data).decode()) for name, data in files]
    page.evaluate(DROP, [parts, how])


def card(page: Page, name: str):
    """The card of the image of that name."""
    return page.locator(".card").filter(has=page.get_by_role("heading", name=name, exact=True))


def answers(probabilities: dict, **changes):
    """A route that answers every image in the same way."""
    likeliest = max(probabilities, key=probabilities.get)
    item = {
        "probabilities": probabilities,
        "likeliest": likeliest,
        "confidence": probabilities[likeliest],
        "decision": likeliest,
        "abstained": False,
        "heat_map": None,
    } | changes
    return lambda route: route.fulfill(json={"model": "0" * 12, "predictions": [item]})


def model(**changes):
    """A route that gives the server's own model with some facts changed."""

    def answer(route):
        response = route.fetch()
        route.fulfill(json=response.json() | changes)

    return answer


def refusal(code: str, message: str, status: int, **headers):
    """What to fulfil a route with for the server to refuse."""
    body = json.dumps({"error": {"code": code, "message": message, "id": "00c0ffee"}})
    return {"status": status, "body": body, "headers": headers, "content_type": "application/json"}
