// Runs on the audio thread: chunks of signed 16-bit samples, as the agent takes them.

class Microphone extends AudioWorkletProcessor {
  constructor({ processorOptions: { chunk } }) {
    super();
    this.samples = new Int16Array(chunk);
    this.filled = 0;
  }

  process([[channel]]) {
    for (const sample of channel ?? []) {
      this.samples[this.filled++] = Math.max(-1, Math.min(1, sample)) * 0x7fff;
      if (this.filled === this.samples.length) {
        this.port.postMessage(this.samples.slice());
        this.filled = 0;
      }
    }
    return true;
  }
}

registerProcessor("microphone", Microphone);
