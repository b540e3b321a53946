// A picture with its answer, as an element that follows the picture's state.

import { bar, make } from "./dom.js";
import { retryable } from "./queue.js";
import { percent, quoted } from "./text.js";

const FIRST = 5; // classes shown of many
const SLOW = 6000; // ms after which it is said that the server is slow

let number = 0;

/**
 * The element of a picture.
 * @param {object} item see queue.js; also `name`, `thumb` and `heat` (object URL), once there.
 * @param {object} actions `remove(item)` and `again(item)`.
 * @returns {{element: Element, update: () => void, picture: () => void}} `update` shows the item's
 *   state as it is now, `picture` its thumb and heat map.
 */
export function makeCard(item, actions) {
  const id = `card-${(number += 1)}`;
  const view = make("div", { class: "view" });
  const said = make("div", { class: "said" });
  const remove = make("button", {
    type: "button", class: "remove", "aria-label": `Remove ${item.name}`, title: "Remove",
    onclick: () => actions.remove(item),
  }, icon("M3.5 3.5l9 9m0-9l-9 9"));
  const enlarge = make("button", {
    type: "button", class: "enlarge", "aria-label": `Enlarge ${item.name}`, "aria-pressed": "false", title: "Enlarge",
    onclick: () => {
      const large = element.classList.toggle("large");
      enlarge.setAttribute("aria-pressed", String(large));
      element.scrollIntoView({ block: "nearest" });
    },
  }, icon("M9.5 3H13v3.5M13 3L9 7M6.5 13H3V9.5M3 13l4-4"));
  const name = make("h3", { id, text: item.name, title: item.name });
  const words = make("div", { class: "words" }, name, said);
  const article = make("article", { "aria-labelledby": id, tabindex: "-1" }, view, words, enlarge, remove);
  const element = make("li", { class: "card" }, article);
  let slow = null;
  let shown = null;

  function update() {
    clearTimeout(slow);
    const state = item.state + (item.state === "sending" && item.sent === 1 ? "-sent" : "");
    if (state === "done" && shown === "done") return; // what is folded out stays so
    shown = state;
    element.dataset.state = item.state;
    said.replaceChildren(...SAYINGS[state](item, () => {
      article.focus(); // the button goes away
      actions.again(item);
    }));
    if (item.state === "sending") {
      slow = setTimeout(() => said.append(soft("The server is slow just now. Still waiting.")), SLOW);
    }
  }
  return { element, update, picture: () => showPicture(view, item) };
}

function showPicture(view, item) {
  if (item.thumb === undefined) return; // not tried yet
  if (!view.firstChild) {
    view.append(make("div", { class: "stack" }, item.thumb
      ? make("img", { src: item.thumb.url, alt: item.name, decoding: "async" })
      : make("p", { text: "This browser cannot show files of this kind." })));
  }
  const stack = view.firstChild;
  const shape = item.thumb ?? item.shape;
  if (shape) stack.style.setProperty("--aspect", shape.width / shape.height);
  if (item.heat && !stack.querySelector(".heat")) {
    stack.append(make("img", { class: "heat", src: item.heat, alt: "", decoding: "async" }));
  }
}

const soft = (text) => make("p", { class: "soft", text });

const SAYINGS = {
  waiting: () => [soft("Waiting its turn")],
  sending: (item) => [
    soft(`Sending, ${Math.floor(100 * item.sent)} %`),
    make("progress", { max: 1, value: item.sent, "aria-label": `Sending ${item.name}` }),
  ],
  "sending-sent": (item) => [
    soft("The model looks at it"),
    make("progress", { "aria-label": `Waiting for the answer to ${item.name}` }),
  ],
  again: ({ error, pause, attempts }) => [
    soft(
      error.code === "unreachable"
        ? "The connection broke. Sent again once the server answers."
        : `The server is busy. Sent again in ${pause} s (attempt ${attempts + 1}).`,
    ),
  ],
  failed: ({ error }, again) => [
    make("p", { class: "verdict bad", text: "No answer" }),
    make("p", { class: "reason", text: error.message }),
    error.id ? soft(`In the server’s log: ${error.id}`) : null,
    retryable(error) ? make("button", { type: "button", text: "Try again", onclick: again }) : null,
  ].filter(Boolean),
  done: ({ answer, rule }) => [...verdict(answer, rule), ...classes(answer, rule)],
};

function verdict(answer, rule) {
  const { probabilities, decision, likeliest } = answer;
  if (answer.abstained) {
    const least = rule?.abstain_below;
    const only = least ? ` The model answers only from ${percent(least)} on.` : "";
    return [
      make("p", { class: "verdict unsure", text: "Not sure" }),
      make("p", {
        class: "reason",
        text: `It abstains: the likeliest class, ${quoted(likeliest)}, has ${percent(probabilities[likeliest])}.${only}`,
      }),
    ];
  }
  const line = make("p", { class: "verdict" },
    make("span", { class: "decision", text: decision }), " ",
    make("span", { class: "sure", text: percent(probabilities[decision]) }));
  if (decision === likeliest || !rule?.positive) return [line];
  const from = `${quoted(rule.positive)} is the answer`;
  const why = decision === rule.positive
    ? `${from} from ${percent(rule.threshold)} on, even where ${quoted(likeliest)} is likelier.`
    : `${from} only from ${percent(rule.threshold)} on.`;
  return [line, make("p", { class: "reason", text: why })];
}

function classes({ probabilities, decision }, rule) {
  const rows = Object.entries(probabilities).sort((a, b) => b[1] - a[1]);
  const list = make("ol", { class: "bars", "aria-label": "Classes by probability" });
  const show = (few) => list.replaceChildren(...rows.slice(0, few ? FIRST : rows.length).map(
    ([name, share]) => make("li", { class: name === decision ? "chosen" : null },
      make("span", { class: "class", text: name }), " ",
      make("span", { class: "share", text: percent(share) }),
      bar(share, { mark: name === rule?.positive ? rule.threshold : null })),
  ));
  if (rows.length <= FIRST + 1) {
    show(false);
    return [list];
  }
  show(true);
  const toggle = make("button", { type: "button", class: "link", "aria-expanded": "false" });
  const label = (open) => {
    toggle.textContent = open ? `Show the first ${FIRST}` : `Show all ${rows.length} classes`;
    toggle.setAttribute("aria-expanded", String(open));
  };
  label(false);
  toggle.addEventListener("click", () => {
    const open = toggle.getAttribute("aria-expanded") === "false";
    show(!open);
    label(open);
  });
  return [list, toggle];
}

function icon(path) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("aria-hidden", "true");
  line.setAttribute("d", path);
  svg.append(line);
  return svg;
}
