// How are thousands of rows shown with few elements, and who decides when they may move?
import {html, icon} from "./html.js";
import {useEffect, useRef, useState} from "preact/hooks";
import {Component} from "preact";
import {dispatch, list, me, nameOf, now, open, presence, rows, state} from "./store.js";
import {SlaClock} from "./clock.js";
import {show} from "./actions.js";
import {t, timeOf, word} from "./i18n.js";
import {Filters} from "./filters.js";
import {EmptyList} from "./empty.js";

export const ROW_PX = 64;
const SPARE = 6;

export function ListPane() {
  return html`<section class="pane list-pane" aria-label=${t("pane.list")} data-pane="list" ...${holding}>
    <${Filters} />
    <${FreshBar} />
    <${Rows} />
  </section>`;
}

function FreshBar() {
  const {fresh} = list.value;
  if (!fresh.length) return null;
  return html`<button class="fresh-bar" onClick=${() => dispatch({type: "insert_fresh"})}>${icon("down")}${t("list.fresh", {n: fresh.length})}</button>`;
}

function Rows() {
  const {order} = list.value;
  const box = useRef(null);
  const [top, setTop] = useState(0);
  const [height, setHeight] = useState(800);
  useEffect(() => {
    const watch = new ResizeObserver(() => box.current && setHeight(box.current.clientHeight || 800));
    watch.observe(box.current);
    return () => watch.disconnect();
  }, []);
  const first = Math.max(0, Math.floor(top / ROW_PX) - SPARE);
  const last = Math.min(order.length, Math.ceil((top + height) / ROW_PX) + SPARE);
  const ids = order.slice(first, last);
  const onScroll = () => {
    const next = Math.floor(box.current.scrollTop / ROW_PX) * ROW_PX;
    if (next !== top) setTop(next);
  };
  return html`<div class="rows" ref=${box} onScroll=${onScroll} tabindex="-1">
    ${!state.value.loaded ? html`<${Skeleton} />` : order.length === 0 ? html`<${EmptyList} />` : null}
    <div class="grid" role="grid" aria-label=${t(`view.${list.value.view}`)} aria-rowcount=${order.length} aria-colcount="1"
      style=${{height: `${order.length * ROW_PX}px`}} hidden=${order.length === 0}>
      ${ids.map((id, index) => html`<${Row} key=${id} row=${rows.value.get(id)} index=${first + index} nowMs=${now.value}
        isCursor=${list.value.cursor === id} isOpen=${open.value?.id === id} me=${me.value} others=${othersAt(rows.value.get(id))} />`)}
    </div>
  </div>`;
}

/** While the pointer or the focus is in the list, nothing in it moves. */
const holding = {
  onPointerEnter: () => dispatch({type: "hold"}),
  onPointerLeave: (event) => release(event.currentTarget),
  onFocusIn: () => dispatch({type: "hold"}),
  onFocusOut: (event) => !event.currentTarget.contains(event.relatedTarget) && release(event.currentTarget),
};

function release(box) {
  if (box.matches(":hover") || box.contains(document.activeElement)) return;
  dispatch({type: "settle"});
}

function othersAt(row) {
  if (!row) return "";
  const names = (group) => Object.entries(presence.value[group][row.key] ?? {})
    .filter(([id, one]) => id !== me.value?.actor_id && one.until_ms > now.value).map(([id, one]) => one.name || id);
  const [typing, viewing] = [names("typing"), names("viewing")];
  if (typing.length) return t("others.typing", {who: typing.join(", ")});
  return viewing.length ? t("others.viewing", {who: viewing.join(", ")}) : "";
}

class Row extends Component {
  shouldComponentUpdate(next) {
    return Object.keys(next).some((name) => next[name] !== this.props[name]);
  }

  render({row, index, nowMs, isCursor, isOpen, me: who, others}) {
    if (!row) return null;
    const gone = isGone(row, who);
    const classes = ["row", isOpen && "is-open", gone && "is-gone", row.unanswered > 0 && "is-unread"].filter(Boolean).join(" ");
    return html`<div class=${classes} role="row" aria-rowindex=${index + 1} aria-selected=${isOpen} tabindex=${isCursor ? 0 : -1}
      data-row=${row.id} style=${{transform: `translateY(${index * ROW_PX}px)`}} onClick=${() => show(row.id)}
      onFocus=${() => !isCursor && dispatch({type: "cursor", id: row.id})}>
      <div role="gridcell" class="cell">
        <div class="line">
          <span class="who">${row.unanswered > 0 && html`<span class="dot" aria-hidden="true"></span>`}${row.customer ?? row.key}</span>
          <${Chip} row=${row} />
          <span class="grow"></span>
          <${SlaClock} row=${row} nowMs=${nowMs} />
        </div>
        <div class="line second">
          <span class="ask">${row.ask || row.last_text || t("row.no_ask")}</span>
          ${row.approvals_pending > 0 && html`<span class="risk" title=${t("row.approval_waits")}>${icon("shield")}<span class="unseen">${t("row.approval_waits")}</span></span>`}
          ${others ? html`<span class="others">${others}</span>` : html`<${Owner} row=${row} gone=${gone} />`}
        </div>
      </div>
    </div>`;
  }
}

function isGone(row, who) {
  return list.value.order.length > 0 && goneFrom(list.value.view, row, who);
}
function goneFrom(view, row, who) {
  if (view === "unclaimed" || view === "approvals") return row.state !== "waiting";
  if (view === "mine") return row.owner_id !== who.actor_id || row.state !== "assigned";
  return view !== "resolved" && row.state === "done";
}

const Chip = ({row}) =>
  html`<span class="chip">${row.kind === "approval" ? (row.tool ?? t("row.question")) : word("reason", row.reason)}</span>`;

function Owner({row, gone}) {
  if (row.state === "done") return html`<span class="owner">${word("outcome", row.outcome)} ${row.closed_ms ? timeOf(row.closed_ms, now.value) : ""}</span>`;
  const name = row.owner_id === me.value.actor_id ? t("you") : nameOf(row.owner_id);
  if (row.owner_id) return html`<span class=${gone ? "owner gone" : "owner"}>${gone ? t("row.taken", {who: name}) : name}</span>`;
  return html`<span class=${`owner priority-${row.priority}`}>${row.priority === "urgent" || row.priority === "high" ? word("priority", row.priority) : ""}</span>`;
}

function Skeleton() {
  return html`<div class="skeletons" aria-busy="true"><span class="unseen">${t("list.loading")}</span>
    ${[0, 1, 2, 3, 4, 5, 6, 7].map(() => html`<div class="skeleton"><i></i><i></i></div>`)}</div>`;
}

