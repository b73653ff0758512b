// Spoken guidance: files that the agent serves, one after the other. Their texts stand on the screen anyway.

import { EASY } from "./state.js";

export class Prompts {
  #queue = 0;
  #audio = null;

  /** `sound()` is how the customer wants it: { on, volume, speed }. */
  constructor(sound) {
    this.sound = sound;
  }

  /** Play prompts by name; resolves when they ended, were stopped, or are missing. A newer call stops an older one. */
  async play(names, language) {
    this.stop();
    const mine = this.#queue;
    for (const name of names) {
      const { on, volume, speed } = this.sound();
      if (!on || mine !== this.#queue) return;
      const audio = new Audio(`/api/prompts/${language}/${name}.ogg`);
      Object.assign(audio, { volume, playbackRate: speed, preservesPitch: true });
      this.#audio = audio;
      await new Promise((resolve) => {
        for (const event of ["ended", "error", "pause"]) audio.addEventListener(event, resolve, { once: true });
        audio.play().catch(resolve);
      });
    }
  }

  stop() {
    this.#queue++;
    this.#audio?.pause();
    this.#audio = null;
  }
}

/** What is said when a state follows another: in easy mode only, and once. */
export function promptsOf(old, state) {
  if (state.screen !== EASY) return [];
  if (state.asking && !old.asking) return ["time-warning"];
  const came = old.step !== state.step || old.screen !== state.screen;
  if (!came) return [];
  switch (state.step) {
    case "attract":
      return old.screen === EASY ? [] : ["welcome-easy"];
    case "type":
      return ["here-or-away"];
    case "menu":
      return state.cart.length ? ["anything-else"] : ["choose-dish"];
    case "dish":
      return state.voice ? [] : [`dish-${state.dish.id}`, "how-many"];
    case "cart":
      return old.step === "dish" ? ["added", "anything-else"] : [];
    case "pay":
      return ["pay-how"];
    case "paying":
      return state.order.method === "card" ? ["insert-card"] : [];
    case "receipt":
      return ["take-receipt"];
    default:
      return [];
  }
}
