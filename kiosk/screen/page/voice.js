// Push to talk: sound up to the agent while the light is on, words down. What was heard is only ever a proposal: a dish
// opens its own step, and goes into the cart after a "yes", said or touched.

import { EASY } from "./state.js";
import { ulid } from "./ulid.js";

const RATE = 16_000;
const CHUNK = 3200; // samples: a fifth of a second

export class Voice {
  #context = null;
  #stream = null;
  #timer = null;

  constructor(agent, shop, prompts, dispatch, state) {
    Object.assign(this, { agent, shop, prompts, dispatch, state });
  }

  /** Whether a customer can speak now: the engine hears Korean. */
  can(state) {
    return state.screen === EASY && state.language === "ko" && state.health.voice === true;
  }

  /** Listen once. Prompts are silent meanwhile. */
  async listen() {
    this.stop();
    this.prompts.stop();
    const { visit, dish, step } = this.state();
    const id = ulid();
    this.dispatch({ is: "listen", id });
    try {
      await this.agent.post("listen", { visit, listening: id, language: "ko", expect: expectOf(step), dish: dish?.id ?? null });
      await this.prompts.play(["listening"], "ko");
      await this.#open(id);
      this.#timer = setTimeout(() => this.#finish(id), this.shop.voice.seconds * 1000);
    } catch {
      this.stop();
      this.dispatch({ is: "heard", listening: id, status: "nothing" });
    }
  }

  /** An event of the agent. */
  heard({ listening, status, words = [] }) {
    const { voice } = this.state();
    if (voice?.id !== listening || status === "listening") return;
    this.stop();
    if (status === "understood") this.answer(...words);
    else this.dispatch({ is: "heard", listening, status });
    if (status === "nothing") this.prompts.play(["not-heard"], "ko");
  }

  /** Act on words, as if they were touched. */
  answer(...words) {
    this.stop();
    const state = this.state();
    const events = meaning(this.shop.menu, state, words);
    this.dispatch({ is: "hush" });
    for (const event of events) this.dispatch(event);
    if (events.at(-1)?.is === "dish") this.#confirm();
  }

  cancel() {
    const { voice, dish } = this.state();
    if (voice) this.agent.tell("listen/stop", { listening: voice.id });
    this.stop();
    this.dispatch({ is: "hush" });
    if (dish && voice) this.dispatch({ is: "back" });
  }

  stop() {
    clearTimeout(this.#timer);
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    this.#context?.close();
    this.#context = this.#stream = null;
  }

  // "Tteokbokki, one. Shall I add it?", by screen and voice, and the answer by either.
  async #confirm() {
    const { dish } = this.state();
    const id = ulid();
    this.dispatch({ is: "listen", id });
    await this.prompts.play([`dish-${dish.id}`, `count-${dish.count}`, "shall-add"], "ko");
    if (this.state().voice?.id === id) await this.listen();
  }

  async #open(id) {
    this.#stream = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1, noiseSuppression: true } });
    this.#context = new AudioContext({ sampleRate: RATE });
    await this.#context.audioWorklet.addModule("/page/microphone.js");
    const microphone = new AudioWorkletNode(this.#context, "microphone", { processorOptions: { chunk: CHUNK } });
    microphone.port.onmessage = ({ data }) =>
      this.agent.send(`listen/audio?listening=${id}`, data, "application/octet-stream").catch(() => {});
    this.#context.createMediaStreamSource(this.#stream).connect(microphone);
  }

  #finish(id) {
    this.stop();
    this.agent.tell("listen/stop", { listening: id });
  }
}

const EXPECTED = {
  attract: ["dish", "count"],
  type: ["here", "away"],
  menu: ["dish", "count", "done"],
  dish: ["yes", "no", "count", "again"],
  cart: ["dish", "count", "done"],
};

/** What words may mean in a step; "cancel" always. */
export const expectOf = (step) => [...(EXPECTED[step] ?? []), "cancel"];

/** The events that words stand for. */
export function meaning(menu, state, words) {
  const dish = menu.dishes.find(({ id, sold_out: gone }) => words.includes(id) && !gone);
  const count = words.map((word) => /^count-(\d)$/.exec(word)?.[1]).find(Boolean);
  if (words.includes("cancel")) return [{ is: "back" }];
  if (state.step === "dish") {
    if (words.includes("yes")) return [{ is: "put", how: "voice" }];
    if (words.includes("no")) return [{ is: "back" }];
    return count ? [{ is: "count", by: Number(count) - state.dish.count }] : [];
  }
  if (dish) {
    const wish = { dish: dish.id, count: Number(count ?? 1) };
    return [state.step === "attract" ? { is: "start", wish } : { is: "dish", ...wish }];
  }
  if (state.step === "type" && words.includes("here")) return [{ is: "type", type: "here" }];
  if (state.step === "type" && words.includes("away")) return [{ is: "type", type: "away" }];
  if (words.includes("done") && state.cart.length) return [{ is: "go", step: "pay" }];
  return [];
}
