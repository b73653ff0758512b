// The wiring of the page: its state, what shows it, and what a person does.

import { ask, closeCamera, forget, openCamera, read, still } from "./pictures.js";
import { LANGUAGES, speaker } from "./texts.js";
import { html, render } from "/page/vendor/preact-htm.js";
import { Page } from "./view.js";

const STORED = "nunchi-try-language";
const NOTHING = { answer: null, trouble: null, pointed: null };

const root = document.getElementById("try");
const recipe = await (await fetch("/api/recipe")).json();
let asked = 0; // an answer to an earlier question is not shown
let state = {
  language: localStorage.getItem(STORED) ?? (navigator.language.startsWith("ko") ? "ko" : "en"),
  inputs: {},
  picture: null,
  camera: null, // a MediaStream
  cameraFailed: false,
  asking: false,
  answer: null, // {message, upload_ms, total_ms, pictures}
  trouble: null, // {code, message}
  pointed: null, // the number of the subject that is pointed at
};

function change(changes) {
  state = { ...state, ...changes };
  show();
}

function show() {
  document.documentElement.lang = state.language;
  document.title = `${recipe.texts[state.language].title} · Nunchi`;
  document.documentElement.dataset.state = state.asking ? "asking" : state.answer ? "answered" : "ready";
  render(html`<${Page} state=${state} recipe=${recipe} say=${speaker(state.language)} act=${act} />`, root);
}

const needed = [...Object.keys(recipe.inputs), ...(recipe.consent ? [recipe.consent] : [])];
const chosen = () => needed.every((name) => name in state.inputs);

async function send() {
  if (!state.picture || !chosen()) return;
  const number = ++asked;
  change({ ...NOTHING, asking: true });
  const outcome = await ask(state.picture, state.inputs).then(
    (answer) => ({ answer }),
    ({ code, message }) => ({ trouble: { code, message } }),
  );
  if (number === asked) change({ asking: false, ...outcome });
}

async function take(file) {
  if (!file) return;
  const number = ++asked;
  closeCamera(state.camera);
  change({ ...NOTHING, camera: null, cameraFailed: false, asking: true }); // a HEIC takes a second until it is shown
  const picture = await read(file);
  if (number !== asked) return forget(picture);
  forget(state.picture);
  change({ picture, asking: false });
  await send();
}

const act = {
  language() {
    const language = LANGUAGES.find((each) => each !== state.language);
    localStorage.setItem(STORED, language);
    change({ language });
  },
  async input(name, value) {
    change({ inputs: { ...state.inputs, [name]: value } });
    await send();
  },
  async declare(declared) {
    const { [recipe.consent]: _, ...others } = state.inputs;
    asked++; // what was sent before is not shown
    change({ ...NOTHING, asking: false, inputs: declared ? { ...others, [recipe.consent]: "yes" } : others });
    await send();
  },
  take,
  send,
  async camera() {
    try {
      change({ camera: await openCamera(), cameraFailed: false });
    } catch {
      change({ camera: null, cameraFailed: true });
    }
  },
  async shoot(video) {
    if (video.videoWidth) await take(await still(video));
  },
  close() {
    closeCamera(state.camera);
    change({ camera: null });
  },
  point: (pointed) => change({ pointed }),
};

addEventListener("dragover", (event) => event.preventDefault()); // a browser would leave the page for the file
addEventListener("drop", (event) => {
  event.preventDefault();
  act.take(event.dataTransfer.files[0]);
});
addEventListener("paste", (event) => act.take(event.clipboardData.files[0]));
show();
