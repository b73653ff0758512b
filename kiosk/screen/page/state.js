// The state of the page, and what each event makes of it. Pure: no clock, no network, no document.
//
//   attract → type → menu → dish ( → options) → cart → pay → paying → receipt → attract
//
// Both screens, usual and easy, show the same state: changing the screen or the language changes nothing else.

import { MOST, change, choose, defaults, dishOf, possible, put } from "./cart.js";

export const USUAL = "usual";
export const EASY = "easy";
export const ZOOMS = [1, 1.25, 1.5, 2];
const KEPT = ["visit", "language", "screen", "own", "step", "type", "dish", "cart", "order", "zoom", "low", "by", "wish", "page", "places", "sound", "category"];

/** The state before anybody came. */
export function initial(shop) {
  return {
    visit: null,
    language: shop.language,
    screen: USUAL,
    own: false, // the customer chose the screen: no suggestion changes it any more
    suggested: null, // the suggestion that waits for the finger to leave the glass
    turned: false, // a suggestion has changed the screen in this step: it says so
    step: "attract",
    sheet: null, // settings, privacy: over the step, closed without a trace
    type: null, // here, away
    wish: null, // { dish, count }: named before the order began
    category: shop.menu.categories[0].id,
    page: 0, // of the easy menu
    dish: null, // { id, choices, count, at }: `at` is the option in question
    cart: [],
    added: null, // the key of the line that was put last
    order: null, // { id, method, number, at, failed }
    places: [],
    called: false,
    low: false,
    zoom: 1,
    sound: { on: true, volume: 0.8, speed: 1 },
    touching: false,
    asking: false, // "are you still there?"
    extended: 0,
    by: { touch: 0, voice: 0 },
    voice: null, // { id, step: listening | confirm | nothing, words }
    camera: { on: false, looking: false, failed: null },
    health: { cloud: "ok", voice: false },
  };
}

/** What of a state outlives a reload of the page. */
export const kept = (state) => Object.fromEntries(KEPT.map((name) => [name, state[name]]));

/** The state after a reload; a dish that is no longer sold leaves the cart. */
export function restored(shop, saved) {
  const state = { ...initial(shop), ...Object.fromEntries(KEPT.filter((n) => n in saved).map((n) => [n, saved[n]])) };
  state.cart = possible(shop.menu, state.cart);
  if (state.dish && !dishOf(shop.menu, state.dish.id)) state.dish = null;
  if ((state.step === "dish" || state.step === "options") && !state.dish) state.step = "menu";
  if (["pay", "paying", "cart"].includes(state.step) && !state.cart.length) state.step = "menu";
  return state;
}

/** Whether somebody has touched this page and it is theirs. */
export const begun = (state) => state.step !== "attract" || state.own || state.sheet !== null || state.low || state.zoom !== 1;

/** The state after an event. Unknown events are an error of the program. */
export function reduce(shop, state, event) {
  const handler = EVENTS[event.is];
  if (!handler) throw new Error(`unknown event ${event.is}`);
  const after = handler(state, event, shop);
  return after.turned && after.step !== state.step ? { ...after, turned: false } : after;
}

const EVENTS = {
  // from the agent
  visit: (state, { visit }, shop) => {
    if (visit === state.visit) return state;
    if (visit === null && begun(state)) return state; // touched, though the camera sees nobody: the page's clock decides
    // The person who touched before the camera saw them, or who orders: theirs stays.
    if (state.visit === null || state.step !== "attract") return { ...state, visit: visit ?? state.visit };
    return next(shop, state, visit);
  },
  suggestion: (state, { visit, screen }) => {
    if (screen !== EASY || state.own || state.screen === EASY || visit !== state.visit) return state;
    if (state.step === "receipt" || state.step === "paying") return state;
    return state.touching ? { ...state, suggested: EASY } : turned(state);
  },
  places: (state, { visit, places }) => (visit === null || visit === state.visit ? { ...state, places } : state),
  camera: (state, { is: _, ...camera }) => ({ ...state, camera: { ...state.camera, ...camera } }),
  health: (state, { is: _, ...health }) => ({ ...state, health: { ...state.health, ...health } }),

  // from the customer
  pointer: (state, { down }) => {
    if (!down && state.suggested && !state.own) return turned({ ...state, touching: false });
    return { ...state, touching: down };
  },
  screen: (state, { screen }) => ({ ...state, screen, own: true, suggested: null, turned: false, sheet: null, page: 0 }),
  language: (state, { language }) => ({ ...state, language, page: 0 }),
  zoom: (state, { zoom }) => ({ ...state, zoom, page: 0 }),
  low: (state) => ({ ...state, low: !state.low, page: 0 }),
  sound: (state, { is: _, ...sound }) => ({ ...state, sound: { ...state.sound, ...sound } }),
  sheet: (state, { sheet }) => ({ ...state, sheet }),
  called: (state, { called }) => ({ ...state, called }),

  start: (state, { wish = null }) => ({ ...state, step: "type", wish }),
  type: (state, { type }, shop) => {
    const began = { ...state, type, step: "menu", wish: null };
    return state.wish ? opened(began, shop, state.wish.dish, state.wish.count) : began;
  },
  category: (state, { category }) => ({ ...state, category }),
  page: (state, { page }) => ({ ...state, page }),
  dish: (state, { dish, count = 1 }, shop) => opened(state, shop, dish, count),
  options: (state, { at = 0 }) => ({ ...withDish(state, { at }), step: "options" }), // one question at a time
  choose: (state, { option, choice }, shop) =>
    withDish(state, { choices: choose(dishOf(shop.menu, state.dish.id), state.dish.choices, option, choice) }),
  count: (state, { by }) => withDish(state, { count: Math.max(1, Math.min(MOST, state.dish.count + by)) }),
  put: (state, { how = "touch" }) => {
    const { id: dish, choices, count } = state.dish;
    const cart = put(state.cart, { dish, choices, count });
    const added = cart.find((line) => line.dish === dish && line.choices.join() === choices.join()).key;
    const by = { ...state.by, [how]: state.by[how] + 1 };
    return { ...state, cart, added, by, dish: null, voice: null, step: state.screen === EASY ? "cart" : "menu" };
  },
  change: (state, { key, by }) => {
    const cart = change(state.cart, key, by);
    const empty = !cart.length && ["cart", "pay"].includes(state.step);
    return { ...state, cart, step: empty ? "menu" : state.step };
  },
  go: (state, { step }) => (["cart", "pay"].includes(step) && !state.cart.length ? state : { ...state, step }),
  back: (state) => ({ ...state, ...BACK[state.step]?.(state), sheet: null, voice: null }),

  pay: (state, { method, id }) => ({ ...state, step: "paying", order: { id: state.order?.id ?? id, method, number: null } }),
  paid: (state, { number, at }) => ({ ...state, step: "receipt", order: { ...state.order, number, at, failed: null } }),
  unpaid: (state, { why }) => ({ ...state, step: "pay", order: { ...state.order, failed: why } }),
  end: (state, _, shop) => next(shop, state, null),

  // by voice
  listen: (state, { id }) => ({ ...state, voice: { id, step: "listening", words: [] } }),
  heard: (state, { listening, status, words = [] }) => {
    if (state.voice?.id !== listening || status === "listening") return state;
    return { ...state, voice: status === "cancelled" ? null : { ...state.voice, step: status, words } };
  },
  hush: (state) => ({ ...state, voice: null }),

  // from the clock
  asking: (state, { asking }) => ({ ...state, asking, extended: state.asking && !asking ? state.extended + 1 : state.extended }),
};

const BACK = {
  type: () => ({ step: "attract", wish: null }),
  menu: () => ({ step: "type" }),
  dish: () => ({ step: "menu", dish: null }),
  options: ({ dish }) => (dish.at ? { dish: { ...dish, at: dish.at - 1 } } : { step: "dish" }),
  cart: () => ({ step: "menu" }),
  pay: () => ({ step: "cart" }),
};

// A new person, or nobody: nothing of the one before is left, but what belongs to the device.
function next(shop, state, visit) {
  const { camera, health, touching } = state;
  return { ...initial(shop), visit, camera, health, touching };
}

function turned(state) {
  return { ...state, screen: EASY, suggested: null, turned: true, page: 0 };
}

function opened(state, shop, id, count = 1) {
  const dish = dishOf(shop.menu, id);
  if (!dish || dish.sold_out) return state;
  return { ...state, step: "dish", dish: { id, choices: defaults(dish), count, at: 0 } };
}

const withDish = (state, changes) => ({ ...state, dish: { ...state.dish, ...changes } });
