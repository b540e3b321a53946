// Elements made and found. Text always goes in as text, never as HTML: names come from anywhere.

export const find = (id) => document.getElementById(id);

/** An element: `make("p", { class: "soft", text: "…" }, ...children)`; other keys are attributes. */
export function make(tag, settings = {}, ...children) {
  const made = document.createElement(tag);
  for (const [key, value] of Object.entries(settings)) {
    if (value === null || value === undefined || value === false) continue;
    if (key === "text") made.textContent = value;
    else if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** A bar of a share in [0, 1]; `mark` draws a line at another share, `from` and `to` a span. */
export function bar(share, { mark = null, from = null, to = null } = {}) {
  const inside = [];
  const part = (kind, start, length) => {
    const made = make("span", { class: kind });
    made.style.insetInlineStart = `${100 * start}%`;
    if (length !== null) made.style.inlineSize = `${100 * length}%`;
    inside.push(made);
  };
  if (from === null) part("fill", 0, share);
  else part("span", from, to - from);
  if (mark !== null) part("mark", Math.min(mark, 0.99), null);
  return make("span", { class: "bar", "aria-hidden": "true" }, ...inside);
}
