// What stands around every step: the bar above (back, step, screen) and the bar below (staff, camera, page).

import { Icon } from "../icons.js";
import { EASY, USUAL } from "../state.js";
import { html } from "../vendor/preact-htm.js";

const ORDER = ["type", "menu", "cart", "pay"];
const STEP_OF = { dish: "menu", options: "menu", paying: "pay" };

export function Frame({ state, say, act, shop, children }) {
  const easy = state.screen === EASY;
  const step = ORDER.indexOf(STEP_OF[state.step] ?? state.step);
  const backable = step >= 0 && state.step !== "paying";
  return html`
    <header class="bar above">
      ${backable
        ? html`<button key="back" class="plain" onClick=${act("back")}><${Icon} name="back" />${say("back")}</button>`
        : html`<p key="shop" class="shop" lang=${state.language}>${shop.shop.name[state.language]}</p>`}
      ${state.turned && step >= 0 && html`<p key="turned" class="turned" role="status">${say("turned")}</p>`}
      ${step >= 0 && html`<${Steps} step=${step} say=${say} />`}
      <div class="ends">
        <button class="plain language" lang=${state.language === "ko" ? "en" : "ko"} onClick=${act("language", { language: state.language === "ko" ? "en" : "ko" })}>
          ${state.language === "ko" ? (easy ? "EN" : "English") : easy ? "한글" : "한국어"}
        </button>
        <button class="switch" onClick=${act("screen", { screen: easy ? USUAL : EASY })}>
          <${Icon} name="letters" />${say(easy ? "usual" : "easy")}
        </button>
      </div>
    </header>
    <main class=${`step ${state.step}`} key=${state.step}>${children}</main>
    <footer class="bar below">
      <button class="plain call" aria-pressed=${state.called} onClick=${act.call}>
        <${Icon} name=${state.called ? "check" : "bell"} />${say(state.called ? "called" : "call")}
      </button>
      <button class=${`plain look ${state.camera.looking ? "looking" : ""}`} aria-label=${cameraLine(state, say)} onClick=${act("sheet", { sheet: "privacy" })}>
        <${Icon} name=${state.camera.on ? "camera" : "camera_off"} />
        ${(!easy || state.step === "attract") && html`<span>${cameraLine(state, say)}</span>`}
      </button>
      <button class="plain tune" aria-label=${say("settings")} onClick=${act("sheet", { sheet: "settings" })}>
        <${Icon} name="settings" />${!easy && html`<span>${say("settings")}</span>`}
      </button>
      <button class="plain lower" aria-label=${say(state.low ? "bring_up" : "bring_down")} aria-pressed=${state.low} onClick=${act("low")}>
        <${Icon} name=${state.low ? "up" : "down"} />${!easy && html`<span>${say(state.low ? "bring_up" : "bring_down")}</span>`}
      </button>
      <${Forward} ...${{ state, say, act, shop }} />
    </footer>
  `;
}

// The way on stands always at the same place, below on the right.
function Forward({ state, say, act, shop }) {
  const forward = act.forward(state, shop, say);
  if (!forward) return null;
  return html`<button class="main forward" onClick=${forward.act}>${forward.text}<${Icon} name="right" /></button>`;
}

function Steps({ step, say }) {
  return html`
    <ol class="steps" aria-label=${say("steps", { step: step + 1, total: ORDER.length })}>
      ${ORDER.map((name, i) => html`<li key=${name} class=${i < step ? "done" : i === step ? "now" : ""} aria-current=${i === step ? "step" : null}><span>${i + 1}</span></li>`)}
    </ol>
  `;
}

const cameraLine = ({ camera }, say) =>
  say(camera.looking ? "camera_looking" : camera.on ? "camera_on" : "camera_off");
