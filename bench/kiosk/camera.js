// Runs before the page's own scripts: a camera whose pictures the bench chooses, and notes of what happened when.
//
// `speed`: how many times as fast the page's timers run. `fps`: pictures a second, of `size`.
// `scenes`: JPEGs in base64 by name.

(({ speed, fps, size: [width, height], scenes }) => {
  const now = performance.now.bind(performance);
  const { setTimeout: later, setInterval: every, fetch: send } = window;
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const context = canvas.getContext("2d", { alpha: false });
  const bitmaps = {};
  const eyes = [];
  let noise = null;
  let scene = "nobody";
  let arrival = null;
  let stream = null;

  const ready = Promise.all(
    Object.entries(scenes).map(async ([name, base64]) => {
      const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
      bitmaps[name] = await createImageBitmap(new Blob([bytes], { type: "image/jpeg" }));
    }),
  );

  // Grey noise of a sensor: no two pictures are equal.
  function noisy() {
    const tile = new OffscreenCanvas(256, 256);
    const grains = tile.getContext("2d").createImageData(256, 256);
    for (let i = 0; i < grains.data.length; i += 4) grains.data.set([...Array(3).fill(Math.random() * 255), 14], i);
    tile.getContext("2d").putImageData(grains, 0, 0);
    return context.createPattern(tile, "repeat");
  }

  function draw() {
    context.drawImage(bitmaps[scene], 0, 0, width, height);
    noise ??= noisy();
    noise.setTransform(new DOMMatrix().translate(Math.random() * 256, Math.random() * 256));
    context.fillStyle = noise;
    context.fillRect(0, 0, width, height);
  }

  navigator.mediaDevices.getUserMedia = async () => {
    await ready;
    draw();
    stream = canvas.captureStream();
    return stream;
  };
  every(() => bitmaps[scene] && draw(), 1000 / fps);

  let requests = 0;
  window.fetch = async (url, init) => {
    if (String(url).startsWith("/api/frames")) arrival?.photos.push(now());
    requests++;
    try {
      return await send.call(window, url, init);
    } finally {
      requests--;
      if (url === "/api/eye") for (const seen of eyes) seen();
    }
  };

  if (speed !== 1) {
    window.setTimeout = (act, ms = 0, ...rest) => later(act, ms / speed, ...rest);
    window.setInterval = (act, ms = 0, ...rest) => every(act, ms / speed, ...rest);
    performance.now = () => now() * speed; // by which the page says how far photos are apart
  }

  const watch = (check) => {
    const observer = new MutationObserver(check);
    observer.observe(document, { subtree: true, attributes: true, attributeFilter: ["class", "data-screen"] });
    return observer;
  };

  const until = async (check) => {
    for (const began = now(); now() - began < 30_000; await new Promise((resolve) => later(resolve, 10))) {
      const found = check();
      if (found) return found;
    }
    return null;
  };

  window.bench = {
    ready,
    get requests() {
      return requests;
    },
    /** Whether the page takes pictures now. */
    get on() {
      return stream !== null && stream.getTracks().every((track) => track.readyState === "live");
    },
    show(name) {
      scene = name;
      draw();
      return now();
    },
    /** Resolves when the agent has had so many more small pictures. */
    looks(count) {
      return new Promise((resolve) => {
        const seen = () => --count || (eyes.splice(eyes.indexOf(seen), 1), resolve());
        eyes.push(seen);
      });
    },
    /** Touch one control after the other, [selector, number], each as soon as it is there; then wait for `step`. False: it
     * did not come, as when a busy machine was so slow that the page had begun anew. */
    async touch(controls, step) {
      for (const [selector, number] of controls) {
        const control = await until(() => document.querySelectorAll(selector)[number]);
        if (!control) return false;
        for (const name of ["pointerdown", "pointerup"]) control.dispatchEvent(new PointerEvent(name, { bubbles: true }));
        control.click();
      }
      return (await until(() => document.documentElement.dataset.step === step)) !== null;
    },
    /**
     * Somebody comes in. Resolves when the answers about the photos are in: milliseconds from the first picture of the
     * person to each photo, to the easy screen (null when it stays usual) and to the last answer (null: none in time).
     */
    async arrive(name, within) {
      const began = window.bench.show(name);
      const seen = (arrival = { photos: [], easy: null, decided: null });
      await new Promise((resolve) => {
        let looked = false;
        const observer = watch(() => {
          const looking = document.querySelector(".look.looking") !== null;
          if (document.documentElement.dataset.screen === "easy") seen.easy ??= now();
          if (looking) looked = true;
          else if (looked) {
            seen.decided ??= now();
            observer.disconnect();
            resolve();
          }
        });
        later(() => (observer.disconnect(), resolve()), within);
      });
      arrival = null;
      const since = (at) => (at === null ? null : at - began);
      return { photos: seen.photos.map(since), easy: since(seen.easy), decided: since(seen.decided) };
    },
  };
})(OPTIONS);
