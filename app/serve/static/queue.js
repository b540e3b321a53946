// Pictures on their way: a few at a time, again where that can help, none while the server is away.

import { predict } from "./api.js";
import { connect, connection, lost } from "./connection.js";

const AT_ONCE = 3; // requests; the server batches what comes together
const ATTEMPTS = 5;
const AGAIN = ["busy", "timed_out", "unreachable"]; // tried again without being told
const LONGEST_PAUSE = 30; // s; what the server asks for is kept to, up to this

const waiting = [];
let running = 0;
let notBefore = 0;
let changed = () => {};

/** `report(item)` is called whenever the state of a picture has changed. */
export function onchange(report) {
  changed = report;
}

/** Puts a picture in the queue: its `file` is sent, and `state` says how far it is. */
export function add(item) {
  Object.assign(item, { state: "waiting", attempts: 0, error: null, sent: 0 });
  waiting.push(item);
  changed(item);
  next();
}

/** Takes a picture out, whatever its state. */
export function drop(item) {
  const place = waiting.indexOf(item);
  if (place >= 0) waiting.splice(place, 1);
  item.abort?.abort();
}

/** Sends what can be sent now. */
export function next() {
  if (connection.state !== "ready") {
    connect();
    return;
  }
  const pause = notBefore - performance.now();
  if (pause > 0) {
    setTimeout(next, pause);
    return;
  }
  while (running < AT_ONCE && waiting.length) send(waiting.shift());
}

async function send(item) {
  running += 1;
  item.state = "sending";
  item.attempts += 1;
  item.sent = 0;
  item.abort = new AbortController();
  changed(item);
  try {
    const progress = (sent) => {
      item.sent = sent;
      changed(item);
    };
    Object.assign(item, await predict(item.file, progress, item.abort.signal), { state: "done" });
  } catch (error) {
    failed(item, error);
  }
  item.abort = null;
  running -= 1;
  if (item.error?.code !== "removed") changed(item);
  next();
}

function failed(item, error) {
  item.error = error;
  if (!AGAIN.includes(error.code) || item.attempts >= ATTEMPTS) {
    item.state = "failed";
    if (error.code === "unreachable") lost();
    return;
  }
  item.state = "again";
  waiting.unshift(item);
  if (error.code === "unreachable") {
    lost();
    return;
  }
  const asked = Number(error.after) || 2 ** (item.attempts - 1);
  item.pause = Math.min(asked, LONGEST_PAUSE);
  notBefore = Math.max(notBefore, performance.now() + 1000 * item.pause);
}

/** Whether a person may try again: what is wrong is not the picture. */
export const retryable = (error) =>
  [...AGAIN, "no_answer", "slow_request", "internal", "strange"].includes(error.code);
