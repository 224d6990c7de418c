// How are the queues and the people, and where must the AI be silent?
import {html, icon} from "./html.js";
import {useEffect} from "preact/hooks";
import {canDecide, me, now, presence, state} from "./store.js";
import {rehome, switchAi} from "./actions.js";
import {loadAgents} from "./load.js";
import {span, t} from "./i18n.js";

export function Supervisor() {
  useEffect(loadAgents, []); // What is known may be 15 s old.
  if (me.value.role === "agent") return html`<main class="pane supervisor" data-pane="conversation" id="conversation" tabindex="-1"><div class="empty">${icon("shield")}<h1>${t("supervisor.title")}</h1><p>${t("supervisor.role", {role: t("role.supervisor")})}</p></div></main>`;
  return html`<main class="pane supervisor" data-pane="conversation" id="conversation" tabindex="-1" aria-label=${t("supervisor.title")}><h1>${t("supervisor.title")}</h1>
    <section><h2>${t("supervisor.queues")}</h2><${Queues} /></section><section><h2>${t("supervisor.agents")}</h2><${Agents} /></section></main>`;
}

function Queues() {
  const {queues} = state.value;
  if (!queues.length) return html`<p class="muted">${t("supervisor.no_queues")}</p>`;
  return html`<div class="table-box" tabindex="0" role="region" aria-label=${t("supervisor.queues")}><table class="board"><thead><tr>${["queue", "waiting", "approvals", "oldest", "breached", "ai"].map((one) => html`<th scope="col">${t(`board.${one}`)}</th>`)}<th scope="col"><span class="unseen">${t("actions")}</span></th></tr></thead>
    <tbody>${queues.map((one) => html`<tr><th scope="row">${one.name}</th><td class="figure">${one.waiting}</td><td class="figure">${one.approvals}</td>
      <td class="figure">${one.oldest_wait_ms !== null ? span(one.oldest_wait_ms) : t("board.nothing")}</td>
      <td class=${one.breached ? "figure over" : "figure"}>${one.breached > 0 && icon("alert")}${one.breached}</td>
      <td>${one.ai_stopped ? html`<span class="chip chip-urgent">${t("board.ai_stopped")}</span>` : t("board.ai_speaks")}</td>
      <td><button class=${one.ai_stopped ? "small" : "small danger"} disabled=${!canDecide.value} onClick=${() => switchAi(one.name, one.ai_stopped ? "resume-ai" : "stop-ai")}>${t(one.ai_stopped ? "board.resume_ai" : "board.stop_ai")}<span class="unseen"> ${one.name}</span></button></td></tr>`)}</tbody></table></div>`;
}

function Agents() {
  const {agents} = presence.value;
  if (!agents.length) return html`<p class="warning">${icon("alert")}${t("supervisor.nobody")}</p>`;
  return html`<div class="table-box" tabindex="0" role="region" aria-label=${t("supervisor.agents")}><table class="board"><thead><tr>${["agent", "status", "load", "teams"].map((one) => html`<th scope="col">${t(`board.${one}`)}</th>`)}<th scope="col"><span class="unseen">${t("actions")}</span></th></tr></thead>
    <tbody>${agents.map((one) => html`<tr><th scope="row">${one.name ?? one.actor_id}</th>
      <td><span class=${`presence presence-${one.status}`} aria-hidden="true"></span>${t(`status.${one.status ?? "offline"}`)}</td>
      <td><span class="figure">${t("me.load", {n: one.load ?? 0, max: one.capacity ?? 0})}</span> <meter min="0" max=${one.capacity || 1} value=${one.load ?? 0} aria-label=${t("board.load")}></meter></td>
      <td>${(one.teams ?? []).join(", ")}</td>
      <td><button class="small" disabled=${!canDecide.value || !one.load} onClick=${() => rehome(one.actor_id)}>${t("board.rehome")}<span class="unseen"> ${one.name ?? one.actor_id}</span></button></td></tr>`)}</tbody></table></div>`;
}
