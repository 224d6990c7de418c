// Where does a difference lie, and how sure is it?
import {html} from "./html.js";
import {UNITS} from "./format.js";
import {t} from "./i18n.js";

/** A bar from `low` to `high` over a line at zero, with a mark at `value`; beside it the same in figures. */
export function Interval({low, high, value, unit}) {
  const write = UNITS[unit].short;
  if (low === null || low === undefined || high === null || high === undefined) return html`<span class="muted">${t("interval.none")}</span>`;
  const reach = Math.max(Math.abs(low), Math.abs(high)) || 1;
  const at = (one) => `${50 + (one / reach) * 46}%`;
  const tone = low > 0 || high < 0 ? "clear" : "unclear";
  return html`<span class="interval"><span class="figure">${write(low)} … ${write(high)}<span class="unseen">${t(`interval.${tone}`)}</span></span>
    <span class="interval-track" aria-hidden="true"><i class="interval-zero"></i><i class=${`interval-bar is-${tone}`} style=${{left: at(low), width: `${((high - low) / reach) * 46}%`}}></i><i class="interval-mark" style=${{left: at(value ?? (low + high) / 2)}}></i></span></span>`;
}
