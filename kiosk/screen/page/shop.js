// The staff's view: who calls, what does not work, what was sold today. In Korean and English side by side.

import { Agent } from "./agent.js";
import { won } from "./texts.js";
import { html, render } from "./vendor/preact-htm.js";

const FIGURES_MS = 5000;

const agent = new Agent();
const shop = await agent.shop();
const root = document.getElementById("shop");
let calls = [];
let health = null;
let figures = null;

const time = (at) => new Date(at).toLocaleTimeString("ko-KR", { hour: "2-digit", minute: "2-digit" });
const done = (id) => () => agent.tell("calls/done", { id });
const nameOf = (id) => shop.menu.dishes.find((dish) => dish.id === id)?.name.ko ?? id;

function show() {
  render(
    html`
      <header>
        <h1>${shop.shop.name.ko}</h1>
        <p>${shop.kiosk}</p>
      </header>
      <section class="calls">
        <h2>호출 <small lang="en">Calls</small></h2>
        ${calls.length === 0 && html`<p class="quiet">없음 · none</p>`}
        <ul>${calls.map(({ id, at }) => html`<li key=${id}><b>${time(at)}</b><button class="main" onClick=${done(id)}>갔어요 · Done</button></li>`)}</ul>
      </section>
      <section class="health">
        <h2>상태 <small lang="en">Status</small></h2>
        ${health && health.troubles.length === 0 && html`<p class="good">모두 정상 · all works</p>`}
        <ul>${health?.troubles.map(({ part, why }) => html`<li key=${part}><b>${part}</b> ${why}</li>`)}</ul>
        ${health?.orders_pending > 0 && html`<p>${health.orders_pending} 건이 아직 클라우드에 없음 · orders wait for the cloud</p>`}
      </section>
      ${figures && html`<${Today} figures=${figures} />`}
    `,
    root,
  );
}

function Today({ figures }) {
  const { orders, total, by_screen: screens, by_language: languages, top } = figures;
  return html`
    <section class="today">
      <h2>오늘 <small lang="en">Today</small></h2>
      <p class="big">${orders} 건 · ${won(total ?? 0, "ko")}</p>
      <p>${pairs(screens, { usual: "보통", easy: "간편" })}</p>
      <p>${pairs(languages, { ko: "한국어", en: "English" })}</p>
      <ol>${top.map(({ dish, count }) => html`<li key=${dish}>${nameOf(dish)} <b>${count}</b></li>`)}</ol>
    </section>
  `;
}

const pairs = (counts, names) => Object.entries(counts ?? {}).map(([name, count]) => `${names[name] ?? name} ${count}`).join(" · ");

async function refresh() {
  try {
    health = await (await fetch("/api/health")).json();
    figures = await (await fetch("/api/figures")).json();
  } catch {
    health = { troubles: [{ part: "agent", why: "응답 없음 · no answer: is the agent running?" }] };
  }
  show();
}

agent.listen(["hello", "calls"], (_, data) => {
  calls = data.calls ?? [];
  show();
});
refresh();
setInterval(refresh, FIGURES_MS);
