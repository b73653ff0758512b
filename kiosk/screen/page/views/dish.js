// One dish: its options, how many, and into the cart.

import { chosenOf, dishOf, priceOf } from "../cart.js";
import { Icon } from "../icons.js";
import { EASY } from "../state.js";
import { won } from "../texts.js";
import { html } from "../vendor/preact-htm.js";

export const Dish = (props) => (props.state.screen === EASY ? html`<${Easy} ...${props} />` : html`<${Usual} ...${props} />`);

function Usual({ state, say, act, shop }) {
  const { language, dish: chosen } = state;
  const dish = dishOf(shop.menu, chosen.id);
  return html`
    <div class="about">
      <img src=${dish.picture} alt="" />
      <h1>${dish.name[language]}</h1>
      <p>${dish.about[language]}</p>
      <${Contains} ...${{ dish, say, shop, language, choices: chosen.choices }} />
    </div>
    <div class="choosing">
      ${dish.options.map((option) => html`<${Option} key=${option.id} ...${{ option, chosen, language, act }} />`)}
      <${Count} ...${{ chosen, say, act }} />
    </div>
  `;
}

function Easy({ state, say, act, shop }) {
  const { language, dish: chosen, voice } = state;
  const dish = dishOf(shop.menu, chosen.id);
  const words = chosenOf(dish, chosen.choices).map(({ choice }) => choice.name[language]);
  return html`
    <div class="about">
      <img src=${dish.picture} alt="" />
      <h1>${dish.name[language]}</h1>
      <p class="price">${won(priceOf(dish, chosen.choices) * chosen.count, language)}</p>
    </div>
    <div class="choosing">
      <h2>${say(voice ? "confirm" : "how_many")}</h2>
      <${Count} ...${{ chosen, say, act }} />
      ${dish.options.length > 0 &&
      html`
        <div class="taste">
          <p>${words.join(", ") || say("as_is")}</p>
          <button class="second" onClick=${act("options")}>${say("change")}</button>
        </div>
      `}
    </div>
  `;
}

// Easy mode asks one question at a time; a usual screen has them all on the dish itself.
export function Options({ state, say, act, shop }) {
  const { language, dish: chosen } = state;
  const dish = dishOf(shop.menu, chosen.id);
  const asked = state.screen === EASY ? [dish.options[chosen.at]] : dish.options;
  return html`
    <h1>${dish.name[language]}</h1>
    <div class="choosing" tabindex="0" role="region" aria-label=${say("taste")}>
      ${asked.map((option) => html`<${Option} key=${option.id} ...${{ option, chosen, language, act }} />`)}
      ${chosen.at === dish.options.length - 1 && html`<${Contains} ...${{ dish, say, shop, language, choices: chosen.choices }} />`}
    </div>
  `;
}

function Option({ option, chosen, language, act }) {
  return html`
    <fieldset class="option">
      <legend>${option.name[language]}</legend>
      ${option.choices.map((choice) => {
        const on = chosen.choices.includes(`${option.id}/${choice.id}`);
        return html`
          <button key=${choice.id} class="choice" role=${option.kind === "one" ? "radio" : "checkbox"} aria-checked=${on} onClick=${act("choose", { option: option.id, choice: choice.id })}>
            <span class="mark">${on && html`<${Icon} name="check" />`}</span>
            <span>${choice.name[language]}${choice.price > 0 && html` <b>+${won(choice.price, language)}</b>`}</span>
          </button>
        `;
      })}
    </fieldset>
  `;
}

function Count({ chosen, say, act }) {
  return html`
    <div class="count" role="group" aria-label=${say("how_many")}>
      <button class="second" aria-label=${say("fewer")} disabled=${chosen.count === 1} onClick=${act("count", { by: -1 })}><${Icon} name="minus" /></button>
      <output aria-live="polite">${say("pieces", { count: chosen.count })}</output>
      <button class="second" aria-label=${say("more")} onClick=${act("count", { by: 1 })}><${Icon} name="plus" /></button>
    </div>
  `;
}

function Contains({ dish, say, shop, language, choices }) {
  const ids = new Set([...dish.contains, ...chosenOf(dish, choices).flatMap(({ choice }) => choice.contains ?? [])]);
  if (!ids.size) return null;
  const list = [...ids].map((id) => shop.menu.contains[id][language]).join(", ");
  return html`<p class="contains">${say("contains", { list })}</p>`;
}
