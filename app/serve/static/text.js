// Numbers and lists as people read them.

/** A probability: "98.3 %", not broken over lines. The ends are only shown where they are reached. */
export function percent(share) {
  if (share > 0 && share < 0.0005) return "<0.1\u00a0%";
  if (share < 1 && share >= 0.9995) return ">99.9\u00a0%";
  return `${(100 * share).toFixed(1)}\u00a0%`;
}

/** A size: "9.5 MB"; of a limit or of a file that is over it. */
export function size(bytes) {
  if (bytes < 1e4) return `${bytes} bytes`;
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(0)}\u00a0kB` : `${+(bytes / 1e6).toFixed(2)}\u00a0MB`;
}

/** "one", "one or two", "one, two or three". */
export function either(words, last = "or") {
  if (words.length < 2) return words.join("");
  return `${words.slice(0, -1).join(", ")} ${last} ${words.at(-1)}`;
}

export const count = (n, one, many = `${one}s`) => `${n.toLocaleString("en")} ${n === 1 ? one : many}`;

export const quoted = (word) => `“${word}”`;
