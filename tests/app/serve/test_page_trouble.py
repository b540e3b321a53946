"""The page of the service when things go wrong: limits, a server in trouble, evil names."""

import time

from playwright.sync_api import expect

from tests.helpers.browser import needs_browser
from tests.helpers.images import image_bytes, make_image
from tests.helpers.page_server import (
    NOISE,
    answers,
    card,
    give,
    model,
    refusal,
    visit,
)

pytestmark = needs_browser
PREDICT, MODEL = "**/v1/predict*", "**/v1/model"
RED, BLUE, GREEN = (image_bytes(make_image(9, colour=c)) for c in ("red", "blue", "green"))


def test_a_file_over_the_limit_is_not_sent(browser, server):
    limits = {"body_bytes": 1000, "pictures": 9}
    with visit(browser, server.url, {MODEL: model(limits=limits)}) as page:
        give(page, ("large.png", RED + b"0" * 12_000))
        expect(page.locator(".reason")).to_contain_text("the server takes at most 1000 bytes")
        expect(page.locator(".reason")).to_contain_text("It was not sent")
        assert not [asked for asked in page.asked if "predict" in asked]


def test_a_busy_server_is_asked_again_when_it_says(browser, server):
    times = []

    def busy_twice(route):
        times.append(time.monotonic())
        if len(times) < 3:
            route.fulfill(**refusal("busy", "Expected less.", 503, **{"Retry-After": "1"}))
        else:
            route.continue_()

    with visit(browser, server.url, {PREDICT: busy_twice}) as page:
        give(page, ("a.png", RED))
        expect(page.locator(".said")).to_contain_text("The server is busy. Sent again in 1 s")
        expect(page.locator(".decision")).to_be_visible()
    assert len(times) == 3 and times[1] - times[0] >= 1 and times[2] - times[1] >= 1


def test_an_error_of_the_servers_is_told_and_may_be_tried_again(browser, server):
    broken = [True]

    def answer(route):
        if broken:
            broken.pop()
            route.fulfill(**refusal("internal", "Something broke.", 500))
        else:
            route.continue_()

    with visit(browser, server.url, {PREDICT: answer}) as page:
        give(page, ("a.png", RED))
        expect(page.locator(".said")).to_contain_text("Something broke.")
        expect(page.locator(".said")).to_contain_text("00c0ffee")
        page.get_by_role("button", name="Try again").click()
        expect(page.locator(".decision")).to_be_visible()


def test_a_slow_server_is_waited_for_and_said_to_be_slow(browser, server):
    held = []
    with visit(browser, server.url, {PREDICT: lambda route: held.append(route)}) as page:
        page.clock.install()
        give(page, ("a.png", RED))
        expect(page.locator(".said")).to_contain_text("Sending")
        page.clock.fast_forward(6500)
        expect(page.locator(".said")).to_contain_text("The server is slow just now")
        held.pop().continue_()
        expect(page.locator(".decision")).to_be_visible()


def test_a_server_that_goes_and_comes_back_loses_no_image(page, server):
    server.stop()
    try:
        give(page, ("a.png", RED), ("b.png", BLUE))
        expect(page.locator("#state")).to_contain_text("The server does not answer")
        expect(page.locator(".decision")).to_have_count(0)
        give(page, ("c.png", GREEN))
    finally:
        server.start()
    expect(page.locator(".decision")).to_have_count(3, timeout=15_000)
    expect(page.locator("#state")).to_have_text("Ready")


def test_a_server_that_loads_its_model_is_waited_for(browser, server):
    starting = [True, True]

    def answer(route):
        if starting:
            starting.pop()
            route.fulfill(**refusal("busy", "Not yet.", 503))
        else:
            route.continue_()

    with visit(browser, server.url, {"**/readyz": answer}) as page:
        assert not starting
        expect(page.locator("#state")).to_have_text("Ready")


def test_names_are_text_and_the_card_is_only_what_a_card_is_made_of(browser, server):
    evil = "<img src=x onerror=alert(1)>"
    html = (
        f"<h1>Card</h1><script>alert(2)</script>{evil}<p onclick='alert(3)' id='state'>"
        "<a href='javascript:alert(4)'>bad</a> <a href='https://example.org/'>good</a></p>"
        "<svg onload=alert(5)></svg><table><tr><td>cell</td></tr></table>"
    )
    routes = {
        MODEL: model(class_names=[evil, "other"], card_html=html),
        PREDICT: answers({evil: 0.9, "other": 0.1}),
        "**/v1/examples": lambda route: route.fulfill(
            json={"examples": [{"url": "/examples/0", "label": evil}]}
        ),
    }
    # Chromium 156 reports a handler that it blocks already while DOMParser reads the card.
    ignored = f"{NOISE}|^Executing inline event handler violates .* The action has been blocked"
    with visit(browser, server.url, routes, ignored) as page:
        give(page, (f"{evil}.png", RED), ("b.png", b"no picture"))
        expect(page.locator(".decision").first).to_have_text(evil)
        expect(card(page, f"{evil}.png")).to_be_visible()
        assert page.locator("#cards img:not([src^='blob:'])").count() == 0
        expect(page.locator("#counts")).to_contain_text(evil)
        page.locator("#card > summary").click()
        prose = page.locator(".prose")
        expect(prose).to_contain_text("cell")
        assert prose.locator("script, img, svg, [onclick], [id]").count() == 0
        links = prose.locator("a").evaluate_all("all => all.map(a => a.href)")
        assert links == ["https://example.org/"]
