// The model in words and numbers, from GET /v1/model.

import { bar, find, make } from "./dom.js";
import { count, either, percent, quoted, size } from "./text.js";

const FEW = 4; // class names that fit into a sentence

/** Shows the model. */
export function showModel(model) {
  const { class_names: names, limits } = model;
  const few = names.length <= FEW;
  find("subtitle").textContent = few ? `Tells ${either(names, "from")}` : `Tells ${names.length} classes apart`;
  find("terms").textContent =
    `${either(model.formats)}, up to ${size(limits.body_bytes)} each. Pictures go to this server as they are, and nowhere else.`;
  find("files").accept = find("shot").accept = model.accept ? `image/*,${model.accept}` : "image/*";
  find("rule").replaceChildren(...rule(model).map((text) => make("p", { text })));
  const { positive, threshold } = model.decision;
  find("mark-note").hidden = positive === null;
  find("mark-note").textContent = `The line on a bar is the threshold: ${quoted(positive)} from ${percent(threshold ?? 0)} on.`;
  fill("numbers", numbers(model.metrics));
  fill("facts", facts(model));
  fill("card", model.card_html ? card(model.card_html) : null);
  find("model").hidden = false;
}

function fill(id, content) {
  find(id).hidden = !content;
  find(id).lastElementChild.replaceChildren(...(content ?? []));
}

function rule({ class_names: names, decision, calibrated }) {
  const said = [];
  const { positive, threshold, abstain_below: least, abstain_target: target } = decision;
  if (positive !== null) {
    const other = names.find((name) => name !== positive);
    said.push(
      `It answers ${quoted(positive)} from a probability of ${percent(threshold)} on, and ${quoted(other)} below that.`,
    );
  } else said.push("It answers with the likeliest class.");
  if (least === null) said.push("It answers with one of its classes for every picture, also for one that shows none of them.");
  else {
    const why = target ? `, so that ${percent(target)} of its answers are right, as chosen on validation pictures` : "";
    said.push(`It abstains where even the likeliest class has less than ${percent(least)}${why}.`);
  }
  said.push(
    calibrated
      ? "Its probabilities were calibrated on validation pictures."
      : "Its probabilities were not calibrated: take them as the model’s own confidence.",
  );
  return [said.join(" ")];
}

function numbers(metrics) {
  if (!metrics) return null;
  const { n_examples: examples, ...scores } = metrics;
  const n = examples?.value;
  const rows = Object.values(scores).map(({ words, value, low, high, fraction }) => {
    const spans = low !== null && value !== null;
    const drawn = spans && fraction;
    return make("tr", {},
      make("th", { scope: "row", text: words }),
      make("td", { class: "n", text: value === null ? "–" : value.toFixed(3) }),
      make("td", { class: "n soft", text: spans ? `${low.toFixed(3)} – ${high.toFixed(3)}` : "–" }),
      make("td", { class: "draw" }, drawn ? bar(value, { mark: value, from: low, to: high }) : null));
  });
  const head = make("tr", {}, make("th", { scope: "col", text: "Metric" }),
    make("th", { scope: "col", class: "n", text: "Test" }),
    make("th", { scope: "col", class: "n", text: "95 % interval" }),
    make("td", { class: "draw" }));
  const caption = n ? `On ${count(n, "test picture")} that the model had not seen` : "On test pictures that the model had not seen";
  return [scrolled(make("table", {}, make("caption", { text: caption }), make("thead", {}, head), make("tbody", {}, ...rows)), caption)];
}

function facts(model) {
  const [height, width] = model.image_size;
  const view = {
    stretch: "the whole picture, stretched to", crop: "the middle of the picture, cut to",
    pad: "the whole picture, with margins fitted into",
  };
  const trained = Object.entries(model.trained ?? {}).map(([name, value]) => [
    name.replaceAll("_", " "), Array.isArray(value) ? value.join(", ") : String(value ?? "none"),
  ]);
  const rows = [
    ["classes", model.class_names.join(", ")],
    ...trained,
    ["its view", `${view[model.resize] ?? "the picture, at"} ${width} × ${height} px`],
    ["takes", `${either(model.formats)}, up to ${size(model.limits.body_bytes)} and ${+(model.max_pixels / 1e6).toFixed(1)} megapixels`],
    ["sha256", model.sha256],
  ];
  return [make("dl", { class: "facts" },
    ...rows.map(([name, text]) => make("div", {}, make("dt", { text: name }), make("dd", { text }))))];
}

const scrolled = (table, label) =>
  make("div", { class: "table", role: "region", "aria-label": label, tabindex: "0" }, table);

// What a model card is made of. Anything else is left out, its text is kept.
const TAGS = {
  H1: "h3", H2: "h3", H3: "h4", H4: "h5", P: "p", UL: "ul", OL: "ol", LI: "li", PRE: "pre",
  CODE: "code", STRONG: "strong", EM: "em", BLOCKQUOTE: "blockquote", HR: "hr", BR: "br",
  TABLE: "table", THEAD: "thead", TBODY: "tbody", TR: "tr", TH: "th", TD: "td",
};
const NEVER = ["SCRIPT", "STYLE", "IFRAME", "OBJECT", "EMBED", "TEMPLATE", "SVG", "MATH", "TITLE"];

/** The card's HTML as elements of TAGS without attributes, links to http(s) apart. */
export function card(html) {
  const parsed = new DOMParser().parseFromString(html, "text/html");
  const made = make("div", { class: "prose" }, ...clean(parsed.body));
  made.querySelectorAll("[role=region]").forEach((part, i) => part.setAttribute("aria-label", `Part ${i + 1} of the card`));
  return [made];
}

function clean(parent) {
  return [...parent.childNodes].flatMap((node) => {
    if (node.nodeType === Node.TEXT_NODE) return [document.createTextNode(node.data)];
    if (node.nodeType !== Node.ELEMENT_NODE || NEVER.includes(node.tagName.toUpperCase())) return [];
    const inside = clean(node);
    if (node.tagName === "A" && /^https?:/.test(node.getAttribute("href") ?? "")) {
      return [make("a", { href: node.getAttribute("href"), rel: "noopener noreferrer" }, ...inside)];
    }
    if (node.tagName === "TH" && !node.textContent.trim()) return [make("td", {})];
    if (!(node.tagName in TAGS)) return inside;
    const made = make(TAGS[node.tagName], {}, ...inside);
    return [["TABLE", "PRE"].includes(node.tagName) ? scrolled(made, null) : made];
  });
}
