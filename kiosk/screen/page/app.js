// The wiring of the page: the state, what shows it, the agent, the camera, the clock, sound. Nothing else chooses them.

import { Actions } from "./actions.js";
import { Agent } from "./agent.js";
import { Camera } from "./camera.js";
import { Here, KEY } from "./here.js";
import { IdleClock } from "./idle.js";
import { keepSizes } from "./millimetres.js";
import { Prompts, promptsOf } from "./prompts.js";
import { begun, initial, kept, reduce, restored } from "./state.js";
import { speaker } from "./texts.js";
import { html, render } from "./vendor/preact-htm.js";
import { Attract } from "./views/attract.js";
import { Cart } from "./views/cart.js";
import { Dish, Options } from "./views/dish.js";
import { Frame } from "./views/frame.js";
import { Menu } from "./views/menu.js";
import { Pay, Paying, Receipt, Type } from "./views/pay.js";
import { Sheets } from "./views/sheets.js";
import { Voice } from "./voice.js";

const VIEWS = { attract: Attract, type: Type, menu: Menu, dish: Dish, options: Options, cart: Cart, pay: Pay, paying: Paying, receipt: Receipt };
const EVENTS = ["hello", "visit", "burst", "suggestion", "places", "camera", "health", "heard"];
const STORED = "nunchi";
const HEARTBEAT_MS = 5000;
const RESTORED_WITHIN_MS = 150_000; // as long as a customer may hesitate; later it would be somebody else's order

const root = document.getElementById("kiosk");
const agent = new Agent();
const shop = await agent.shop(() => (root.textContent = "…"));
keepSizes(shop.screen);

let state = stored() ?? initial(shop);
const prompts = new Prompts(() => state.sound);
const camera = new Camera(agent, shop.camera, (changed) => {
  dispatch({ is: "camera", ...changed });
  agent.tell("camera", { on: changed.on, ...(changed.failed ? { failed: changed.failed } : {}) });
});
const voice = new Voice(agent, shop, prompts, dispatch, () => state);
const actions = new Actions({ agent, shop, camera, voice, prompts, dispatch, state: () => state });
const here = new Here(shop.screen, { prompts, state: () => state });
const idle = new IdleClock(shop.screen, { dispatch, leave: () => actions.end("idle"), state: () => state });

function dispatch(event) {
  const old = state;
  state = reduce(shop, old, event);
  if (state === old) return;
  store();
  if (old.screen !== state.screen && document.startViewTransition && !document.hidden) {
    document.startViewTransition(show).ready.catch(() => {}); // a gentle change; skipped when the next follows at once
  } else {
    show();
  }
  follow(old);
}

function show() {
  const say = speaker(state.language);
  const { documentElement: page } = document;
  page.lang = state.language;
  Object.assign(page.dataset, { screen: state.screen, step: state.step, low: state.low ? "yes" : "no", language: state.language });
  page.style.setProperty("--zoom", state.zoom);
  page.dataset.zoomed = state.zoom >= 1.5 ? "yes" : "no";
  document.title = say("title");
  const props = { state, say, shop, act: actions.act };
  render(
    html`
      <div class="glass">
        <${Frame} ...${props}><${VIEWS[state.step]} ...${props} /><//>
      </div>
      <${Sheets} ...${props} />
    `,
    root,
  );
}

// What follows from a change beyond the screen.
function follow(old) {
  const moved = old.step !== state.step || old.screen !== state.screen || begun(old) !== begun(state);
  if (old.step !== state.step) {
    root.querySelector("main h1")?.setAttribute("tabindex", "-1");
    root.querySelector("main h1")?.focus({ preventScroll: true });
  }
  if (state.own && (!old.own || old.screen !== state.screen)) agent.tell("switch", { visit: state.visit, screen: state.screen });
  const spoken = promptsOf(old, state);
  if (spoken.length) {
    prompts.play(spoken, state.language);
  }
  if (moved) heartbeat();
  idle.follow(old, state);
  here.follow(old, state);
}

function heartbeat() {
  // "attract" tells the agent that a visit may end; a first page that somebody has set up for themselves is theirs.
  const screen = state.step === "attract" && begun(state) ? "attract-touched" : state.step;
  agent.tell("heartbeat", { screen, visit: state.visit });
}

function hello({ visit, suggestion, places, camera: looking, health }) {
  if (visit) dispatch({ is: "visit", visit });
  if (places) dispatch({ is: "places", visit: null, places });
  if (looking) dispatch({ is: "camera", looking: looking.looking ?? false });
  dispatch({ is: "health", ...health });
  if (suggestion) dispatch({ is: "suggestion", ...suggestion });
}

function heard(name, data) {
  if (name === "hello") hello(data);
  else if (name === "burst") camera.burst(data);
  else if (name === "camera") {
    if (data.on === false && camera.on) camera.stop(); // a person of the shop turned it off
    dispatch({ is: "camera", looking: data.looking ?? false });
  } else if (name === "heard") voice.heard(data);
  else dispatch({ is: name, ...data });
}

function store() {
  localStorage.setItem(STORED, JSON.stringify({ at: Date.now(), state: kept(state) }));
}

function stored() {
  try {
    const { at, state: saved } = JSON.parse(localStorage.getItem(STORED));
    return saved.step !== "attract" && Date.now() - at < RESTORED_WITHIN_MS ? restored(shop, saved) : null;
  } catch {
    return null; // nothing was stored, or by an older page
  }
}

addEventListener("pointerdown", () => (dispatch({ is: "pointer", down: true }), idle.touched()), true);
for (const name of ["pointerup", "pointercancel"]) addEventListener(name, () => setTimeout(() => dispatch({ is: "pointer", down: false })), true);
addEventListener("keydown", ({ key }) => (key === KEY ? here.say() : idle.touched()), true);
addEventListener("contextmenu", (event) => event.preventDefault());

show();
agent.listen(EVENTS, heard);
camera.start();
setInterval(heartbeat, HEARTBEAT_MS);
idle.touched();
here.follow(null, state);
if (state.step === "paying") actions.resume(); // reloaded between the card and the number
document.documentElement.dataset.ready = "yes";
