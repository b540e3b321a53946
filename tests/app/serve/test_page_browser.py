"""The page of the service, used by a person: images in, answers out."""

import base64
import csv
import io

import pytest
from PIL import Image
from playwright.sync_api import expect

from app.predictor import Predictor
from tests.helpers.browser import needs_browser
from tests.helpers.images import image_bytes, make_image
from tests.helpers.page_server import answers, card, give, model, visit

pytestmark = needs_browser
PREDICT, MODEL = "**/v1/predict*", "**/v1/model"
RED, BLUE, GREEN = (image_bytes(make_image(9, colour=c)) for c in ("red", "blue", "green"))


@pytest.fixture(scope="module")
def predictor(whole_run):
    return Predictor(whole_run.path("models"))


def percent(share: float) -> str:
    if 0 < share < 0.0005:
        return "<0.1 %"
    return ">99.9 %" if 0.9995 <= share < 1 else f"{100 * share:.1f} %"


def check_answer(answer_card, answer):
    """The card says what the model says, class by class."""
    expect(answer_card.locator(".decision")).to_have_text(answer.decision)
    ranked = sorted(answer.probabilities.items(), key=lambda pair: -pair[1])
    assert answer_card.locator(".bars li .class").all_inner_texts() == [name for name, _ in ranked]
    shares = [text.replace("\xa0", " ") for text in answer_card.locator(".share").all_inner_texts()]
    assert shares == [percent(share) for _, share in ranked]
    widths = answer_card.locator(".bars li").evaluate_all(
        "rows => rows.map(r => r.querySelector('.fill').style.inlineSize)"
    )
    assert [float(width[:-1]) / 100 for width in widths] == pytest.approx(
        [share for _, share in ranked], abs=1e-3
    )


def test_a_dropped_image_gets_the_models_answer_and_a_heat_map(page, predictor):
    page.evaluate("document.body.dispatchEvent(new DragEvent('dragenter', {bubbles: true}))")
    expect(page.locator("body.over")).to_be_attached()
    give(page, ("red.png", RED))
    expect(page.locator("body.over")).not_to_be_attached()
    (answer,) = predictor.predict([RED])
    answer_card = card(page, "red.png")
    check_answer(answer_card, answer)
    assert page.title() == f"{answer.decision} · Image classifier"
    heat, image = answer_card.locator("img.heat"), answer_card.get_by_alt_text("red.png")
    expect(heat).to_be_visible()
    assert heat.bounding_box() == image.bounding_box()
    box = image.bounding_box()
    assert box["width"] / box["height"] == pytest.approx(60 / 48, abs=0.01)
    expect(page.locator("#say")).to_contain_text(f"red.png: {answer.decision},")


def test_files_and_folders_are_dropped_from_the_desktop(page, tmp_path):
    (tmp_path / "trip/day 2").mkdir(parents=True)
    for name in ("a.png", "trip/b.png", "trip/day 2/c.png", "trip/.hidden"):
        (tmp_path / name).write_bytes(RED)
    files = [str(tmp_path / "a.png"), str(tmp_path / "trip")]
    devtools = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        data = {"items": [], "files": files, "dragOperationsMask": 1}
        devtools.send("Input.dispatchDragEvent", {"type": kind, "x": 300, "y": 300, "data": data})
    expect(page.locator(".decision")).to_have_count(3)
    assert page.locator(".card h3").all_inner_texts() == ["a.png", "b.png", "c.png"]


def test_an_image_is_pasted_with_the_keyboard(page, server):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=server.url)
    page.evaluate(
        """async () => {
          const canvas = new OffscreenCanvas(40, 30);
          canvas.getContext("2d").fillRect(0, 0, 20, 30);
          const blob = await canvas.convertToBlob({ type: "image/png" });
          await navigator.clipboard.write([new ClipboardItem({ "image/png": blob })]);
        }"""
    )
    page.keyboard.press("Control+v")
    expect(card(page, "pasted 1.png").locator(".decision")).to_be_visible()
    page.evaluate("navigator.clipboard.writeText('words')")
    page.keyboard.press("Control+v")
    expect(page.locator("#told")).to_have_text("The clipboard holds no picture.")


def test_a_photograph_is_taken(page):
    page.get_by_role("button", name="Take a photograph").click()
    page.get_by_role("button", name="Take it").click()
    expect(card(page, "photograph 1.jpg").locator(".decision")).to_be_visible()
    expect(page.get_by_role("dialog")).to_be_hidden()
    assert page.evaluate("document.getElementById('finder').srcObject") is None


def test_metrics_have_the_names_that_the_server_gives(page, server):
    metrics = page.request.get(f"{server.url}v1/model").json()["metrics"]
    del metrics["n_examples"]
    table = page.locator("#numbers tbody")
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    rows = table.locator("th").all_inner_texts()
    assert rows == [metric["words"] for metric in metrics.values()]
    assert "Matthews correlation" in rows
    drawn = [
        metric["words"]
        for metric in metrics.values()
        if metric["fraction"] and metric["low"] is not None and metric["value"] is not None
    ]
    with_bar = table.locator("tr").filter(has=page.locator(".draw > *")).locator("th")
    assert with_bar.all_inner_texts() == drawn


def test_an_example_is_asked_about(page):
    first = page.locator("#examples button").first
    label = first.get_attribute("title")
    first.click()
    answer_card = card(page, f"example 1, {label[0].lower()}{label[1:]}")
    expect(answer_card.locator(".decision")).to_be_visible()


def test_several_images_are_counted_and_come_as_csv(page, predictor):
    formula, odd = '=HYPERLINK("x"),1.png', "ü, two.png"
    give(page, (formula, RED), ("no.png", b"no picture"), (odd, BLUE), ("g.png", GREEN))
    wrong = card(page, "no.png")
    expect(wrong.locator(".reason")).to_contain_text("Received: something else")
    expect(wrong.get_by_role("button", name="Try again")).to_have_count(0)
    expect(page.locator(".decision")).to_have_count(3)
    expect(page.locator("#progress")).to_have_text("4 pictures")
    counts = dict(chip.rsplit(" ", 1) for chip in page.locator("#counts li").all_inner_texts())
    right = predictor.predict([RED, BLUE, GREEN])
    decisions = [answer.decision for answer in right]
    assert counts == {name: str(decisions.count(name)) for name in decisions} | {"no answer": "1"}

    with page.expect_download() as download:
        page.get_by_role("button", name="Download CSV").click()
    assert download.value.suggested_filename == "answers.csv"
    raw = download.value.path().read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf") and raw.count(b"\r\n") == raw.count(b"\n") == 5
    rows = list(csv.DictReader(io.StringIO(raw.decode("utf-8-sig"), newline="")))
    assert [row["file"] for row in rows] == [f"'{formula}", "no.png", odd, "g.png"]
    assert "something else" in rows.pop(1)["error"]
    for row, answer in zip(rows, right, strict=True):
        assert row["decision"] == answer.decision and row["error"] == ""
        for name, share in answer.probabilities.items():
            assert float(row[f"p_{name}"]) == pytest.approx(share, abs=1e-5)


def test_fields_of_the_csv_cannot_become_formulas_or_more_fields(page):
    wanted = {
        "plain": "plain", "=1": "'=1", "+1": "'+1", "-1": "'-1", "@x": "'@x",
        'a"b': '"a""b"', "a,b": '"a,b"', "a\nb": '"a\nb"', "\tx": "'\tx", "=a,b": '"\'=a,b"',
    }  # fmt: skip
    fields = page.evaluate(
        "async (texts) => texts.map((await import('/static/csv.js')).field)", list(wanted)
    )
    assert fields == list(wanted.values())
    numbers = "async () => [-0.5, null, false].map((await import('/static/csv.js')).field)"
    assert page.evaluate(numbers) == ["-0.5", "", "false"]


def test_sixty_images_go_a_few_at_a_time_and_leave_nothing_behind(browser, server):
    context = {"viewport": {"width": 1200, "height": 900}}
    with visit(browser, server.url, **context) as page:
        page.evaluate(
            """() => {
              window.urls = new Set(); window.sayings = window.running = window.most = 0;
              const { createObjectURL, revokeObjectURL } = URL;
              URL.createObjectURL = (x) => { const u = createObjectURL(x); urls.add(u); return u; };
              URL.revokeObjectURL = (u) => { urls.delete(u); revokeObjectURL(u); };
              const { send } = XMLHttpRequest.prototype;
              XMLHttpRequest.prototype.send = function (body) {
                most = Math.max(most, ++running);
                this.addEventListener("readystatechange", () => running -= this.readyState === 4);
                send.call(this, body);
              };
              new MutationObserver(() => sayings++).observe(
                document.getElementById("say"), { childList: true });
            }"""
        )
        images = [image_bytes(make_image(i, colour="red")) for i in range(60)]
        give(page, *((f"{i}.png", data) for i, data in enumerate(images)))
        expect(page.locator(".card[data-state=done]")).to_have_count(60, timeout=20_000)
        assert page.evaluate("[most, running]") == [3, 0]
        expect(page.locator("img.heat")).to_have_count(60)
        assert page.evaluate("window.urls.size") == 120
        assert 1 <= page.evaluate("window.sayings") < 12
        page.get_by_role("button", name="Remove all").click()
        expect(page.locator(".card")).to_have_count(0)
        expect(page.locator("#results")).to_be_hidden()
        assert page.evaluate("window.urls.size") == 0


def test_of_thirty_classes_five_are_shown_and_all_on_request(browser, server):
    probabilities = {f"class {i}": (i + 1) / 465 for i in range(30)}
    with visit(browser, server.url, {PREDICT: answers(probabilities)}) as page:
        give(page, ("a.png", RED))
        expect(page.locator(".bars li")).to_have_count(5)
        assert page.locator(".bars .class").first.inner_text() == "class 29"
        page.get_by_role("button", name="Show all 30 classes").click()
        expect(page.locator(".bars li")).to_have_count(30)
        page.get_by_role("button", name="Show the first 5").click()
        expect(page.locator(".bars li")).to_have_count(5)


RULE = {"positive": "ill", "threshold": 0.3, "abstain_below": None, "abstain_target": None}


@pytest.mark.parametrize(
    "rule, share, changes, words",
    [
        ({}, 0.4, {"decision": "ill"}, "“ill” is the answer from 30.0 % on, even where “well”"),
        ({"threshold": 0.8}, 0.6, {"decision": "well"}, "“ill” is the answer only from 80.0 % on."),
        (
            {"abstain_below": 0.9}, 0.6, {"decision": None, "abstained": True},
            "It abstains: the likeliest class, “ill”, has 60.0 %. The model answers only from 90.0",
        ),
    ],
)  # fmt: skip
def test_thresholds_and_abstention_are_put_in_words(browser, server, rule, share, changes, words):
    named = {"ill": share, "well": 1 - share}
    routes = {
        MODEL: model(class_names=["ill", "well"], decision=RULE | rule),
        PREDICT: answers(named, **changes),
    }
    with visit(browser, server.url, routes) as page:
        expect(page.locator("#subtitle")).to_have_text("Tells ill from well")
        give(page, ("a.png", RED))
        expect(page.locator(".reason")).to_contain_text(words)
        mark = page.locator(".mark").first.evaluate("e => e.style.insetInlineStart")
        assert mark == f"{100 * (RULE | rule)['threshold']:g}%"


def test_an_image_that_the_browser_cannot_show_is_answered_all_the_same(browser, server):
    heat = image_bytes(Image.new("RGBA", (40, 20), "red"))
    data = "data:image/png;base64," + base64.b64encode(heat).decode()
    routes = {PREDICT: answers({"cat": 0.9, "dog": 0.1}, heat_map=data)}
    with visit(browser, server.url, routes) as page:
        give(page, ("a.tif", b"II*\0"))
        expect(page.locator(".decision")).to_have_text("cat")
        expect(page.locator(".stack")).to_contain_text("This browser cannot show files")
        box = page.locator("img.heat").bounding_box()
        assert box["width"] / box["height"] == pytest.approx(2, abs=0.01)
