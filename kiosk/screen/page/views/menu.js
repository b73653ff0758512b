// The menu: in usual mode a grid with all categories, in easy mode the pages of a paper menu, top-sellers first.

import { dishOf } from "../cart.js";
import { Icon } from "../icons.js";
import { EASY } from "../state.js";
import { won } from "../texts.js";
import { html, useEffect, useLayoutEffect, useRef, useState } from "../vendor/preact-htm.js";
import { Speak, placeReason, reasonOf } from "./attract.js";
import { CartPanel } from "./cart.js";

export const Menu = (props) => (props.state.screen === EASY ? html`<${Paper} ...${props} />` : html`<${Grid} ...${props} />`);

function Grid({ state, say, act, shop }) {
  const list = useRef();
  const { language } = state;
  useEffect(() => {
    const section = list.current.querySelector(`#of-${state.category}`);
    if (section && state.category !== shop.menu.categories[0].id) section.scrollIntoView({ block: "start" });
  }, [state.category]);
  return html`
    <h1 class="hidden">${say("menu")}</h1>
    <nav class="categories" aria-label=${say("categories")}>
      ${shop.menu.categories.map(({ id, name }) => html`
        <button key=${id} class="tab" aria-current=${id === state.category ? "true" : null} onClick=${act("category", { category: id })}>${name[language]}</button>
      `)}
    </nav>
    <div class="dishes" ref=${list} tabindex="0" role="region" aria-label=${say("menu")}>
      ${state.places.length > 0 &&
      html`
        <section key="places" class="places">
          <h2>${reasonOf(state.places, say)}</h2>
          <ul>${state.places.map(({ dish, reason }) => html`<li key=${dish}><${Card} dish=${dishOf(shop.menu, dish)} reason=${placeReason(reason, say)} ...${{ state, say, act }} /></li>`)}</ul>
        </section>
      `}
      ${shop.menu.categories.map(({ id, name }) => html`
        <section key=${id} id=${`of-${id}`}>
          <h2>${name[language]}</h2>
          <ul>${shop.menu.dishes.filter((dish) => dish.category === id).map((dish) => html`<li key=${dish.id}><${Card} ...${{ dish, state, say, act }} /></li>`)}</ul>
        </section>
      `)}
    </div>
    <${CartPanel} ...${{ state, say, act, shop }} />
  `;
}

function Card({ dish, reason, state, say, act }) {
  return html`
    <button class="card" disabled=${dish.sold_out} onClick=${act("dish", { dish: dish.id })}>
      <img src=${dish.picture} alt="" loading="lazy" />
      <span class="name">${dish.name[state.language]}</span>
      <span class="price">${dish.sold_out ? say("sold_out") : won(dish.price, state.language)}</span>
      ${reason && html`<span class="reason">${reason}</span>`}
    </button>
  `;
}

const COLUMN_EM = { ko: 11.5, en: 17 }; // of a name, dots and a price in one line

// One page at a time, turned by two buttons: nobody has to find out that a list can be pushed.
function Paper({ state, say, act, shop }) {
  const paper = useRef();
  const [room, setRoom] = useState({ rows: 3, columns: 1 });
  useLayoutEffect(() => {
    const measure = () => setRoom((old) => same(old, roomOf(paper.current)));
    measure();
    window.addEventListener("resize", measure);
    return () => window.removeEventListener("resize", measure);
  }, [state.zoom, state.low, state.language]);
  const pages = pagesOf(shop.menu, state, say, room.rows * room.columns);
  const page = pages[Math.min(state.page, pages.length - 1)];
  const number = pages.indexOf(page);
  return html`
    <div class="heading">
      <h1>${page.title}</h1>
      <p class="number">${say("page", { page: number + 1, pages: pages.length })}</p>
    </div>
    <ul class="paper" ref=${paper} style=${{ "--columns": room.columns }}>
      ${page.dishes.map(({ dish, reason }) => html`
        <li key=${dish.id}>
          <button class="row" disabled=${dish.sold_out} onClick=${act("dish", { dish: dish.id })}>
            <img src=${dish.picture} alt="" />
            <span class="name">${dish.name[state.language]}${reason && html`<small>${reason}</small>`}</span>
            <span class="dots"></span>
            <span class="price">${dish.sold_out ? say("sold_out") : won(dish.price, state.language)}</span>
          </button>
        </li>
      `)}
    </ul>
    <nav class="turn" aria-label=${say("menu")}>
      <button class="second" disabled=${number === 0} onClick=${act("page", { page: number - 1 })}><${Icon} name="left" />${say("earlier")}</button>
      ${act.canSpeak(state) && html`<${Speak} ...${{ say, act }} />`}
      <button class="second" disabled=${number === pages.length - 1} onClick=${act("page", { page: number + 1 })}>${say("later")}<${Icon} name="right" /></button>
    </nav>
  `;
}

/** The pages: the suggestions first, then each category, as many dishes a page as there is room for. */
export function pagesOf(menu, { places, language }, say, room) {
  const suggested = places.map(({ dish, reason }) => ({ dish: dishOf(menu, dish), reason: placeReason(reason, say) }));
  const sections = [
    { title: reasonOf(places, say), dishes: suggested },
    ...menu.categories.map(({ id, name }) => ({
      title: name[language],
      dishes: menu.dishes.filter((dish) => dish.category === id).map((dish) => ({ dish })),
    })),
  ];
  return sections.flatMap(({ title, dishes }) => chunks(dishes, room).map((each) => ({ title, dishes: each })));
}

// Even pages: of seven dishes with room for six, four and three rather than six and one.
function chunks(list, room) {
  const count = Math.ceil(list.length / room);
  const size = Math.ceil(list.length / count);
  return Array.from({ length: count }, (_, i) => list.slice(i * size, (i + 1) * size));
}

// As many rows as fit with the height of the tallest; two columns where each has room for a name, dots and a price.
function roomOf(element) {
  if (document.documentElement.dataset.zoomed === "yes") return { rows: 4, columns: 1 }; // the page itself grows
  const style = getComputedStyle(element);
  const row = Math.max(...Array.from(element.children, (each) => each.firstElementChild.scrollHeight));
  const gap = parseFloat(style.rowGap);
  const columns = element.clientWidth > 2 * COLUMN_EM[document.documentElement.lang] * parseFloat(style.fontSize) ? 2 : 1;
  return { rows: Math.max(1, Math.floor((element.clientHeight + gap) / (row + gap))), columns };
}

const same = (old, now) => (old.rows === now.rows && old.columns === now.columns ? old : now);
