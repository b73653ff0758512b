// Sizes on the glass. `--mm` is a millimetre in CSS pixels, from the diagonal that the shop's settings give.

export const SMALL_SCREEN_INCHES = 11;

/** Pixels in a millimetre on a screen of `width` × `height` CSS pixels with a diagonal of `inches`. */
export function pixelsPerMillimetre(width, height, inches) {
  return Math.hypot(width, height) / (inches * 25.4);
}

/** The least height of a letter in easy mode, in millimetres. */
export function leastLetter(inches) {
  return inches <= SMALL_SCREEN_INCHES ? 7.25 : 12;
}

/** The height that a seated person reaches, in pixels from the lower edge of the screen; at most `height`. */
export function reach(height, mm, floorMm) {
  return Math.min(height, Math.max(0, (1220 - floorMm) * mm));
}

/** Write the sizes of this screen to the document, now and whenever the window changes. */
export function keepSizes({ diagonal_inches: inches, floor_mm: floorMm }, root = document.documentElement) {
  const write = () => {
    const { innerWidth: width, innerHeight: height } = window;
    const mm = pixelsPerMillimetre(width, height, inches);
    root.style.setProperty("--mm", `${mm}px`);
    root.style.setProperty("--letter", `${leastLetter(inches) * mm}px`);
    root.style.setProperty("--reach", `${reach(height, mm, floorMm)}px`);
    root.dataset.shape = width > height ? "wide" : "tall";
    root.dataset.small = inches <= SMALL_SCREEN_INCHES ? "yes" : "no";
  };
  write();
  window.addEventListener("resize", write);
}
