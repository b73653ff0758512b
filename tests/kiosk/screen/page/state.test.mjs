// The page's state: rules that hold for every order of events. Run by test_state.py.

import assert from "node:assert/strict";
import { test } from "node:test";

import { change, choose, defaults, possible, put, totalOf } from "../../../../kiosk/screen/page/cart.js";
import { nobody } from "../../../../kiosk/screen/page/here.js";
import { EASY, USUAL, initial, kept, reduce, restored } from "../../../../kiosk/screen/page/state.js";
import { TEXTS } from "../../../../kiosk/screen/page/texts.js";
import { expectOf, meaning } from "../../../../kiosk/screen/page/voice.js";

const option = (id, kind, ...choices) => ({ id, kind, name: {}, choices });
const choice = (id, price = 0, chosen = false) => ({ id, price, default: chosen, name: {} });
const MENU = {
  categories: [{ id: "rice", name: {} }],
  contains: {},
  dishes: [
    { id: "bibimbap", price: 7000, options: [option("amount", "one", choice("usual", 0, true), choice("more", 1000)), option("extras", "many", choice("egg", 500), choice("cheese", 1000))] },
    { id: "udon", price: 5500, options: [] },
    { id: "gone", price: 1000, options: [], sold_out: true },
  ].map((dish) => ({ category: "rice", name: {}, ...dish })),
};
const SHOP = { language: "ko", menu: MENU };
const after = (...events) => events.reduce((state, event) => reduce(SHOP, state, event), initial(SHOP));
const came = { is: "visit", visit: "a" };
const easy = (visit) => ({ is: "suggestion", visit, screen: EASY, elder: 0.9 });

test("both languages have every text", () => {
  assert.deepEqual(Object.keys(TEXTS.ko).sort(), Object.keys(TEXTS.en).sort());
});

test("a suggestion turns the screen, of the present visit only", () => {
  assert.equal(after(came, easy("a")).screen, EASY);
  assert.equal(after(came, easy("b")).screen, USUAL);
});

test("the person's own switch wins over every later suggestion", () => {
  assert.equal(after(came, { is: "screen", screen: USUAL }, easy("a")).screen, USUAL);
  assert.equal(after(came, easy("a"), { is: "screen", screen: USUAL }, easy("a")).screen, USUAL);
});

test("a suggestion waits while a finger is on the glass", () => {
  const waiting = after(came, { is: "pointer", down: true }, easy("a"));
  assert.equal(waiting.screen, USUAL);
  assert.equal(reduce(SHOP, waiting, { is: "pointer", down: false }).screen, EASY);
});

test("the next person begins new, in the shop's language", () => {
  const left = after(came, easy("a"), { is: "language", language: "en" }, { is: "visit", visit: null });
  assert.deepEqual(left, initial(SHOP));
});

test("a person who touched before the camera saw them keeps their screen", () => {
  assert.equal(after({ is: "screen", screen: EASY }, came).screen, EASY);
  assert.equal(after({ is: "screen", screen: EASY }, came, { is: "visit", visit: null }).screen, EASY);
});

test("an order ends with nothing left of it", () => {
  const ended = after(came, { is: "start" }, { is: "type", type: "here" }, { is: "dish", dish: "udon" }, { is: "put" }, { is: "end" });
  assert.deepEqual(ended, initial(SHOP));
});

test("a reload keeps the cart, without what is no longer sold", () => {
  const state = after(came, { is: "start" }, { is: "type", type: "here" }, { is: "dish", dish: "udon", count: 2 }, { is: "put" });
  const saved = JSON.parse(JSON.stringify(kept(state)));
  assert.deepEqual(restored(SHOP, saved).cart, state.cart);
  const without = { ...SHOP, menu: { ...MENU, dishes: MENU.dishes.filter(({ id }) => id !== "udon") } };
  assert.deepEqual(restored(without, saved).cart, []);
});

test("a choice of kind one replaces, of kind many adds and takes away", () => {
  const [dish] = MENU.dishes;
  const first = defaults(dish);
  assert.deepEqual(first, ["amount/usual"]);
  assert.deepEqual(choose(dish, first, "amount", "more"), ["amount/more"]);
  assert.deepEqual(choose(dish, choose(dish, first, "extras", "cheese"), "extras", "egg"), ["amount/usual", "extras/egg", "extras/cheese"]);
  assert.deepEqual(choose(dish, ["amount/usual", "extras/egg"], "extras", "egg"), ["amount/usual"]);
});

test("the same dish with the same choices is one line, which keeps its place", () => {
  const line = (dish, choices = [], count = 1) => ({ dish, choices, count });
  const cart = [line("udon"), line("bibimbap", ["amount/more"]), line("udon", [], 2)].reduce(put, []);
  assert.deepEqual(cart.map(({ dish, count }) => [dish, count]), [["udon", 3], ["bibimbap", 1]]);
  assert.equal(totalOf(MENU, cart), 3 * 5500 + 8000);
  assert.deepEqual(change(cart, "udon", -3).map(({ dish }) => dish), ["bibimbap"]);
});

test("spoken words are proposals: a dish opens its step, and only yes puts it", () => {
  const menu = after(came, { is: "start" }, { is: "type", type: "here" });
  assert.deepEqual(meaning(MENU, menu, ["udon", "count-2"]), [{ is: "dish", dish: "udon", count: 2 }]);
  const dish = reduce(SHOP, menu, { is: "dish", dish: "udon", count: 2 });
  assert.deepEqual(meaning(MENU, dish, ["yes"]), [{ is: "put", how: "voice" }]);
  assert.deepEqual(meaning(MENU, dish, ["no"]), [{ is: "back" }]);
  assert.deepEqual(meaning(MENU, menu, ["gone"]), []);
  assert.deepEqual(meaning(MENU, menu, ["yes"]), []);
  assert.ok(["attract", "type", "menu", "dish", "cart", "pay"].every((step) => expectOf(step).includes("cancel")));
});

test("nobody stands there until the camera sees somebody or the page is touched", () => {
  assert.ok(nobody(after()));
  for (const events of [[came], [{ is: "start" }], [{ is: "sheet", sheet: "settings" }], [{ is: "screen", screen: EASY }]]) {
    assert.ok(!nobody(after(...events)));
  }
  assert.ok(nobody(after(came, { is: "end" })));
});

test("no order of events loses the cart, flips the screen back or throws", () => {
  let seed = 7;
  const random = (list) => list[(seed = (seed * 1103515245 + 12345) % 2147483648) % list.length];
  const events = [
    came, easy("a"), easy("b"), { is: "visit", visit: "b" }, { is: "visit", visit: null }, { is: "pointer", down: true }, { is: "pointer", down: false },
    { is: "start" }, { is: "type", type: "away" }, { is: "page", page: 2 }, { is: "go", step: "cart" }, { is: "go", step: "pay" }, { is: "back" },
    { is: "language", language: "en" }, { is: "zoom", zoom: 2 }, { is: "asking", asking: true }, { is: "asking", asking: false },
    { is: "places", visit: "a", places: [{ dish: "udon", reason: null }] }, { is: "heard", listening: "x", status: "nothing" },
  ];
  for (let walk = 0; walk < 300; walk++) {
    let state = after(came, { is: "start" }, { is: "type", type: "here" }, { is: "dish", dish: "udon" }, { is: "put" });
    for (let i = 0; i < 40; i++) {
      const before = state;
      state = reduce(SHOP, state, random(events));
      if (before.step !== "attract" && state.step !== "attract") {
        assert.deepEqual(state.cart, before.cart);
        assert.ok(!(before.screen === EASY && state.screen === USUAL));
      }
      assert.ok(!(["cart", "pay"].includes(state.step) && !state.cart.length));
    }
  }
  assert.deepEqual(possible(MENU, [{ dish: "gone", choices: [], count: 1, key: "gone" }]), []);
});
