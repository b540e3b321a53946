// The page: pictures come in, are asked about a few at a time, and stand with their answers.

import { AnswerError, get } from "./api.js";
import * as camera from "./camera.js";
import { makeCard } from "./cards.js";
import { connect, connection } from "./connection.js";
import { table } from "./csv.js";
import { find, make } from "./dom.js";
import { clipboard, dropped } from "./intake.js";
import { showModel } from "./model.js";
import * as queue from "./queue.js";
import { announce, summarise } from "./summary.js";
import { count, size } from "./text.js";
import { objectUrl, thumbnail } from "./thumbs.js";

const MOST = 500; // pictures on the page

let model = null;
const items = []; // as they stand on the page: the newest batch first

/** Says something at the place where pictures are given, until the next thing is said. */
function tell(text) {
  find("told").textContent = text;
}

/** Takes files in and has them asked about. */
function admit(files, nothing = "That holds no file.") {
  const room = MOST - items.length;
  const taken = files.slice(0, room);
  tell(files.length ? "" : nothing);
  if (files.length > room) {
    tell(
      `The page holds at most ${count(MOST, "picture")}: ${count(files.length - taken.length, "was", "were")} left out. ` +
        "For more there is the command line: python -m app.predict FOLDER",
    );
  }
  if (!taken.length) return;
  const fresh = taken.map((file) => ({ file, name: file.name }));
  for (const item of fresh) {
    item.card = makeCard(item, { remove, again });
  }
  items.unshift(...fresh);
  find("cards").prepend(...fresh.map((item) => item.card.element));
  document.body.classList.add("answering");
  find("cards").classList.toggle("one", items.length === 1);
  for (const item of fresh) begin(item);
  summarise(items);
  const { top } = find("results").getBoundingClientRect();
  if (top > 0.6 * window.innerHeight) find("results").scrollIntoView({ block: "start" });
}

async function begin(item) {
  const limit = model?.limits.body_bytes;
  if (limit && item.file.size > limit) {
    item.state = "failed";
    item.error = new AnswerError(
      "body_too_large",
      `It has ${size(item.file.size)}; the server takes at most ${size(limit)}. It was not sent. ` +
        "This page does not shrink pictures itself, for the answer would be another: save it as a smaller JPEG.",
    );
    changed(item);
  } else queue.add(item);
  const thumb = await thumbnail(item.file);
  if (!items.includes(item)) {
    if (thumb) URL.revokeObjectURL(thumb.url);
    return;
  }
  item.thumb = thumb;
  item.card.picture();
}

/** Shows a picture as it is now. */
function changed(item) {
  if (!items.includes(item)) return;
  if (item.state === "done") {
    item.rule = model?.decision;
    if (item.answer.heat_map) layHeat(item);
    if (model && !model.sha256.startsWith(item.model)) describe(); // another model serves now
  }
  item.card.update();
  if (item.state === "sending" && item.sent > 0) return; // nothing new for the numbers
  summarise(items);
  if (item.state === "done" || item.state === "failed") announce(item, () => items);
}

function layHeat(item) {
  item.heat = objectUrl(item.answer.heat_map);
  item.answer.heat_map = null;
  item.card.picture();
  if (item.thumb) return;
  const image = new Image(); // the heat map has the picture's shape
  image.onload = () => {
    item.shape = { width: image.naturalWidth, height: image.naturalHeight };
    item.card.picture();
  };
  image.src = item.heat;
}

function again(item) {
  queue.add(item);
}

function release(item) {
  queue.drop(item);
  item.card.element.remove();
  for (const url of [item.thumb?.url, item.heat]) if (url) URL.revokeObjectURL(url);
}

function remove(item) {
  const place = items.indexOf(item);
  items.splice(place, 1);
  release(item);
  const neighbour = items[Math.min(place, items.length - 1)];
  (neighbour?.card.element.querySelector(".remove") ?? find("choose")).focus();
  left();
}

function removeAll() {
  items.splice(0).forEach(release);
  find("choose").focus();
  left();
}

function left() {
  document.body.classList.toggle("answering", items.length > 0);
  find("cards").classList.toggle("one", items.length === 1);
  summarise(items);
  find("say").textContent = items.length ? `${count(items.length, "picture")} left.` : "All pictures removed.";
}

function download() {
  const finished = items.filter((item) => item.state === "done" || item.state === "failed");
  const names = new Set(model?.class_names);
  finished.forEach((item) => item.answer && Object.keys(item.answer.probabilities).forEach((each) => names.add(each)));
  // The byte order mark has spreadsheets read it as UTF-8.
  const blob = new Blob(["\ufeff", table(finished, [...names])], { type: "text/csv" });
  const url = URL.createObjectURL(blob);
  make("a", { href: url, download: "answers.csv" }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** Asks the server what model it has, and what it has to show. */
async function describe() {
  try {
    const found = await get("/v1/model");
    if (model && model.sha256 !== found.sha256) {
      tell("The server has another model now. Answers from before are of the earlier one.");
    }
    model = found;
    showModel(model);
    if (!find("examples").querySelector("li")) showExamples((await get("/v1/examples")).examples);
  } catch (error) {
    tell(`What the server says of its model could not be read. ${error.message}`);
  }
}

function showExamples(examples) {
  find("examples").hidden = !examples.length;
  const list = find("examples").querySelector("ul");
  list.replaceChildren(...examples.map(({ url, label }, i) => {
    const name = `example ${i + 1}, labelled ${label}`;
    const button = make("button", { type: "button", title: `Labelled ${label}`, onclick: () => example(url, name) },
      make("img", { src: url, alt: `Example ${i + 1}, labelled ${label}`, loading: "lazy" }));
    return make("li", {}, button);
  }));
}

async function example(url, name) {
  try {
    const response = await fetch(url);
    if (!response.ok) throw new Error();
    admit([new File([await response.blob()], name, { type: "image/png" })]);
  } catch {
    tell("That example could not be fetched. Is the server there?");
    connect();
  }
}

function givePictures() {
  find("choose").addEventListener("click", () => find("files").click());
  find("photograph").addEventListener("click", () => (camera.pocket.matches ? find("shot").click() : camera.open()));
  for (const input of [find("files"), find("shot")]) {
    input.addEventListener("change", () => {
      admit([...input.files]);
      input.value = ""; // the same file may be chosen again
    });
  }
  camera.prepare((file) => admit([file]));
  const photographFirst = () => {
    const first = camera.pocket.matches;
    find("ways")[first ? "prepend" : "append"](find("photograph"));
    find("photograph").classList.toggle("main", first);
    find("choose").classList.toggle("main", !first);
  };
  camera.pocket.addEventListener("change", photographFirst);
  photographFirst();
  document.addEventListener("paste", (event) =>
    admit(clipboard(event.clipboardData), "The clipboard holds no picture."));
}

function takeDrops() {
  let depth = 0; // events of leaving one element and entering another come in pairs
  const over = (now) => document.body.classList.toggle("over", now);
  document.addEventListener("dragenter", () => over((depth += 1) > 0));
  document.addEventListener("dragleave", () => over((depth = Math.max(0, depth - 1)) > 0));
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", async (event) => {
    event.preventDefault();
    over((depth = 0) > 0);
    admit(await dropped(event.dataTransfer).catch(() => []),
      "No file was dropped. A picture from another page comes in by copy and paste, or saved as a file.");
  });
}

function layHeatMaps() {
  const slider = find("heat");
  const set = () => {
    find("cards").style.setProperty("--heat", slider.value / 100);
    find("heat-value").textContent = `${slider.value} %`;
    slider.setAttribute("aria-valuetext", `${slider.value} %`);
  };
  slider.addEventListener("input", set);
  slider.addEventListener("change", () => {
    try {
      localStorage.setItem("heat", slider.value);
    } catch { /* no storage: not remembered */ }
  });
  try {
    slider.value = localStorage.getItem("heat") ?? slider.value;
  } catch { /* the same */ }
  set();
}

queue.onchange(changed);
givePictures();
takeDrops();
layHeatMaps();
find("csv").addEventListener("click", download);
find("clear").addEventListener("click", removeAll);
connection.onready = () => {
  describe();
  queue.next();
};
document.addEventListener("visibilitychange", () => !document.hidden && connect());
connect();
