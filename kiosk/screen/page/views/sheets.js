// What lies over a step: the display's settings, the page about the camera, "are you still there?", listening.

import { dishOf } from "../cart.js";
import { Icon } from "../icons.js";
import { ZOOMS } from "../state.js";
import { html, useEffect, useRef } from "../vendor/preact-htm.js";

export function Sheets(props) {
  const { state } = props;
  if (state.asking) return html`<${Asking} key="asking" ...${props} />`;
  if (state.voice) return html`<${Listening} key="listening" ...${props} />`;
  if (state.sheet === "settings") return html`<${Settings} key="settings" ...${props} />`;
  if (state.sheet === "privacy") return html`<${Privacy} key="privacy" ...${props} />`;
  return null;
}

// A dialog of the browser: the focus stays inside, and Escape closes it.
function Sheet({ title, name, close, children }) {
  const dialog = useRef();
  useEffect(() => {
    const element = dialog.current;
    if (!element.open) element.showModal();
    return () => element.close();
  }, []);
  const cancel = (event) => {
    event.preventDefault();
    close();
  };
  return html`
    <dialog class=${`sheet ${name}`} ref=${dialog} aria-labelledby="sheet-title" onCancel=${cancel}>
      <h1 id="sheet-title" tabindex="-1" autofocus>${title}</h1>
      ${children}
    </dialog>
  `;
}

function Asking({ say, act }) {
  return html`
    <${Sheet} title=${say("still_there")} name="asking" close=${act.stay}>
      <div class="pair">
        <button class="main" onClick=${act.stay}>${say("go_on")}</button>
        <button class="second" onClick=${act.leave}>${say("stop")}</button>
      </div>
    <//>
  `;
}

function Settings({ state, say, act }) {
  const { sound } = state;
  const zoom = ZOOMS.indexOf(state.zoom);
  const step = (of, by, least, most) => Math.round(10 * Math.min(most, Math.max(least, sound[of] + by))) / 10;
  return html`
    <${Sheet} title=${say("settings")} name="settings" close=${act("sheet", { sheet: null })}>
      <div class="tuning" tabindex="0" role="region" aria-label=${say("settings")}>
        <div class="setting" role="group" aria-label=${say("letters")}>
          <p>${say("letters")} ${state.zoom * 100}%</p>
          <button class="second" disabled=${zoom === 0} onClick=${act("zoom", { zoom: ZOOMS[zoom - 1] })}>${say("smaller")}</button>
          <button class="second" disabled=${zoom === ZOOMS.length - 1} onClick=${act("zoom", { zoom: ZOOMS[zoom + 1] })}>${say("larger")}</button>
        </div>
        <div class="setting" role="group" aria-label=${say("sound")}>
          <p>${say("sound")}</p>
          <button class="second" aria-pressed=${sound.on} onClick=${act("sound", { on: true })}>${say("sound_on")}</button>
          <button class="second" aria-pressed=${!sound.on} onClick=${act("sound", { on: false })}>${say("sound_off")}</button>
        </div>
        <div class="setting" role="group" aria-label=${say("volume")}>
          <p>${say("volume")} ${Math.round(sound.volume * 10)}</p>
          <button class="second" onClick=${act("sound", { volume: step("volume", -0.2, 0.2, 1) })}>${say("softer")}</button>
          <button class="second" onClick=${act("sound", { volume: step("volume", 0.2, 0.2, 1) })}>${say("louder")}</button>
        </div>
        <div class="setting" role="group" aria-label=${say("speed")}>
          <p>${say("speed")} ${sound.speed.toFixed(1)}</p>
          <button class="second" onClick=${act("sound", { speed: step("speed", -0.2, 0.6, 1.6) })}>${say("slower")}</button>
          <button class="second" onClick=${act("sound", { speed: step("speed", 0.2, 0.6, 1.6) })}>${say("faster")}</button>
        </div>
      </div>
      <button class="main" onClick=${act("sheet", { sheet: null })}>${say("close")}</button>
    <//>
  `;
}

function Privacy({ state, say, act, shop }) {
  const { privacy } = shop;
  const cloud = privacy.labeller !== "device";
  const lines = [
    say("privacy_what"),
    ...(cloud ? [say("privacy_cloud", { days: privacy.upload_days }), say("privacy_result", { days: privacy.result_days })] : [say("privacy_device")]),
    ...(cloud && privacy.learns ? [say("privacy_learns", { days: privacy.review_days })] : []),
    say("privacy_never"),
    say("privacy_person"),
  ];
  const none = shop.camera.use !== "browser";
  return html`
    <${Sheet} title=${say("privacy")} name="privacy" close=${act("sheet", { sheet: null })}>
      <ul tabindex="0" aria-label=${say("privacy")}>${lines.map((line) => html`<li key=${line}>${line}</li>`)}</ul>
      <div class="pair">
        ${!none && html`<button class="second" onClick=${act.camera}><${Icon} name=${state.camera.on ? "camera_off" : "camera"} />${say(state.camera.on ? "camera_turn_off" : "camera_turn_on")}</button>`}
        <button class="main" onClick=${act("sheet", { sheet: null })}>${say("close")}</button>
      </div>
    <//>
  `;
}

function Listening({ state, say, act, shop }) {
  const { voice, dish } = state;
  const listening = voice.step === "listening";
  const title = listening ? say("listening") : say("not_heard");
  const line = listening ? say(dish ? "listening_yes" : "listening_line") : say("not_heard_line");
  return html`
    <${Sheet} title=${title} name=${`voice ${voice.step}`} close=${act.hush}>
      <div class="ring" aria-hidden="true"><${Icon} name="mic" /></div>
      ${dish && html`<p class="heard">${dishOf(shop.menu, dish.id).name[state.language]} ${say("pieces", { count: dish.count })}. ${say("confirm")}</p>`}
      <p>${line}</p>
      <div class="pair">
        ${dish && html`<button class="main" onClick=${act.yes}>${say("yes")}</button>`}
        ${!listening && !dish && html`<button class="main" onClick=${act.speak}>${say("again")}</button>`}
        <button class="second" onClick=${act.hush}>${say("cancel")}</button>
      </div>
    <//>
  `;
}
