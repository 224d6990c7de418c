// What can be done from here, by typing a few letters of it?
import {html} from "./html.js";
import {useState} from "preact/hooks";
import {area, dialog, me, open, rows} from "./store.js";
import {VIEWS} from "./order.js";
import {claim, setStatus, show, switchView} from "./actions.js";
import {theme} from "./preferences.js";
import {t} from "./i18n.js";

function commands() {
  const shown = rows.value.get(open.value?.id);
  const mine = shown?.kind === "handover" && shown.owner_id === me.value.actor_id && shown.state !== "done";
  const opens = (name) => ({text: t(`action.${name}`), run: () => { dialog.value = name; }});
  return [
    ...VIEWS.map((view) => ({text: t("palette.go", {view: t(`view.${view}`)}), run: () => { area.value = "inbox"; switchView(view); }})),
    {text: t("palette.go", {view: t("view.supervisor")}), run: () => { area.value = "supervisor"; }},
    ...(shown?.state === "waiting" && shown.kind === "handover" ? [{text: t("action.claim"), run: () => claim(shown.id)}] : []),
    ...(mine ? ["transfer", "snooze", "resolve", "return"].map(opens) : []),
    ...["online", "busy", "away"].map((status) => ({text: t("palette.status", {status: t(`status.${status}`)}), run: () => setStatus(status)})),
    ...["auto", "light", "dark"].map((name) => ({text: t("palette.theme", {theme: t(`theme.${name}`)}), run: () => { theme.value = name; }})),
    opens("help"),
  ].map((one) => ({...one, text: one.text}));
}

function found(text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = (one) => words.every((word) => one.toLowerCase().includes(word));
  const places = words.length ? [...rows.value.values()].filter((row) => fits(`${row.customer ?? ""} ${row.key} ${row.ask}`)).slice(0, 6) : [];
  return [...commands().filter((one) => fits(one.text)), ...places.map((row) => ({text: `${row.customer ?? row.key}: ${row.ask}`.slice(0, 90), run: () => show(row.id)}))].slice(0, 12);
}

export function Palette() {
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const all = found(text);
  const run = (one) => {
    dialog.value = null;
    one?.run();
  };
  const onKeyDown = (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      setAt((at + (event.key === "ArrowDown" ? 1 : all.length - 1)) % Math.max(1, all.length));
    }
    if (event.key === "Enter") { event.preventDefault(); run(all[at]); }
  };
  return html`<input role="combobox" aria-expanded="true" aria-controls="palette-list" aria-activedescendant=${all.length ? `palette-${at}` : undefined} aria-label=${t("palette.label")}
      placeholder=${t("palette.label")} value=${text} autofocus onInput=${(event) => { setText(event.target.value); setAt(0); }} onKeyDown=${onKeyDown} />
    <ul id="palette-list" role="listbox" aria-label=${t("palette.found")}>${all.map((one, index) => html`<li role="option" id=${`palette-${index}`} aria-selected=${index === at} onClick=${() => run(one)}>${one.text}</li>`)}</ul>
    ${all.length === 0 && html`<p class="muted">${t("palette.none")}</p>`}`;
}
