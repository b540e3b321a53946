// Small copies of pictures for the screen. What is sent to the model is the file itself.

const SIDE = 800; // px, at most
const AT_ONCE = 2; // large photographs decoded at a time

const waiting = [];
let running = 0;

/** A small copy, upright: { url, width, height }; null where the browser cannot show the file. */
export function thumbnail(file) {
  return new Promise((resolve) => {
    waiting.push({ file, resolve });
    next();
  });
}

async function next() {
  if (running >= AT_ONCE || !waiting.length) return;
  running += 1;
  const { file, resolve } = waiting.shift();
  resolve(await shrink(file).catch(() => null));
  running -= 1;
  next();
}

async function shrink(file) {
  const whole = await createImageBitmap(file);
  const scale = Math.min(1, SIDE / Math.max(whole.width, whole.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(whole.width * scale));
  canvas.height = Math.max(1, Math.round(whole.height * scale));
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff"; // the pipeline lays transparent pictures on white too
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(whole, 0, 0, canvas.width, canvas.height);
  whole.close();
  const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.9));
  return { url: URL.createObjectURL(blob), width: canvas.width, height: canvas.height };
}

/** An object URL of a base64 data URL, which is dropped: as bytes it takes less memory. */
export function objectUrl(data) {
  const bytes = Uint8Array.from(atob(data.slice(data.indexOf(",") + 1)), (c) => c.charCodeAt(0));
  return URL.createObjectURL(new Blob([bytes], { type: "image/png" }));
}
