// When nobody touches the page any more: it asks, without a countdown in sight, and then begins anew.

import { begun } from "./state.js";

const RECEIPT_S = { usual: 20, easy: 40 };

export class IdleClock {
  #timer = null;

  /** `screen` has idle_s and warning_s by screen, in seconds, and how often the question may be answered. */
  constructor({ idle_s: idle, warning_s: warning, extensions }, { dispatch, leave, state }) {
    Object.assign(this, { idle, warning, extensions, dispatch, leave, state });
  }

  /** Anything was touched. */
  touched() {
    clearTimeout(this.#timer);
    const { step, screen, asking, extended } = this.state();
    if (asking) return this.#after(this.warning[screen], () => this.leave());
    if (step === "paying" || !begun(this.state())) return;
    if (step === "receipt") return this.#after(RECEIPT_S[screen], () => this.leave());
    this.#after(this.idle[screen], () => {
      if (step === "attract" || extended >= this.extensions) return this.leave();
      this.dispatch({ is: "asking", asking: true });
    });
  }

  /** After a change of the state. */
  follow(old, state) {
    if (old.step !== state.step || old.asking !== state.asking || old.screen !== state.screen || begun(old) !== begun(state) || old.voice !== state.voice) this.touched();
  }

  #after(seconds, act) {
    this.#timer = setTimeout(act, seconds * 1000);
  }
}
