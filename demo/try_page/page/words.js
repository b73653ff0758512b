// An answers message → what the page says of it. Pure: nothing here knows the document.

const NOTED = ["declined", "rejected"];
const UNANSWERED = ["unknown", "unseen"]; // values of a head that has no answer

/** The headline of a message, and the line below it; either may be empty. `say`: texts.js, `finds`: the recipe's. */
export function headline(message, finds, say) {
  const count = message.subjects.length;
  const of = (key) => (say(`${key}_${finds}`) === `${key}_${finds}` ? say(key, { count }) : say(`${key}_${finds}`, { count }));
  switch (message.status) {
    case "labelled":
      return { title: of(count === 1 ? "found_one" : "found"), line: "" };
    case "unsure":
      return { title: say("unsure"), line: say("unsure_line") };
    case "nothing_found":
      return { title: of("nothing"), line: say("nothing_line") };
    default:
      return { title: say(message.status), line: NOTED.includes(message.status) ? say(message.reason) : "" };
  }
}

/**
 * The rows of a subject, in the order of its answers: {question, value, percent, sure, explain} or
 * {question, value, score: {points, low, high, …}}. `percent` is null where the head has no answer; `certain`: of a measured
 * answer the percentage is a share of the region, of others a probability. `explain`: what the value means, where the recipe has a text for it.
 */
export function rows(subject, recipe, texts, say) {
  return Object.entries(subject.answers).map(([question, answer]) => {
    const name = texts.questions[question] ?? question;
    return "confidence" in answer
      ? choice(question, name, answer, recipe, texts, say)
      : score(question, name, answer, recipe, texts.levels[question], say);
  });
}

function choice(question, name, { value, confidence, sure }, recipe, texts, say) {
  if (UNANSWERED.includes(value)) return { question, name, value: say(value), percent: null, sure };
  const word = texts.values[question]?.[value] ?? value;
  const explain = texts.explain[question]?.[value];
  return { question, name, value: sure ? word : say("maybe", { value: word }), percent: percent(confidence), certain: recipe.measured.includes(question) ? "share" : "sure", sure, explain };
}

/** With `levels` (words from low to high, each for an equal part of the range) the word is the value. */
function score(question, name, answer, recipe, levels, say) {
  const [from, to] = recipe.scores[question];
  const digits = to - from >= 100 ? 0 : 1;
  const at = (number) => Math.min(1, Math.max(0, (number - from) / (to - from)));
  const shown = (number) => number.toFixed(digits);
  return {
    question,
    name,
    value: levels ? level(levels, at(answer.value)) : shown(answer.value),
    score: {
      points: levels ? say("points", { value: shown(answer.value), most: to }) : "",
      low: shown(answer.low),
      high: shown(answer.high),
      ends: [from, to].map(String),
      at: at(answer.value),
      from: at(answer.low),
      to: at(answer.high),
    },
  };
}

const level = (levels, at) => levels[Math.min(levels.length - 1, Math.floor(at * levels.length))];

/** The joined class in the words of its values; empty without one. */
export function joinedWords({ joined }, recipe, texts, say) {
  if (!joined) return "";
  const values = (recipe.classes[joined.value] ?? [joined.value]).map(
    (value, place) => texts.values[recipe.join[place]]?.[value] ?? value,
  );
  const words = values.join(" · ");
  const certain = say("sure", { percent: percent(joined.confidence) });
  return `${say("joined", { values: joined.sure ? words : say("maybe", { value: words }) })} (${certain})`;
}

/** Rounded down: 0.999 is no certainty. */
export const percent = (confidence) => Math.floor(confidence * 100 + 1e-9);

export const seconds = (ms) => (ms / 1000).toFixed(ms < 10_000 ? 2 : 1);
