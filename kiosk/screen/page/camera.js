// The eye of the kiosk: the browser's camera. It sends small grey frames for the agent to notice a person, and photos
// when the agent asks. Turned off, its tracks are stopped: the camera's own light goes out.

const EYE = { width: 96, height: 54, every_ms: 200 };

export class Camera {
  #video = document.createElement("video");
  #canvas = document.createElement("canvas");
  #eye = new OffscreenCanvas(EYE.width, EYE.height);
  #timer = null;
  #bursts = 0;

  /** `changed({on, failed})` hears every change. */
  constructor(agent, settings, changed) {
    this.agent = agent;
    this.settings = settings;
    this.changed = changed;
    this.#video.muted = true;
    this.#video.playsInline = true;
  }

  get on() {
    return this.#video.srcObject !== null;
  }

  async start() {
    if (this.on || this.settings.use !== "browser") return;
    const { width, height, device } = this.settings;
    try {
      const stream = await navigator.mediaDevices.getUserMedia({
        video: { width: { ideal: width }, height: { ideal: height }, ...(device ? { deviceId: device } : {}) },
      });
      for (const track of stream.getTracks()) track.addEventListener("ended", () => this.#fail("unplugged"));
      this.#video.srcObject = stream;
      await this.#video.play();
    } catch (error) {
      this.#fail(error.name);
      return;
    }
    this.#timer = setInterval(() => this.#look(), EYE.every_ms);
    this.changed({ on: true, failed: null });
  }

  stop() {
    this.#release();
    this.changed({ on: false, looking: false, failed: null });
  }

  /** Take `count` photos at least `gap_ms` apart, and send each. A burst that the camera can't finish is given up. */
  async burst({ visit, count, gap_ms: gap, quality }) {
    const burst = ++this.#bursts;
    for (let taken = 0; taken < count && this.on && burst === this.#bursts; taken++) {
      const at = performance.now();
      const photo = await this.#photo(quality);
      if (photo) this.agent.send(`frames?visit=${visit}&at=${Math.round(at)}`, photo, "image/jpeg").catch(() => {});
      // Encoding is part of the gap: it takes tens of milliseconds on a small box, and the customer waits for each.
      await new Promise((resolve) => setTimeout(resolve, at + gap - performance.now()));
    }
  }

  #photo(quality) {
    const { videoWidth: width, videoHeight: height } = this.#video;
    if (!width) return null;
    Object.assign(this.#canvas, { width, height });
    this.#canvas.getContext("2d").drawImage(this.#video, 0, 0);
    return new Promise((resolve) => this.#canvas.toBlob(resolve, "image/jpeg", quality));
  }

  #look() {
    if (!this.#video.videoWidth) return;
    const context = this.#eye.getContext("2d", { willReadFrequently: true });
    context.drawImage(this.#video, 0, 0, EYE.width, EYE.height);
    const { data } = context.getImageData(0, 0, EYE.width, EYE.height);
    const grey = new Uint8Array(EYE.width * EYE.height);
    for (let i = 0; i < grey.length; i++) {
      grey[i] = (data[4 * i] * 77 + data[4 * i + 1] * 150 + data[4 * i + 2] * 29) >> 8; // ITU-R BT.601
    }
    this.agent.send("eye", grey, "application/octet-stream").catch(() => {});
  }

  #fail(reason) {
    this.#release();
    this.changed({ on: false, looking: false, failed: reason });
    setTimeout(() => this.start(), 10_000); // a cable that is put back
  }

  #release() {
    clearInterval(this.#timer);
    for (const track of this.#video.srcObject?.getTracks() ?? []) track.stop();
    this.#video.srcObject = null;
  }
}
