// For demonstrations only: the kiosk in its frame, and people who may come in. The panel is beside the kiosk, never in it.

import { Agent } from "./agent.js";

const GLASS = { tall: [1080, 1920], wide: [1280, 800] };
const LOGGED = 12;

const agent = new Agent();
const shop = await agent.shop();
const kiosk = document.getElementById("kiosk");
const people = document.getElementById("people");
const log = document.getElementById("log");
let shape = "wide";
let entered = 0;

function fit() {
  const [width, height] = GLASS[shape];
  const { clientWidth, clientHeight } = kiosk.parentElement;
  Object.assign(kiosk.style, { width: `${width + 28}px`, height: `${height + 28}px` });
  kiosk.style.setProperty("--scale", Math.min(clientWidth / (width + 40), clientHeight / (height + 40)));
}

function note(text, kind = "") {
  const line = document.createElement("li");
  line.textContent = text;
  line.className = kind;
  log.prepend(line);
  while (log.children.length > LOGGED) log.lastChild.remove();
}

function enter(sample, button) {
  for (const each of people.querySelectorAll("button")) each.setAttribute("aria-pressed", each === button);
  entered = performance.now();
  agent.tell("demo/enter", { sample });
  note(sample ? `${sample} comes in` : "nobody is there");
}

for (const { id, url } of shop.samples) {
  const item = document.createElement("li");
  const button = document.createElement("button");
  const picture = document.createElement("img");
  Object.assign(picture, { src: url, alt: id, loading: "lazy" });
  button.append(picture);
  button.setAttribute("aria-pressed", "false");
  button.addEventListener("click", () => enter(id, button));
  item.append(button);
  people.append(item);
}
document.getElementById("leave").addEventListener("click", () => enter(null, null));
document.getElementById("turn").addEventListener("click", () => {
  shape = shape === "wide" ? "tall" : "wide";
  fit();
});

agent.listen(["visit", "suggestion", "places"], (name, data) => {
  const after = `${((performance.now() - entered) / 1000).toFixed(2)} s`;
  if (name === "visit") note(data.visit ? "a visit begins" : "the visit ends: all is forgotten");
  if (name === "suggestion") note(`${after}: easy screen, an elder with ${Math.round(100 * data.elder)} %`, "easy");
  if (name === "places") note(`suggestions: ${data.places.map(({ dish }) => dish).join(", ")}`);
});
addEventListener("resize", fit);
fit();
kiosk.src = "/";
