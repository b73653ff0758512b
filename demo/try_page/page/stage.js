// The left side: what a person chooses, the camera, and the picture with a box for each subject.

import { html, useEffect, useRef } from "/page/vendor/preact-htm.js";

export const Stage = ({ state, recipe, texts, say, act, beside }) => html`
  <div class="stage">
    <${Inputs} ...${{ state, recipe, texts, say, act }} />
    ${recipe.consent && html`<${Consent} ...${{ state, recipe, texts, act }} />`}
    ${state.camera
      ? html`<${Camera} ...${{ state, say, act }} />`
      : beside
        ? html`<${Picture} ...${{ state, say, act }} />`
        : html`<${Empty} ...${{ say, act }} />`}
    ${state.cameraFailed && html`<p class="failed" role="alert">${say("camera_failed")}</p>`}
  </div>
`;

function Inputs({ state, recipe, texts, act }) {
  return Object.entries(recipe.inputs).map(
    ([name, values]) => html`
      <fieldset key=${name} class="input">
        <legend>${texts.inputs[name]}</legend>
        ${values.map(
          (value) => html`
            <label key=${value}>
              <input type="radio" name=${name} value=${value} checked=${state.inputs[name] === value} onChange=${() => act.input(name, value)} />
              <span>${texts.values[name][value]}</span>
            </label>
          `,
        )}
      </fieldset>
    `,
  );
}

const Consent = ({ state, recipe, texts, act }) => html`
  <label class="consent">
    <input type="checkbox" checked=${recipe.consent in state.inputs} onChange=${({ target }) => act.declare(target.checked)} />
    <span>${texts.consent}</span>
  </label>
`;

const Empty = ({ say, act }) => html`
  <div class="empty">
    <svg viewBox="0 0 24 24" aria-hidden="true"><path d="M3 5h18v14H3zM3 16l5-5 5 5 3-3 5 5M16 9.500h.01" /></svg>
    <p class="drop">${say("drop")}</p>
    <p class="quiet">${say("drop_line")}</p>
    <${Sources} ...${{ say, act, choose: "choose" }} />
  </div>
`;

function Sources({ say, act, choose }) {
  const file = useRef(null);
  const chosen = ({ target }) => {
    act.take(target.files[0]);
    target.value = ""; // so that the same file can be chosen again
  };
  return html`
    <div class="sources">
      <button class="main" onClick=${() => file.current.click()}>${say(choose)}</button>
      <button class="second" onClick=${act.camera}>${say("use_camera")}</button>
      <input ref=${file} type="file" accept="image/*,.heic,.heif" hidden onChange=${chosen} />
    </div>
  `;
}

function Camera({ state, say, act }) {
  const video = useRef(null);
  useEffect(() => {
    video.current.srcObject = state.camera;
  }, [state.camera]);
  return html`
    <video ref=${video} class="frame" autoplay muted playsinline></video>
    <div class="sources">
      <button class="main" onClick=${() => act.shoot(video.current)}>${say("take")}</button>
      <button class="second" onClick=${act.close}>${say("close")}</button>
    </div>
  `;
}

function Picture({ state, say, act }) {
  const { url, ratio } = state.picture ?? { url: null };
  const subjects = state.answer?.message.subjects ?? [];
  return html`
    ${url
      ? html`
          <div class=${`picture ${state.asking ? "asking" : ""}`} style=${{ "--ratio": ratio }}>
            <img src=${url} alt=${say("picture")} />
            ${subjects.map((subject, number) => html`<${Box} key=${number} ...${{ subject, number, count: subjects.length, state, act }} />`)}
          </div>
        `
      : html`<p class="no-preview">${say(state.picture ? "no_preview" : "looking")}</p>`}
    <${Sources} ...${{ say, act, choose: "choose_other" }} />
  `;
}

function Box({ subject, number, count, state, act }) {
  const [x0, y0, x1, y1] = subject.box.map((part) => part * 100);
  const place = { left: `${x0}%`, top: `${y0}%`, width: `${x1 - x0}%`, height: `${y1 - y0}%` };
  return html`
    <div class=${`box ${state.pointed === number ? "pointed" : ""}`} style=${place} onMouseEnter=${() => act.point(number)} onMouseLeave=${() => act.point(null)}>
      ${count > 1 && html`<b aria-hidden="true">${number + 1}</b>`}
    </div>
  `;
}
