// The page as a whole: the recipe's title, the picture, the answers beside it.

import { html } from "/page/vendor/preact-htm.js";
import { Outcome } from "./answers.js";
import { Stage } from "./stage.js";

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
      <${Stage} ...${{ state, recipe, texts, say, act, beside }} />
      ${beside && html`<section class="answers" aria-live="polite"><${Outcome} ...${{ state, recipe, texts, say, act }} /></section>`}
    </main>
    <footer><p>${say("private")} ${recipe.keeps_upload ? "" : say("deleted")}</p></footer>
  `;
}
