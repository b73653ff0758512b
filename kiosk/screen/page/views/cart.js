// The cart: a panel beside the menu in usual mode, a page of its own in both.

import { chosenOf, countOf, dishOf, priceOf, totalOf } from "../cart.js";
import { Icon } from "../icons.js";
import { won } from "../texts.js";
import { html } from "../vendor/preact-htm.js";

export function CartPanel({ state, say, act, shop }) {
  return html`
    <aside class="cart-panel" aria-label=${say("cart")}>
      <h2>${say("cart")}${state.cart.length > 0 && html` <b>${countOf(state.cart)}</b>`}</h2>
      ${state.cart.length ? html`<${Lines} ...${{ state, say, act, shop }} />` : html`<p class="empty">${say("cart_empty")}</p>`}
      <${Total} ...${{ state, say, shop }} />
    </aside>
  `;
}

export function Cart({ state, say, act, shop }) {
  return html`
    <h1>${say("cart")}</h1>
    <${Lines} ...${{ state, say, act, shop }} />
    <${Total} ...${{ state, say, shop }} />
    <button class="second more-food" onClick=${act("go", { step: "menu" })}><${Icon} name="plus" />${say("more_food")}</button>
  `;
}

export function Lines({ state, say, act, shop }) {
  const { language } = state;
  return html`
    <ul class="lines" tabindex="0" aria-label=${say("cart")}>
      ${state.cart.map((line) => {
        const dish = dishOf(shop.menu, line.dish);
        const name = dish.name[language];
        const extras = chosenOf(dish, line.choices).filter(({ choice }) => !choice.default);
        return html`
          <li key=${line.key} class=${line.key === state.added ? "line added" : "line"}>
            <img src=${dish.picture} alt="" />
            <div class="what">
              <span class="name">${name}</span>
              ${extras.length > 0 && html`<small>${extras.map(({ choice }) => choice.name[language]).join(", ")}</small>`}
              <span class="price">${won(line.count * priceOf(dish, line.choices), language)}</span>
            </div>
            <div class="count" role="group" aria-label=${name}>
              <button class="second" aria-label=${`${name}: ${say(line.count === 1 ? "remove" : "fewer")}`} onClick=${act("change", { key: line.key, by: -1 })}><${Icon} name=${line.count === 1 ? "close" : "minus"} /></button>
              <output>${line.count}</output>
              <button class="second" aria-label=${`${name}: ${say("more")}`} onClick=${act("change", { key: line.key, by: 1 })}><${Icon} name="plus" /></button>
            </div>
          </li>
        `;
      })}
    </ul>
  `;
}

export function Total({ state, say, shop }) {
  return html`<p class="total"><span>${say("total")}</span><b>${won(totalOf(shop.menu, state.cart), state.language)}</b></p>`;
}
