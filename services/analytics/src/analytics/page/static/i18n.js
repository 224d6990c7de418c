// What does the page say, in which language?
import {texts as english} from "./texts.en.js";

const asked = new URLSearchParams(globalThis.location?.search ?? "").get("lang");
export const lang = globalThis.document?.documentElement.lang || "en";
const plural = new Intl.PluralRules(lang);

/** A language for tests: every letter wears an accent, so a text outside the catalogue shows. */
const accented = (text) => text.replace(/\{[^}]*\}|[A-Za-z]/g, (part) => (part.length > 1 ? part : part + "\u0301"));
const wearing = (value) =>
  typeof value === "string" ? accented(value) : Object.fromEntries(Object.entries(value).map(([key, one]) => [key, accented(one)]));

/** The catalogue in force. Another language is another module with the same keys. */
const texts = asked === "xx" ? Object.fromEntries(Object.entries(english).map(([key, value]) => [key, wearing(value)])) : english;

/** A text by its key. `{name}` takes a value; where the text has plural forms, `n` chooses. */
export function t(key, values = {}) {
  const found = texts[key];
  if (found === undefined) throw new Error(`the catalogue has no text ${key}`);
  const text = typeof found === "string" ? found : (found[plural.select(values.n)] ?? found.other);
  return text.replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ""));
}

/** A code of the API in words; an unknown one is shown as it is, readable. */
export const word = (group, code) => (texts[`${group}.${code}`] ? t(`${group}.${code}`) : String(code ?? "").replaceAll("_", " "));
