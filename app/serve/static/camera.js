// A photograph: by the camera program of a phone, or in a dialog elsewhere.

import { find } from "./dom.js";

let stream = null;
let taken = 0;

/** Whether a file input with `capture` opens the camera: phones and tablets. */
export const pocket = window.matchMedia("(pointer: coarse)");

/** Makes the dialog work; `keep(file)` gets each photograph. */
export function prepare(keep) {
  const dialog = find("camera");
  find("camera-close").addEventListener("click", () => dialog.close());
  find("snap").addEventListener("click", async () => {
    keep(await frame(find("finder")));
    dialog.close();
  });
  dialog.addEventListener("close", stop);
}

/** Opens the dialog and the camera, or says in it why there is no camera. */
export async function open() {
  const dialog = find("camera"), note = find("camera-note"), finder = find("finder");
  find("snap").disabled = true;
  finder.hidden = true;
  note.textContent = "Waiting for the camera; the browser may ask you first.";
  dialog.showModal();
  try {
    if (!navigator.mediaDevices) throw new DOMException("", "SecurityError");
    stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 1920 } } });
    if (!dialog.open) return stop();
    finder.srcObject = stream;
    await finder.play();
  } catch (error) {
    stop();
    note.textContent = `${REASONS[error.name] ?? "The camera could not be opened."} You can choose a picture instead.`;
    return;
  }
  finder.hidden = false;
  note.textContent = "";
  find("snap").disabled = false;
  find("snap").focus();
}

const REASONS = {
  NotFoundError: "No camera was found.",
  NotAllowedError: "The browser was not allowed to use the camera.",
  NotReadableError: "Another program uses the camera.",
  SecurityError: "Browsers open the camera only for pages from localhost or by https.",
};

function stop() {
  stream?.getTracks().forEach((track) => track.stop());
  stream = null;
  find("finder").srcObject = null;
}

async function frame(finder) {
  const canvas = document.createElement("canvas");
  canvas.width = finder.videoWidth;
  canvas.height = finder.videoHeight;
  canvas.getContext("2d").drawImage(finder, 0, 0);
  const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.95));
  taken += 1;
  return new File([blob], `photograph ${taken}.jpg`, { type: "image/jpeg" });
}
