// Icons: our own, drawn on a 24 × 24 grid with one stroke. They are never alone: a word or a label says the same.

import { html } from "./vendor/preact-htm.js";

const PATHS = {
  back: "M10 5 4 11l6 6M4 11h10a6 6 0 0 1 0 12h-2",
  left: "m14 5-7 7 7 7",
  right: "m10 5 7 7-7 7",
  down: "M12 4v15m-6-6 6 6 6-6",
  up: "M12 20V5m-6 6 6-6 6 6",
  plus: "M12 5v14M5 12h14",
  minus: "M5 12h14",
  close: "m6 6 12 12M18 6 6 18",
  check: "m4 12.5 5.5 5.5L20 7",
  bell: "M5 18h14M6.5 18v-6a5.5 5.5 0 0 1 11 0v6M12 6.500V4m-2 17h4",
  bag: "M5 8h14l-1 13H6L5 8Zm3.500 3V7a3.500 3.500 0 0 1 7 0v4",
  letters: "M3 19 8.500 5 14 19M5 14.500h7m3.500 4.500 3-8 3 8m-5-3h4",
  camera: "M3 8h4l2-3h6l2 3h4v11H3V8Zm9 8.500a3.500 3.500 0 1 0 0-7 3.500 3.500 0 0 0 0 7Z",
  camera_off: "M3 8h4l2-3h6l2 3h4v11H3V8ZM3 3l18 18",
  mic: "M12 14.500a3.500 3.500 0 0 0 3.500-3.500V6a3.500 3.500 0 1 0-7 0v5a3.500 3.500 0 0 0 3.500 3.500Zm-6.500-4a6.500 6.500 0 0 0 13 0M12 17v4",
  globe: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18Zm-9-9h18M12 3c3 2.500 4 5.500 4 9s-1 6.500-4 9c-3-2.500-4-5.500-4-9s1-6.500 4-9Z",
  settings: "M4 7h9m5 0h2M4 17h2m5 0h9M15.500 9.500a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5Zm-7 10a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5Z",
  chili: "M17 7c2 5-3 12-12 13 5-3 5-9 8-12m4-1c-1-1.500-2.500-1.500-4 1m4-1c0-1.500.500-2.500 2-3",
};

export const Icon = ({ name }) => html`
  <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false"><path d=${PATHS[name]} /></svg>
`;
