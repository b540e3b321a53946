// Pictures coming in: dropped, also as folders, and pasted.

/** Files of a drop, those in folders too. To be called while the event lasts. */
export async function dropped(transfer) {
  const found = [...transfer.items].filter((item) => item.kind === "file");
  const files = found.map((item) => item.getAsFile());
  const entries = found.map((item) => item.webkitGetAsEntry?.());
  const parts = await Promise.all(entries.map((entry, i) => (entry?.isDirectory ? walk(entry) : files[i])));
  return parts.flat().filter(Boolean);
}

async function walk(folder) {
  const reader = folder.createReader();
  const entries = [];
  // A reader gives some entries at a time, and none when there are no more.
  for (let some; (some = await ask(reader, "readEntries")).length; ) entries.push(...some);
  entries.sort((a, b) => a.name.localeCompare(b.name, "en", { numeric: true }));
  const files = [];
  for (const entry of entries.filter(({ name }) => !name.startsWith("."))) {
    files.push(...(entry.isDirectory ? await walk(entry) : [await ask(entry, "file")]));
  }
  return files;
}

const ask = (entry, what) => new Promise((resolve, reject) => entry[what](resolve, reject));

let pasted = 0;

/** Pictures of the clipboard, by names that tell them apart: browsers call all of them image.png. */
export function clipboard(transfer) {
  return [...transfer.files].map((file) => {
    if (file.name && file.name !== "image.png") return file;
    pasted += 1;
    return new File([file], `pasted ${pasted}.${file.type.split("/")[1] ?? "png"}`, { type: file.type });
  });
}
