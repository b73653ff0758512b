// What touches do: `act(event, fields)` makes a handler that dispatches it; the named ones also reach the agent.

import { countOf, dishOf, linesOf, priceOf, totalOf } from "./cart.js";
import { pay } from "./payment.js";
import { Refused } from "./agent.js";
import { EASY } from "./state.js";
import { ulid } from "./ulid.js";
import { won } from "./texts.js";

const RETRY_MS = 1000;
const CALLED_MS = 20_000; // how long "staff is coming" stands

export class Actions {
  constructor(parts) {
    Object.assign(this, parts);
    const { dispatch } = parts;
    const act = (is, fields = {}) => () => {
      if (is === "start") this.begin();
      dispatch({ is, ...fields });
    };
    this.act = Object.assign(act, {
      startEasy: () => (this.begin(), dispatch({ is: "screen", screen: EASY }), dispatch({ is: "start" })),
      call: () => this.call(),
      camera: () => (this.camera.on ? this.camera.stop() : this.camera.start()),
      pay: (method) => () => this.pay(method),
      stay: () => dispatch({ is: "asking", asking: false }),
      leave: () => this.end("idle"),
      speak: () => this.voice.listen(),
      hush: () => this.voice.cancel(),
      yes: () => this.voice.answer("yes"),
      canSpeak: (state) => state.screen === EASY && this.voice.can(state),
      forward: (state, shop, say) => this.forward(state, shop, say),
    });
  }

  /** A touch begins a visit where the camera saw nobody. */
  begin() {
    if (this.state().visit) return;
    this.agent.post("visit/begin").then(
      ({ visit }) => this.dispatch({ is: "visit", visit }),
      () => {}, // without an agent there is no visit to know of; the order goes on
    );
  }

  end(why) {
    this.agent.tell("visit/end", { visit: this.state().visit, why });
    this.voice.stop();
    this.prompts.stop();
    this.dispatch({ is: "end" });
  }

  call() {
    if (this.state().called) return;
    this.agent.tell("calls", { visit: this.state().visit, reason: "help" });
    this.dispatch({ is: "called", called: true });
    this.prompts.play(["staff-coming"], this.state().language);
    setTimeout(() => this.dispatch({ is: "called", called: false }), CALLED_MS);
  }

  /** The button below on the right: its text and what it does; null where a step has none. */
  forward(state, shop, say) {
    const { act, dispatch } = this;
    const price = (amount) => won(amount, state.language);
    const easy = state.screen === EASY;
    if (state.step === "menu" && state.cart.length) {
      if (!easy) return { text: `${say("checkout")} · ${price(totalOf(shop.menu, state.cart))}`, act: act("go", { step: "pay" }) };
      return { text: `${say("cart")} ${say("pieces", { count: countOf(state.cart) })}`, act: act("go", { step: "cart" }) };
    }
    if (state.step === "dish") {
      const cost = priceOf(dishOf(shop.menu, state.dish.id), state.dish.choices) * state.dish.count;
      return { text: easy ? say("put") : say("put_price", { price: price(cost) }), act: () => dispatch({ is: "put" }) };
    }
    if (state.step === "options") {
      const { at, id } = state.dish;
      const last = !easy || at === dishOf(shop.menu, id).options.length - 1;
      return last ? { text: say("chosen"), act: act("go", { step: "dish" }) } : { text: say("next"), act: act("options", { at: at + 1 }) };
    }
    if (state.step === "cart") return { text: say("checkout"), act: act("go", { step: "pay" }) };
    if (state.step === "receipt") return { text: say("finish"), act: () => this.end("receipt") };
    return null;
  }

  async pay(method) {
    this.dispatch({ is: "pay", method, id: ulid() });
    await this.resume();
  }

  /** Take the money, then the order; both know the order's id, so that a reload or a retry repeats neither. */
  async resume() {
    const { id } = this.state().order;
    const total = totalOf(this.shop.menu, this.state().cart);
    try {
      const paid = await pay({ method: this.state().order.method, amount: total, order: id });
      const { number, at } = await this.#accepted(this.#order(id, total, paid));
      if (this.state().order?.id === id) this.dispatch({ is: "paid", number, at });
    } catch (error) {
      if (this.state().order?.id === id) this.dispatch({ is: "unpaid", why: error.message });
    }
  }

  #order(id, total, paid) {
    const { visit, screen, language, type, by, cart } = this.state();
    return { order_id: id, visit, screen, language, type, by, lines: linesOf(this.shop.menu, cart), total, paid };
  }

  // The money is taken: the order is sent until the agent has it.
  async #accepted(order) {
    for (;;) {
      try {
        return await this.agent.post("orders", order);
      } catch (error) {
        if (error instanceof Refused) throw error;
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  }
}
