// The right side: what became of the picture, in words.

import { html } from "/page/vendor/preact-htm.js";
import { headline, joinedWords, rows, seconds } from "./words.js";

export function Outcome({ state, recipe, texts, say, act }) {
  if (state.trouble) return html`<${Troubled} ...${{ trouble: state.trouble, say, act }} />`;
  if (state.asking) {
    return html`
      <h2 class="looking">${say("looking")}</h2>
      <p class="quiet">${say("looking_line")}</p>
    `;
  }
  if (!state.answer) {
    const missing = Object.keys(recipe.inputs).filter((name) => !(name in state.inputs));
    return missing.length
      ? html`<h2>${say("first")}: ${missing.map((name) => texts.inputs[name]).join(", ")}</h2>`
      : html`<h2>${say("declare_first")}</h2><p>${say("declare_line")}</p>`;
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
  const { message, total_ms: total, upload_ms: upload, pictures } = state.answer;
  const { title, line } = headline(message, recipe.finds, say);
  const several = message.subjects.length > 1;
  return html`
    <h2>${title}</h2>
    ${line && html`<p>${line}</p>`}
    ${message.notice && html`<p class="notice" role="note" aria-label=${say("notice")}>${texts.notice}</p>`}
    <div class=${`subjects ${several ? "several" : ""}`}>
      ${message.subjects.map(
        (subject, number) => html`
          <article key=${number} class=${state.pointed === number ? "pointed" : ""} onMouseEnter=${() => act.point(number)} onMouseLeave=${() => act.point(null)}>
            ${several && html`<h3 class="number" aria-label=${say("number", { number: number + 1 })}>${number + 1}</h3>`}
            <${Subject} ...${{ subject, recipe, texts, say }} />
          </article>
        `,
      )}
    </div>
    ${pictures[recipe.picture] && html`<figure class="why drawn"><img src=${pictures[recipe.picture]} alt=${texts.picture} /></figure>`}
    ${pictures.why && html`<${Why} ...${{ picture: pictures.why, question: texts.questions[recipe.why], several, say }} />`}
    <p class="quiet took">${say("took", { seconds: seconds(total), upload: seconds(upload) })}</p>
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

const Why = ({ picture, question, several, say }) => html`
  <figure class="why">
    <h3>${say("why")}</h3>
    <img src=${picture} alt=${say("why_picture", { question })} />
    <figcaption class="quiet">${say("why_line", { question })} ${several && say("why_several")}</figcaption>
  </figure>
`;

const Choice = ({ row, say }) => html`
  <dt>${row.name}</dt>
  <dd class="value">${row.value}</dd>
  ${row.percent !== null && html`<${Certain} ...${{ row, say }} />`}
  ${row.explain && html`<dd class="explain">${row.explain}</dd>`}
`;

const Certain = ({ row, say }) => html`
  <dd class="certain">
    <span class="track" aria-hidden="true"><i style=${{ width: `${row.percent}%` }} /></span>
    <span aria-label=${say(`${row.certain}_label`, { percent: row.percent })} role="img">${say(row.certain, { percent: row.percent })}</span>
    ${!row.sure && html`<em>${say("not_sure")}</em>`}
  </dd>
`;

const Score = ({ row, say }) => html`
  <dt>${row.name}</dt>
  <dd class="value">${row.value}</dd>
  ${row.score.points && html`<dd class="points">${row.score.points}</dd>`}
  <dd class="range">
    <span class="track" aria-hidden="true">
      <i style=${{ left: `${row.score.from * 100}%`, width: `${(row.score.to - row.score.from) * 100}%` }} />
      <b style=${{ left: `${row.score.at * 100}%` }} />
    </span>
    <span class="ends" aria-hidden="true"><span>${row.score.ends[0]}</span><span>${row.score.ends[1]}</span></span>
    <span class="quiet">${say("interval", { low: row.score.low, high: row.score.high })}</span>
  </dd>
`;
