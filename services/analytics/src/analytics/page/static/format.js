// How is a figure written, short for a glance and exactly for a tooltip?
import {lang} from "./i18n.js";

export const NOTHING = "–"; // No data is not zero.
const number = (digits, least = 0) => new Intl.NumberFormat(lang, {maximumFractionDigits: digits, minimumFractionDigits: least});
const whole = number(0);
const compact = new Intl.NumberFormat(lang, {notation: "compact", maximumFractionDigits: 1});
const known = (write) => (value, more) => (value === null || value === undefined || Number.isNaN(value) ? NOTHING : write(value, more));

/** 97.3 %, but 99.95 %: near the top the second digit is what an objective is about. */
function share(value) {
  const percent = value * 100;
  const digits = percent > 99 && percent < 100 ? 2 : 1;
  return `${number(digits, 1).format(percent)} %`;
}

function span(ms) {
  const sign = ms < 0 ? "−" : "";
  const size = Math.abs(ms);
  if (Math.round(size) < 1000) return `${sign}${whole.format(size)} ms`;
  if (size < 59_995) return `${sign}${number(2, 2).format(size / 1000)} s`; // What would be "60.00 s" is a minute.
  const seconds = Math.round(size / 1000);
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${sign}${minutes} min ${seconds % 60} s`;
  if (minutes < 48 * 60) return `${sign}${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  return `${sign}${number(1).format(size / 86_400_000)} d`;
}

function dollars(value) {
  const sign = value < 0 ? "−" : "";
  const size = Math.abs(value);
  const digits = size >= 1000 ? 0 : size >= 1 || size === 0 ? 2 : size >= 0.01 ? 4 : 6;
  return `${sign}$${number(digits, digits).format(size)}`;
}

/** As many digits as the steps of a scale have, of which some are of 2.5; of a step of 0.025 three. */
const digitsOf = (step) => Number(step.toPrecision(3)).toFixed(8).replace(/0+$/, "").split(".")[1].length;
const stepped = (value, step) => number(digitsOf(step), digitsOf(step)).format(value);
const dollarScale = (value, step) => `${value < 0 ? "−" : ""}$${digitsOf(step) === 1 ? number(2, 2).format(Math.abs(value)) : stepped(Math.abs(value), step)}`;
const spanScale = (value, step) => (Math.abs(value) < 1000 ? `${stepped(value, step)} ms` : span(value).replace(/(\.\d*?)0+(?= )/, "$1").replace(/\.(?= )/, ""));
const money = (value) => `${value < 0 ? "−" : ""}$${number(6, 2).format(Math.abs(value))}`;

/** A sum of money of the currency of this code; a code that the browser does not know is written behind it. */
export function inCurrency(value, currency) {
  if (currency === "USD") return dollars(value);
  try {
    return new Intl.NumberFormat(lang, {style: "currency", currency}).format(value);
  } catch {
    return `${number(2).format(value)} ${currency}`;
  }
}

/** By unit: `short` for tiles and tables, `exact` for tooltips, `axis` for the scale. */
export const UNITS = {
  count: {short: known((value) => (Math.abs(value) < 100_000 ? whole.format(value) : compact.format(value))), exact: known((value) => number(2).format(value)), axis: known((value) => compact.format(value))},
  percent: {short: known(share), exact: known((value) => `${number(4).format(value * 100)} %`), axis: known((value, step) => `${stepped(value * 100, step * 100)} %`)},
  ms: {short: known(span), exact: known((value) => `${number(1).format(value)} ms`), axis: known((value, step) => (value === 0 ? "0" : spanScale(value, step)))},
  usd: {short: known(dollars), exact: known(money), axis: known((value, step) => (value === 0 ? "$0" : dollarScale(value, step)))},
  number: {short: known((value) => number(3).format(value)), exact: known((value) => number(6).format(value)), axis: known(stepped)},
  text: {short: (value) => String(value ?? NOTHING), exact: (value) => String(value ?? NOTHING)},
};

const clock = new Intl.DateTimeFormat(lang, {hour: "2-digit", minute: "2-digit", hourCycle: "h23"});
const day = new Intl.DateTimeFormat(lang, {day: "numeric", month: "short"});
const moment = new Intl.DateTimeFormat(lang, {weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23"});
export const at = known((ms) => moment.format(ms));
export const since = known(span);

/** What stands under a time axis: days for days, and the day again wherever it changes. */
export function axisTimes(seconds, stepSeconds) {
  let last = "";
  return seconds.map((second) => {
    const date = day.format(second * 1000);
    const changed = date !== last;
    last = date;
    if (stepSeconds >= 86_400) return date;
    return changed ? `${clock.format(second * 1000)}\n${date}` : clock.format(second * 1000);
  });
}
