// The port of payment. A kiosk maker replaces this file by one that speaks to the shop's terminal:
//
//   pay({method: "card" | "counter", amount, order}) → Promise<{method, demo}>
//
// `amount` is whole won, `order` the order's id: asked a second time for the same order, a port answers what the
// terminal did the first time. It rejects when no money was taken; the page then asks again.
//
// This one is for demonstrations: it takes no money.

const CARD_MS = 2500;

export async function pay({ method }) {
  if (method === "card") await new Promise((resolve) => setTimeout(resolve, CARD_MS));
  return { method, demo: true };
}
