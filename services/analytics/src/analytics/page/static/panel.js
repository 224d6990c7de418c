// How does each part of a view show its title, its question, its answer, and what is wrong with it?
import {html, icon} from "./html.js";
import {useAnswer} from "./answer.js";
import {Table} from "./table.js";
import {shownQuery} from "./store.js";
import {t} from "./i18n.js";

/** `request` is asked; `children(data, request)` shows an answer and what it answers; `table(data, request)` {columns, rows} is the same for reading;
 * `isEmpty(data)` with `empty` says what it means that there is nothing; `pace` as in answer.js. */
export function Panel({title, note, request, children, table, isEmpty, empty, wide = false, pace = 0}) {
  const {data, error, isOld, request: answered} = useAnswer(request, pace);
  const show = () => children(data, answered);
  return html`<section class=${`panel ${wide ? "is-wide" : ""} ${isOld && data ? "is-old" : ""}`} aria-label=${title} aria-busy=${isOld}>
    <header><div><h2>${title}</h2>${note && html`<p class="muted">${note}</p>`}</div>
      <button class="quiet small" onClick=${() => { shownQuery.value = {title, request}; }} aria-label=${t("query.of", {title})}>${icon("query")}${t("query")}</button></header>
    <${Body} data=${data} error=${error} isEmpty=${isEmpty} empty=${empty} show=${show} />
    ${data && table && !isEmpty?.(data) && html`<details class=${`behind ${error ? "is-old" : ""}`}><summary>${t("panel.table")}</summary><${Table} caption=${title} ...${table(data, answered)} /></details>`}
  </section>`;
}

function Body({data, error, isEmpty, empty, show}) {
  if (error?.status === 404) return html`<${Empty} text=${t("error.absent")} />`;
  if (error) return html`<div class="failed"><${Trouble} error=${error} />${data && html`<div class="is-old">${show()}</div>`}</div>`;
  if (!data) return html`<div class="skeleton" role="status"><i></i><i></i><i></i><span class="unseen">${t("panel.loading")}</span></div>`;
  if (isEmpty?.(data)) return html`<${Empty} text=${empty ?? t("empty.period")} />`;
  return show();
}

export const Empty = ({text, children}) => html`<div class="empty">${icon("empty")}<p>${text}</p>${children}</div>`;

/** What went wrong, and what to do. */
export function Trouble({error}) {
  const kind = error.status === 0 ? "unreachable" : error.status === 401 ? "signed_out" : error.status === 403 ? "forbidden" : error.status === 422 ? "invalid" : "failed";
  return html`<div class="trouble-box" role="alert">${icon("alert")}<div><p>${t(`error.${kind}`)}</p>${error.message && html`<p class="small-text">${error.message}</p>`}</div></div>`;
}
