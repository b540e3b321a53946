// All answers together: how many of each, how far it is, and what a screen reader is told.

import { find, make } from "./dom.js";
import { count, percent } from "./text.js";

const SOON = 400, PAUSE = 4000; // ms; several answers are announced as one

const NONE = { unsure: "not sure", failed: "no answer" };

const finished = (item) => item.state === "done" || item.state === "failed";

/** What stands under a picture, as a key: a class name, or of NONE. */
const kind = (item) =>
  item.state === "failed" ? NONE.failed : item.answer.abstained ? NONE.unsure : item.answer.decision;

/** Shows the numbers of all pictures. */
export function summarise(items) {
  const done = items.filter(finished);
  const busy = done.length < items.length;
  find("results").hidden = !items.length;
  const line = find("progress");
  line.hidden = items.length < 2;
  const text = busy ? `${done.length} of ${count(items.length, "picture")}` : count(items.length, "picture");
  if (line.firstChild?.textContent !== text) {
    const track = make("progress", { max: items.length, value: done.length, "aria-label": "Pictures answered" });
    line.replaceChildren(make("span", { text }), ...(busy ? [track] : []));
  }
  const numbers = tally(done);
  const chips = find("counts");
  chips.hidden = items.length < 2;
  const now = JSON.stringify(numbers);
  if (chips.dataset.now !== now) {
    chips.dataset.now = now;
    chips.replaceChildren(...numbers.map(([name, n]) => make("li", {},
      make("span", { class: "class", text: name }), " ", make("strong", { text: n }))));
  }
  find("csv").disabled = !done.length;
  document.title = [titled(items, done, busy), "Image classifier"].filter(Boolean).join(" · ");
}

function tally(done) {
  const numbers = new Map();
  for (const item of done) numbers.set(kind(item), (numbers.get(kind(item)) ?? 0) + 1);
  return [...numbers].sort((a, b) => b[1] - a[1]);
}

function titled(items, done, busy) {
  if (busy) return `${done.length} of ${items.length}`;
  return items.length === 1 ? kind(items[0]) : null;
}

let pending = [];
let timer = null;

/** Tells screen readers of a picture that is finished, together with those that follow soon. */
export function announce(item, items) {
  pending.push(item);
  timer ??= setTimeout(() => say(items), SOON);
}

function say(items) {
  timer = null;
  const all = items();
  const news = pending.filter((item) => all.includes(item));
  pending = [];
  if (!news.length) return;
  const done = all.filter(finished);
  const numbers = tally(done).map(([name, n]) => `${name} ${n}`).join(", ");
  find("say").textContent =
    news.length < 3
      ? news.map(sentence).join(" ")
      : `${done.length} of ${count(all.length, "picture")} done: ${numbers}.`;
  timer = setTimeout(() => say(items), PAUSE);
}

function sentence(item) {
  if (item.state === "failed") return `${item.name}: no answer. ${item.error.message}`;
  const { decision, abstained, probabilities } = item.answer;
  return abstained ? `${item.name}: not sure.` : `${item.name}: ${decision}, ${percent(probabilities[decision])}.`;
}
