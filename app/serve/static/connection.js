// Whether the server is there: asked until it is ready, then only when something fails.

import { health } from "./api.js";
import { find } from "./dom.js";

const WORDS = {
  connecting: "Connecting…",
  starting: "The server is loading the model. Pictures wait here until it is ready.",
  gone: "The server does not answer. Pictures wait here and are sent once it is back.",
  ready: "Ready",
};
const SOONEST = 1000, LATEST = 5000; // ms between two questions

export const connection = { state: "connecting", onready: () => {} };

let asking = false;

/** Asks until the server is ready; `onready` is called then. Harmless to call at any time. */
export async function connect() {
  if (asking) return;
  asking = true;
  for (let pause = SOONEST; ; pause = Math.min(1.5 * pause, LATEST)) {
    const found = await health();
    if (found === "ready") break;
    show(found);
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
  asking = false;
  show("ready");
  connection.onready();
}

/** To be called when a request did not get through: nothing is sent until the server is ready. */
export function lost() {
  if (connection.state === "ready") connection.state = "connecting"; // said only if it is true
  connect();
}

function show(state) {
  connection.state = state;
  const place = find("state");
  if (place.dataset.state === state) return;
  place.dataset.state = state;
  place.textContent = WORDS[state];
}
