"""The page of the service for everybody: keyboard, screen reader, phone, dark, large, still."""

import re
from itertools import pairwise

import pytest
from playwright.sync_api import expect

from tests.helpers.browser import needs_browser
from tests.helpers.images import image_bytes, make_image
from tests.helpers.page_server import answers, card, give, model, visit

pytestmark = needs_browser
RED = image_bytes(make_image(9, colour="red"))
SCREENS = {  # of which the last is a desk of 1280 x 800 at a zoom of 200 %
    "phone": {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True},
    "narrow": {"viewport": {"width": 320, "height": 640}},
    "zoomed": {"viewport": {"width": 640, "height": 400}, "device_scale_factor": 2},
}
LONG = "a_file_name_without_any_place_to_break_it_" * 4 + ".png"


def focused(page) -> str:
    return page.evaluate("document.activeElement.id || document.activeElement.ariaLabel")


def tab_to(page, wanted: str, key="Tab") -> None:
    for _ in range(60):
        page.keyboard.press(key)
        if focused(page) == wanted:
            # What is focused shows it.
            assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
            return
    raise AssertionError(f"{wanted} is not reached by {key}")


def fill(page) -> None:
    """Gives three images, one of which is none, and unfolds everything."""
    give(page, ("a.png", RED), (LONG, RED), ("no.png", b"no picture"))
    expect(page.locator(".verdict")).to_have_count(3)
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    page.evaluate("Promise.all(document.getAnimations().map(a => a.finish()))")


def test_everything_is_done_with_the_keyboard(page, tmp_path):
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(RED)
    page.keyboard.press("Tab")
    skip = page.locator(".skip")
    assert skip.evaluate("e => e === document.activeElement") and skip.bounding_box()["x"] >= 0
    page.keyboard.press("Enter")
    assert focused(page) == "main"

    tab_to(page, "choose")
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Enter")
    assert chooser.value.is_multiple()
    chooser.value.set_files([tmp_path / "a.png", tmp_path / "b.png"])
    expect(page.locator(".decision")).to_have_count(2)
    assert focused(page) == "choose"

    tab_to(page, "photograph")
    page.keyboard.press("Enter")
    expect(page.locator("#snap")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    assert focused(page) == "photograph"

    tab_to(page, "heat")
    page.keyboard.press("End")
    page.keyboard.press("ArrowLeft")
    assert page.locator("#heat").input_value() == "99"

    tab_to(page, "Enlarge a.png")
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Enlarge a.png")).to_have_attribute(
        "aria-pressed", "true"
    )
    tab_to(page, "Remove a.png")
    page.keyboard.press("Enter")
    expect(page.locator(".card")).to_have_count(1)
    assert focused(page) == "Remove b.png"
    page.keyboard.press("Enter")
    assert focused(page) == "choose"
    expect(page.locator("#say")).to_have_text("All pictures removed.")


def test_what_fails_keeps_the_focus_when_it_is_tried_again(browser, server):
    tries = []

    def fail_once(route):
        tries.append(route)
        route.abort("blockedbyclient") if len(tries) < 6 else route.continue_()

    with visit(browser, server.url, {"**/v1/predict*": fail_once}) as page:
        page.clock.install()
        give(page, ("a.png", RED))
        again = page.get_by_role("button", name="Try again")
        for _ in range(5):
            page.clock.fast_forward(2000)
        expect(again).to_be_visible()
        again.press("Enter")
        expect(page.locator(".decision")).to_be_visible()
        assert page.evaluate("document.activeElement.tagName") == "ARTICLE"


def test_the_slider_changes_the_heat_and_is_remembered(page):
    give(page, ("a.png", RED))
    heat = page.locator("img.heat")
    expect(heat).to_have_css("opacity", "0.6")
    page.get_by_label("Heat map").fill("25")
    expect(heat).to_have_css("opacity", "0.25")
    expect(page.locator("#heat")).to_have_attribute("aria-valuetext", "25 %")
    page.locator("#heat").press("Home")
    expect(heat).to_have_css("opacity", "0")
    page.locator("#heat").press("ArrowRight")
    page.reload()
    expect(page.locator("#heat-value")).to_have_text("1 %")
    give(page, ("b.png", RED))
    expect(page.locator("img.heat")).to_have_css("opacity", "0.01")


def test_screen_readers_find_landmarks_headings_and_names(page):
    fill(page)
    assert page.locator("html").get_attribute("lang") == "en"
    for role in ("banner", "main", "contentinfo"):
        expect(page.get_by_role(role)).to_have_count(1)
    for name in ("Drop pictures here", "Answers", "The model"):
        expect(page.get_by_role("region", name=name, exact=True)).to_have_count(1)
    levels = page.locator("h1, h2, h3").evaluate_all(
        "all => all.filter(e => e.checkVisibility()).map(e => Number(e.tagName[1]))"
    )
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    expect(page.get_by_role("article", name="a.png")).to_contain_text("%")
    nameless = page.locator("button, input:not([hidden]), img:not(.heat), summary").evaluate_all(
        "all => all.filter("
        "e => !(e.textContent.trim() || e.ariaLabel || e.alt || e.labels?.length"
        " || e.querySelector('img')?.alt))"
    )
    assert nameless == []


@pytest.mark.parametrize("screen", SCREENS)
def test_nothing_scrolls_sideways_and_nothing_is_too_small_to_hit(browser, server, screen):
    probabilities = {"a_class_name_of_more_than_forty_characters_": 0.8, "b": 0.2}
    html = f"<p>{'x' * 300}</p><table><tr><th>{'y' * 200}</th></tr></table><pre>{'z' * 300}</pre>"
    routes = {
        "**/v1/predict*": answers(probabilities),
        "**/v1/model": model(card_html=html, class_names=list(probabilities)),
    }
    with visit(browser, server.url, routes, **SCREENS[screen]) as page:
        wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert page.evaluate(wide) <= 0
        fill(page)
        assert page.evaluate(wide) <= 0
        targets = page.locator("button:visible, input:visible, summary:visible")
        boxes = targets.evaluate_all(
            "all => all.map(e => [e.id || e.ariaLabel || e.textContent, "
            "e.getBoundingClientRect().width, e.getBoundingClientRect().height])"
        )
        assert len(boxes) > 10
        assert [box for box in boxes if min(box[1:]) < 24] == []


def test_on_a_phone_the_camera_comes_first(browser, server):
    with visit(browser, server.url, **SCREENS["phone"]) as page:
        first = page.locator("#ways button").first
        expect(first).to_have_text("Take a photograph")
        box = first.bounding_box()
        assert box["y"] + box["height"] < 844 and box["width"] > 300
        with page.expect_file_chooser() as chooser:
            first.tap()
        assert chooser.value.element.get_attribute("capture") == "environment"
        image = {"name": "shot.jpg", "mimeType": "image/jpeg", "buffer": RED}
        chooser.value.set_files([image])
        expect(card(page, "shot.jpg").locator(".decision")).to_be_in_viewport()


def luminance(colour: list[float]) -> float:
    """Relative luminance of red, green and blue in [0, 255], by WCAG 2.2."""
    parts = [channel / 255 for channel in colour]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(colour: str, other: str) -> float:
    pair = [luminance([float(x) for x in re.findall(r"[\d.]+", c)[:3]]) for c in (colour, other)]
    return (max(pair) + 0.05) / (min(pair) + 0.05)


COLOURS = """() => [...document.querySelectorAll("body *")].flatMap((e) => {
  const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
  if (!own || !e.checkVisibility() || e.matches(":disabled, .hidden, .skip, .stack *")) return [];
  let ground = e, colour;
  do colour = getComputedStyle(ground).backgroundColor, ground = ground.parentElement;
  while (/, 0\\)$/.test(colour));
  return [[e.tagName + "." + e.className + " " + e.textContent, getComputedStyle(e).color, colour]];
})"""
EDGES = {"#choose": "backgroundColor", "#photograph": "borderTopColor", ".zone": "borderTopColor"}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_and_edges_stand_out_by_day_and_by_night(browser, server, scheme):
    assert contrast("rgb(0, 0, 0)", "rgb(255, 255, 255)") == pytest.approx(21)
    with visit(browser, server.url, color_scheme=scheme) as page:
        page.route("**/readyz", lambda route: route.abort())
        fill(page)
        give(page, how="paste")
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        expect(page.locator("#state")).to_contain_text("does not answer")
        paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (contrast(paper, "rgb(0, 0, 0)") < 3) == (scheme == "dark")
        texts = page.evaluate(COLOURS)
        assert len(texts) > 60 and len({tuple(colours) for _, *colours in texts}) >= 8
        assert [text for text in texts if contrast(*text[1:]) < 4.5] == []
        for selector, what in EDGES.items():
            edge = page.locator(selector).evaluate(f"e => getComputedStyle(e).{what}")
            assert contrast(edge, paper) >= 3, (selector, edge, paper)


def test_nothing_moves_for_those_who_want_no_motion(browser, server):
    moving = "getComputedStyle(document.querySelector('.fill')).animationName"
    for motion, expected in (("reduce", "none"), ("no-preference", "grow")):
        with visit(browser, server.url, reduced_motion=motion) as page:
            give(page, ("a.png", RED))
            expect(page.locator(".decision")).to_be_visible()
            assert page.evaluate(moving) == expected
