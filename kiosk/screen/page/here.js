// A spoken sign of where the kiosk stands, for people who look for it and don't see it: on a key, and as often as the shop says
// while nobody stands there.

import { begun } from "./state.js";

export const HERE = "kiosk-here";
export const KEY = "F9"; // what a button at the door or a receiver of remote controls sends, as a keyboard

/** Whether nobody stands there: the camera sees nobody, and nobody has touched the first page. */
export const nobody = (state) => state.visit === null && state.step === "attract" && !begun(state);

export class Here {
  #timer = null;

  /** `here_every_s`: seconds between two signs, 0 for none but on the key. */
  constructor({ here_every_s: every }, { prompts, state }) {
    Object.assign(this, { every, prompts, state });
  }

  /** After a change of the state, and at the beginning, where `old` is null. */
  follow(old, state) {
    if (old !== null && nobody(old) === nobody(state)) return;
    clearTimeout(this.#timer);
    if (this.every > 0 && nobody(state)) this.#timer = setTimeout(() => this.#again(), this.every * 1000);
  }

  /** Somebody asked for it. Who orders now is not talked over. */
  async say() {
    const state = this.state();
    if (state.step === "attract" && !begun(state)) await this.prompts.play([HERE], state.language);
  }

  async #again() {
    await this.say();
    this.follow(null, this.state());
  }
}
