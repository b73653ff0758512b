// Pictures: from a file or the camera, shown by the browser, sent to the program behind the page. Kept in memory only.

const QUALITY = 0.92;
const CAMERA = { width: { ideal: 1280 }, height: { ideal: 960 } };

/** A picture that was not answered. `code`: a key of texts.js; `message`: the program's sentence. */
export class Trouble extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

/** A picture to show: {blob, url, ratio}; `ratio`, width by height, is null where no browser can show it. */
export async function read(file) {
  const shown = await preview(file);
  if (shown) return shown;
  const answer = await post("/api/jpeg", file).catch(() => null); // a HEIC; the refusal of others is the cloud's to say
  return (answer && (await preview(await answer.blob()))) || { blob: file, url: null, ratio: null };
}

export function forget(picture) {
  if (picture?.url) URL.revokeObjectURL(picture.url);
}

/** The answer about a picture: {message, upload_ms, total_ms, pictures}, the pictures as data URLs; throws Trouble. */
export async function ask(picture, inputs) {
  const query = new URLSearchParams(inputs);
  return (await post(`/api/ask?${query}`, picture.blob)).json();
}

async function preview(blob) {
  const url = URL.createObjectURL(blob);
  const image = new Image();
  image.src = url;
  try {
    await image.decode();
    return { blob, url, ratio: image.naturalWidth / image.naturalHeight };
  } catch {
    URL.revokeObjectURL(url);
    return null;
  }
}

async function post(path, body) {
  let response;
  try {
    response = await fetch(path, { method: "POST", body, headers: { "content-type": "application/octet-stream" } });
  } catch (error) {
    throw new Trouble("gone", error.message);
  }
  if (response.ok) return response;
  const { code = "refused", error = `status ${response.status}` } = await response.json().catch(() => ({}));
  throw new Trouble(code, error);
}

export const openCamera = () => navigator.mediaDevices.getUserMedia({ video: CAMERA });

export function closeCamera(stream) {
  for (const track of stream?.getTracks() ?? []) track.stop(); // the camera's own light goes out
}

/** The picture that a playing video shows now, as a JPEG. */
export function still(video) {
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: video.videoWidth, height: video.videoHeight });
  canvas.getContext("2d").drawImage(video, 0, 0);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", QUALITY));
}
