// Nobody, or somebody who has not begun. In easy mode: a welcome, what she may like, and why.

import { dishOf } from "../cart.js";
import { Icon } from "../icons.js";
import { EASY } from "../state.js";
import { won } from "../texts.js";
import { html } from "../vendor/preact-htm.js";

export function Attract({ state, say, act, shop }) {
  return state.screen === EASY ? html`<${Welcome} ...${{ state, say, act, shop }} />` : html`<${Usual} ...${{ say, act }} />`;
}

function Usual({ say, act }) {
  return html`
    <img class="scene" src="/page/pictures/attract.svg" alt="" />
    <section class="invite">
      <h1>${say("welcome_line")}</h1>
      <div class="starts">
        <button class="main start" onClick=${act("start")}>${say("start")}<${Icon} name="right" /></button>
        <button class="second start" onClick=${act.startEasy}>
          <strong>${say("start_easy")}</strong><span>${say("start_easy_line")}</span>
        </button>
      </div>
    </section>
  `;
}

function Welcome({ state, say, act, shop }) {
  const places = state.places.slice(0, 3);
  return html`
    <section class="greeting">
      <h1>${say("welcome")}</h1>
      <p class="calm">${say("calm")}</p>
    </section>
    ${places.length > 0 &&
    html`
      <section class="likes" aria-label=${say("recommended")}>
        <h2>${reasonOf(places, say)}</h2>
        <ul>
          ${places.map(({ dish: id }) => {
            const dish = dishOf(shop.menu, id);
            return html`
              <li key=${id}>
                <button class="card" onClick=${act("start", { wish: { dish: id, count: 1 } })}>
                  <img src=${dish.picture} alt="" />
                  <span class="name">${dish.name[state.language]}</span>
                  <span class="price">${won(dish.price, state.language)}</span>
                </button>
              </li>
            `;
          })}
        </ul>
      </section>
    `}
    <div class="starts">
      ${act.canSpeak(state) && html`<${Speak} ...${{ say, act }} />`}
      <button class="main start" onClick=${act("start")}>${say("start")}<${Icon} name="right" /></button>
    </div>
  `;
}

/** Push to talk. */
export const Speak = ({ say, act }) => html`<button class="second speak" onClick=${act.speak}><${Icon} name="mic" />${say("speak")}</button>`;

/** Why these dishes: as many like you as chose the first of them, or that the shop sells them. */
export function reasonOf(places, say) {
  const likes = places.map((place) => place.reason).find((reason) => reason?.kind === "like_you");
  return likes ? say("like_you_short") : say("recommended");
}

export function placeReason(reason, say) {
  if (!reason) return null;
  if (reason.kind === "like_you") return say("like_you", reason);
  return say(reason.kind === "new" ? "novel" : "popular");
}
