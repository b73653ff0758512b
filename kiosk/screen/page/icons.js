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
  letters: "M3 19 8.500 5 14 19M5 14.500h7m3.500 4.500 3-8 3 8m-5-3h4",
  camera: "M3 8h4l2-3h6l2 3h4v11H3V8Zm9 8.500a3.500 3.500 0 1 0 0-7 3.500 3.500 0 0 0 0 7Z",
  camera_off: "M3 8h4l2-3h6l2 3h4v11H3V8ZM3 3l18 18",
  mic: "M12 14.500a3.500 3.500 0 0 0 3.500-3.500V6a3.500 3.500 0 1 0-7 0v5a3.500 3.500 0 0 0 3.500 3.500Zm-6.500-4a6.500 6.500 0 0 0 13 0M12 17v4",
  settings: "M4 7h9m5 0h2M4 17h2m5 0h9M15.500 9.500a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5Zm-7 10a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5Z",
};

export const Icon = ({ name }) => html`
  <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false"><path d=${PATHS[name]} /></svg>
`;
