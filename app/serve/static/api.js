// The server's interface: what is asked and what comes back.

const LONGEST = 90_000; // ms for an answer; the server itself gives up sooner

/** Why there is no answer; `code` is the server's, or one of ours: unreachable, no_answer, strange. */
export class AnswerError extends Error {
  constructor(code, message, { id = null, after = null } = {}) {
    super(message);
    Object.assign(this, { code, id, after });
  }
}

/** The JSON at `path`. Throws AnswerError. */
export async function get(path) {
  let response;
  try {
    response = await fetch(path, { signal: AbortSignal.timeout(LONGEST) });
  } catch {
    throw unreachable();
  }
  const text = await response.text().catch(() => "");
  return read(response.status, text, response.headers.get("Retry-After"));
}

/** "ready", "starting" (it loads the model) or "gone" (no answer at all). */
export async function health() {
  try {
    const response = await fetch("/readyz", { cache: "no-store", signal: AbortSignal.timeout(5000) });
    return response.ok ? "ready" : "starting";
  } catch {
    return "gone";
  }
}

/**
 * Asks for one picture. XMLHttpRequest, because fetch does not say how much has been sent.
 * @param {Blob} picture sent as it is.
 * @param {(sent: number) => void} progress called with the share in [0, 1] that is sent.
 * @param {AbortSignal} signal ends it.
 * @returns {Promise<{model: string, answer: object}>} one of predictions, and of which model.
 */
export function predict(picture, progress, signal) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", "/v1/predict?heat_map=true");
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.timeout = LONGEST;
    request.upload.onprogress = (event) => event.lengthComputable && progress(event.loaded / event.total);
    request.upload.onload = () => progress(1);
    request.onerror = () => reject(unreachable());
    request.ontimeout = () =>
      reject(new AnswerError("no_answer", `The server gave no answer within ${LONGEST / 1000} s.`));
    request.onabort = () => reject(new AnswerError("removed", "The picture was removed."));
    request.onload = () => {
      try {
        const found = read(request.status, request.responseText, request.getResponseHeader("Retry-After"));
        const answer = found.predictions?.[0];
        if (answer?.error) throw told(answer.error);
        if (!answer?.probabilities) throw strange(request.status);
        resolve({ model: found.model, answer });
      } catch (error) {
        reject(error);
      }
    };
    signal.addEventListener("abort", () => request.abort());
    request.send(picture);
  });
}

function read(status, text, after) {
  let found;
  try {
    found = JSON.parse(text);
  } catch {
    throw strange(status, after);
  }
  if (found?.error) throw told(found.error, after);
  if (status !== 200) throw strange(status, after);
  return found;
}

const told = ({ code, message, id }, after = null) => new AnswerError(code, message, { id, after });

const unreachable = () =>
  new AnswerError("unreachable", "The connection broke, or the file changed while it was being sent.");

const strange = (status, after = null) =>
  new AnswerError(
    status === 503 ? "busy" : "strange",
    `Something other than the classifier answered, with status ${status}.`,
    { after },
  );
