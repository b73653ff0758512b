// Where to eat, how to pay, the terminal, the number.

import { totalOf } from "../cart.js";
import { won } from "../texts.js";
import { html } from "../vendor/preact-htm.js";

const PICTURE = { here: "here", away: "away", card: "card", counter: "counter" };

function Pick({ title, note, choices, say }) {
  return html`
    <h1>${title}</h1>
    ${note && html`<p class="note" role="alert">${note}</p>`}
    <ul class="picks">
      ${choices.map(({ name, act }) => html`
        <li key=${name}>
          <button class="pick" onClick=${act}><img src=${`/page/pictures/${PICTURE[name]}.svg`} alt="" /><span>${say(name)}</span></button>
        </li>
      `)}
    </ul>
  `;
}

export const Type = ({ say, act }) =>
  html`<${Pick} title=${say("here_or_away")} say=${say} choices=${["here", "away"].map((name) => ({ name, act: act("type", { type: name }) }))} />`;

export function Pay({ state, say, act, shop }) {
  return html`
    <${Pick} title=${say("pay")} note=${state.order?.failed && say("unpaid")} say=${say} choices=${["card", "counter"].map((name) => ({ name, act: act.pay(name) }))} />
    <p class="total"><span>${say("total")}</span><b>${won(totalOf(shop.menu, state.cart), state.language)}</b></p>
  `;
}

export function Paying({ state, say, shop }) {
  const card = state.order.method === "card";
  return html`
    <img class="scene" src=${`/page/pictures/${card ? "card" : "counter"}.svg`} alt="" />
    <h1>${say(card ? "paying" : "paying_counter")}</h1>
    <p class="amount">${won(totalOf(shop.menu, state.cart), state.language)}</p>
    ${card && html`<p class="note">${say("demo_pay")}</p>`}
  `;
}

export function Receipt({ state, say, shop }) {
  const price = won(totalOf(shop.menu, state.cart), state.language);
  return html`
    <img class="scene" src="/page/pictures/receipt.svg" alt="" />
    <h1>${say("receipt")}</h1>
    <p class="number"><span>${say("number")}</span><b>${state.order.number}</b></p>
    <p class="next">${say(state.order.method === "counter" ? "receipt_counter" : "receipt_line", { price })}</p>
  `;
}
