// What the page shows: the choice before, the picture with its boxes, the answers beside it.

import { html, useEffect, useRef } from "/page/vendor/preact-htm.js";
import { headline, joinedWords, rows, seconds } from "./words.js";

export function Page({ state, recipe, say, act }) {
  const texts = recipe.texts[state.language];
  const beside = (state.picture || state.asking) && !state.camera;
  return html`
    <header>
      <div>
        <h1>${texts.title}</h1>
        <p>${texts.about}</p>
      </div>
      <button class="plain" lang=${state.language === "ko" ? "en" : "ko"} onClick=${act.language}>${say("other_language")}</button>
    </header>
    <main class=${beside ? "beside" : "alone"}>
      <div class="stage">
        <${Inputs} ...${{ state, recipe, texts, say, act }} />
        ${state.camera
          ? html`<${Camera} ...${{ state, say, act }} />`
          : beside
            ? html`<${Picture} ...${{ state, say, act }} />`
            : html`<${Empty} ...${{ say, act }} />`}
        ${state.cameraFailed && html`<p class="failed" role="alert">${say("camera_failed")}</p>`}
      </div>
      ${beside && html`<section class="answers" aria-live="polite"><${Outcome} ...${{ state, recipe, texts, say, act }} /></section>`}
    </main>
    <footer><p>${say("private")}</p></footer>
  `;
}

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

function Outcome({ state, recipe, texts, say, act }) {
  if (state.trouble) return html`<${Troubled} ...${{ trouble: state.trouble, say, act }} />`;
  if (state.asking) {
    return html`
      <h2 class="looking">${say("looking")}</h2>
      <p class="quiet">${say("looking_line")}</p>
    `;
  }
  if (!state.answer) {
    const missing = Object.keys(recipe.inputs).filter((name) => !(name in state.inputs));
    return html`<h2>${say("first")}: ${missing.map((name) => texts.inputs[name]).join(", ")}</h2>`;
  }
  return html`<${Answered} ...${{ state, recipe, texts, say, act }} />`;
}

const Troubled = ({ trouble, say, act }) => html`
  <h2>${say("trouble")}</h2>
  <p>${say(trouble.code)}</p>
  <p class="quiet" lang="en">${trouble.message}</p>
  <button class="second" onClick=${act.send}>${say("again")}</button>
`;

function Answered({ state, recipe, texts, say, act }) {
  const { message, total_ms: total, upload_ms: upload } = state.answer;
  const { title, line } = headline(message, recipe.finds, say);
  return html`
    <h2>${title}</h2>
    ${line && html`<p>${line}</p>`}
    ${message.notice && html`<p class="notice" role="note" aria-label=${say("notice")}>${texts.notice}</p>`}
    ${message.subjects.map(
      (subject, number) => html`
        <article key=${number} class=${state.pointed === number ? "pointed" : ""} onMouseEnter=${() => act.point(number)} onMouseLeave=${() => act.point(null)}>
          ${message.subjects.length > 1 && html`<h3 class="number" aria-label=${say("number", { number: number + 1 })}>${number + 1}</h3>`}
          <${Subject} ...${{ subject, recipe, texts, say }} />
        </article>
      `,
    )}
    <p class="quiet took">${say("took", { seconds: seconds(total) })} · ${say("took_upload", { seconds: seconds(upload) })}</p>
    <details>
      <summary>${say("raw")}</summary>
      <pre tabindex="0" lang="en">${JSON.stringify(message, null, 2)}</pre>
    </details>
  `;
}

function Subject({ subject, recipe, texts, say }) {
  const shown = rows(subject, recipe, texts, say);
  const joined = joinedWords(subject, recipe, texts, say);
  return html`
    <dl>
      ${shown.map((row) => html`<div key=${row.question} class=${row.sure === false ? "row unsure" : "row"}><${row.score ? Score : Choice} ...${{ row, say }} /></div>`)}
    </dl>
    ${shown.length === 0 && html`<p>${say("no_answers")}</p>`}
    ${joined && html`<p class="quiet joined">${joined}</p>`}
  `;
}

const Choice = ({ row, say }) => html`
  <dt>${row.name}</dt>
  <dd class="value">${row.value}</dd>
  <dd class="certain">
    <span class="track" aria-hidden="true"><i style=${{ width: `${row.percent}%` }} /></span>
    <span aria-label=${say("sure_label", { percent: row.percent })} role="img">${say("sure", { percent: row.percent })}</span>
    ${!row.sure && html`<em>${say("not_sure")}</em>`}
  </dd>
`;

const Score = ({ row, say }) => html`
  <dt>${row.name}</dt>
  <dd class="value">${row.value}</dd>
  <dd class="range">
    <span class="track" aria-hidden="true">
      <i style=${{ left: `${row.score.from * 100}%`, width: `${(row.score.to - row.score.from) * 100}%` }} />
      <b style=${{ left: `${row.score.at * 100}%` }} />
    </span>
    <span class="ends" aria-hidden="true"><span>${row.score.ends[0]}</span><span>${row.score.ends[1]}</span></span>
    <span class="quiet">${say("interval", { low: row.score.low, high: row.score.high })}</span>
  </dd>
`;
