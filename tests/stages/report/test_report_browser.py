"""The page in a real browser: Chromium, on a phone and on a desk, by day and by night."""

import re

import pytest
from playwright import sync_api

from stages.report import __main__ as report
from tests.helpers.browser import BROWSER, needs_browser
from tests.helpers.report_inputs import drawing, write_inputs, write_tables

pytestmark = needs_browser
SCREENS = {"phone": (360, 740), "desk": (1280, 800)}


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        drawing(folder / "plots/diagnose/" / f"{'long_name_' * 12}.png", 2000, 300, noise=True)
        report.main(write_inputs(folder) + write_tables(folder))
    return (folder / "report/index.html").as_uri()


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        options = {"executable_path": BROWSER, "args": ["--no-sandbox"]}
        started = playwright.chromium.launch(**options)
        yield started
        started.close()


@pytest.fixture(params=SCREENS)
def screen(request):
    return dict(zip(("width", "height"), SCREENS[request.param], strict=True))


@pytest.fixture(params=["light", "dark"])
def page(browser, url, screen, request):
    """The page opened; what it said and asked for stands in `page.said` and `page.asked`."""
    context = browser.new_context(viewport=screen, color_scheme=request.param)
    opened = context.new_page()
    opened.scheme, opened.said, opened.asked = request.param, [], []
    opened.on("console", lambda message: opened.said.append(message.text))
    opened.on("pageerror", lambda error: opened.said.append(str(error)))
    opened.on("request", lambda asked: opened.asked.append(asked.url))
    opened.goto(url)
    yield opened
    context.close()


def overflow(page) -> int:
    return page.evaluate("document.documentElement.scrollWidth - window.innerWidth")


def test_it_fits_shows_all_images_and_asks_for_nothing(page, url):
    assert overflow(page) <= 0
    count = page.locator("img").count()
    assert count == 7
    for index in range(count):
        page.locator("img").nth(index).scroll_into_view_if_needed()
    page.wait_for_function("[...document.images].every(i => i.complete && i.naturalWidth > 0)")
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert overflow(page) <= 0
    assert [asked for asked in page.asked if not asked.startswith("data:")] == [url]
    assert page.said == []


def test_the_policy_is_in_force(page):
    """An image from elsewhere, a script or a style put into the page must not get through."""
    page.evaluate(
        "document.body.insertAdjacentHTML('beforeend', "
        '\'<img src="https://example.invalid/x.png"><p id="x" style="color: red">x</p>\')'
    )
    page.wait_for_timeout(200)
    colour = page.evaluate("getComputedStyle(document.getElementById('x')).color")
    assert colour != "rgb(255, 0, 0)"
    assert any("Content Security Policy" in text for text in page.said)


def test_the_keyboard_skips_to_the_results(page):
    page.keyboard.press("Tab")
    link = page.locator(".skip")
    assert link.evaluate("e => e === document.activeElement")
    box = link.bounding_box()
    assert box["x"] >= 0
    assert box["y"] >= 0
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.keyboard.press("Tab")  # the first link after it is of the chapters
    assert page.evaluate("document.activeElement.closest('nav') !== null")


def test_a_plot_is_enlarged_and_closed_without_script(page, screen):
    first = page.locator("figure").first
    small = first.bounding_box()
    first.locator("a.open").click()
    page.wait_for_function("document.querySelector('figure:target') !== null")
    large = first.bounding_box()
    assert (large["width"], large["height"]) == (screen["width"], screen["height"])
    assert large["height"] > small["height"]
    assert overflow(page) <= 0
    first.locator("a.close").click()
    page.wait_for_function("document.querySelector('figure:target') === null")


def luminance(colour: str) -> float:
    """Relative luminance of rgb(...), by WCAG 2.2."""
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_text_stands_out_from_its_ground(page):
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (luminance(ground) < 0.2) == (page.scheme == "dark")
    for selector in (".big", ".between", ".intro", "h3", "nav a", "thead th", "figcaption", ".n"):
        colour = page.locator(selector).first.evaluate("e => getComputedStyle(e).color")
        light, dark = sorted((luminance(colour), luminance(ground)), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, (selector, colour, ground)


def test_the_first_number_is_the_largest_text_on_the_first_screen(page, screen):
    box = page.locator(".between").first.bounding_box()
    assert box["y"] + box["height"] < screen["height"]
    size = "parseFloat(getComputedStyle(e).fontSize)"
    sizes = page.evaluate(f"[...document.querySelectorAll('body *')].map(e => {size})")
    assert page.locator(".big").first.evaluate(f"e => {size}") == max(sizes)


def test_it_prints(browser, url):
    opened = browser.new_page()
    opened.goto(url)
    assert len(opened.pdf()) > 100_000  # with its images
    opened.close()
