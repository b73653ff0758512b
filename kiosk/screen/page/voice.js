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
  #sent = Promise.resolve();
  #chances = 0;

  constructor(agent, shop, prompts, dispatch, state) {
    Object.assign(this, { agent, shop, prompts, dispatch, state });
  }

  /** Whether a customer can speak now: the engine hears Korean. */
  can(state) {
    return state.screen === EASY && state.language === "ko" && state.health.voice === true;
  }

  /** Listen once. Prompts are silent meanwhile. `chances`: how often a yes or no that was not heard is asked for again. */
  async listen(chances = 1) {
    this.stop();
    this.#chances = chances;
    this.prompts.stop();
    const { visit, dish, step } = this.state();
    const id = ulid();
    this.dispatch({ is: "listen", id });
    try {
      await this.agent.post("listen", { visit, listening: id, language: "ko", expect: expectOf(step), dish: dish?.id ?? null });
      const hear = await this.#open(id); // before the chime: who speaks at once is heard from the first syllable
      await this.prompts.play(["listening"], "ko");
      if (!this.#listens(id)) return;
      hear();
      this.#timer = setTimeout(() => this.#finish(id), this.shop.voice.seconds * 1000);
    } catch {
      if (!this.#listens(id)) return;
      this.stop();
      this.dispatch({ is: "heard", listening: id, status: "nothing" });
    }
  }

  /** An event of the agent. */
  heard({ listening, status, words = [] }) {
    const { voice } = this.state();
    if (voice?.id !== listening || status === "listening") return;
    this.stop();
    if (status === "understood") return this.answer(...words);
    if (status === "nothing" && this.state().step === "dish" && this.#chances > 0) return this.#ask(["say-yes-or-no"], this.#chances - 1);
    this.dispatch({ is: "heard", listening, status });
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
  #confirm() {
    const { dish } = this.state();
    return this.#ask([`dish-${dish.id}`, `count-${dish.count}`, "shall-add"], 1);
  }

  // A question and its answer. The light is on from the question: a touch of "cancel" ends both.
  async #ask(prompts, chances) {
    const id = ulid();
    this.dispatch({ is: "listen", id });
    await this.prompts.play(prompts, "ko");
    if (this.state().voice?.id === id) await this.listen(chances);
  }

  #listens(id) {
    const { voice } = this.state();
    return voice?.id === id && voice.step === "listening";
  }

  // Opens the microphone, and closes it again where the customer has stopped meanwhile. What it returns lets sound through.
  async #open(id) {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1, noiseSuppression: true } });
    if (!this.#listens(id)) {
      for (const track of stream.getTracks()) track.stop();
      return () => {};
    }
    const context = new AudioContext({ sampleRate: RATE });
    this.#stream = stream;
    this.#context = context;
    await context.audioWorklet.addModule("/page/microphone.js");
    return () => {
      const microphone = new AudioWorkletNode(context, "microphone", { processorOptions: { chunk: CHUNK } });
      microphone.port.onmessage = ({ data }) => this.#send(id, data);
      context.createMediaStreamSource(stream).connect(microphone);
    };
  }

  // One request after the other: sound that overtakes sound is another word.
  #send(id, samples) {
    const send = () => this.agent.send(`listen/audio?listening=${id}`, samples, "application/octet-stream").catch(() => {});
    this.#sent = this.#sent.then(send);
  }

  #finish(id) {
    this.stop();
    this.#sent.then(() => this.agent.tell("listen/stop", { listening: id }));
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
