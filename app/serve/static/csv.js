// The answers as a table.

/** One field, by RFC 4180; a text that a spreadsheet would take for a formula gets a ' before it. */
export function field(value) {
  if (value === null || value === undefined) return "";
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  const text = /^[=+\-@\t\r\n]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/**
 * One row per picture that has its answer or its error.
 * @param {object[]} items pictures: `name`, and `answer` and `model` or `error`.
 * @param {string[]} classes names of all classes there are.
 */
export function table(items, classes) {
  const head = ["file", "decision", "abstained", "likeliest", "confidence"];
  const rows = [[...head, ...classes.map((name) => `p_${name}`), "model", "error"]];
  for (const { name, answer, model, error } of items) {
    rows.push(
      answer
        ? [
            name, answer.decision, answer.abstained, answer.likeliest, answer.confidence,
            ...classes.map((each) => answer.probabilities[each]), model, "",
          ]
        : [name, "", "", "", "", ...classes.map(() => ""), "", error.message],
    );
  }
  return rows.map((row) => row.map(field).join(",") + "\r\n").join("");
}
