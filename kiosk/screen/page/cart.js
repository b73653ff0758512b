// The cart: lines of a dish with its choices. Pure functions; prices are whole won.

/** The dish of an id; undefined when the menu lacks it. */
export const dishOf = (menu, id) => menu.dishes.find((dish) => dish.id === id);

/** The choices that a dish begins with, as "option/choice". */
export function defaults(dish) {
  return dish.options.flatMap((option) =>
    option.choices.filter((choice) => choice.default).map((choice) => `${option.id}/${choice.id}`),
  );
}

/** Choose: in an option of kind "one" it replaces the other choice, in one of kind "many" it is added or taken away. */
export function choose(dish, choices, option, choice) {
  const chosen = `${option}/${choice}`;
  const kind = dish.options.find((each) => each.id === option).kind;
  if (kind === "many" && choices.includes(chosen)) return choices.filter((each) => each !== chosen);
  const others = kind === "one" ? choices.filter((each) => !each.startsWith(`${option}/`)) : choices;
  return inOrder(dish, [...others, chosen]);
}

/** The price of one dish with these choices, in won. */
export function priceOf(dish, choices) {
  return chosenOf(dish, choices).reduce((sum, { choice }) => sum + choice.price, dish.price);
}

/** The options and choices behind "option/choice", in the order of the menu. */
export function chosenOf(dish, choices) {
  return dish.options.flatMap((option) =>
    option.choices
      .filter((choice) => choices.includes(`${option.id}/${choice.id}`))
      .map((choice) => ({ option, choice })),
  );
}

/** What distinguishes a line from others: the same dish with the same choices is one line. */
export const keyOf = (dish, choices) => [dish, ...choices].join("|");

export const MOST = 20; // of one line

/** The cart with `count` more of a dish; a line of the same dish and choices grows, and keeps its place. */
export function put(cart, { dish, choices, count }) {
  const key = keyOf(dish, choices);
  const found = cart.find((line) => line.key === key);
  if (!found) return [...cart, { key, dish, choices, count }];
  return cart.map((line) => (line === found ? { ...line, count: Math.min(MOST, line.count + count) } : line));
}

/** The cart with a line's count changed by `by`; at 0 the line goes. */
export function change(cart, key, by) {
  return cart
    .map((line) => (line.key === key ? { ...line, count: Math.min(MOST, line.count + by) } : line))
    .filter((line) => line.count > 0);
}

export const countOf = (cart) => cart.reduce((sum, line) => sum + line.count, 0);

export const totalOf = (menu, cart) =>
  cart.reduce((sum, line) => sum + line.count * priceOf(dishOf(menu, line.dish), line.choices), 0);

/** The lines as the agent takes them: `price` is that of one dish with its choices. */
export const linesOf = (menu, cart) =>
  cart.map(({ dish, choices, count }) => ({ dish, choices, count, price: priceOf(dishOf(menu, dish), choices) }));

/** A cart without the dishes that the menu lacks or that are sold out, for a page that was reloaded. */
export const possible = (menu, cart) =>
  cart.filter((line) => {
    const dish = dishOf(menu, line.dish);
    return dish && !dish.sold_out && chosenOf(dish, line.choices).length === line.choices.length;
  });

function inOrder(dish, choices) {
  const order = dish.options.flatMap((option) => option.choices.map((choice) => `${option.id}/${choice.id}`));
  return [...choices].sort((a, b) => order.indexOf(a) - order.indexOf(b));
}
