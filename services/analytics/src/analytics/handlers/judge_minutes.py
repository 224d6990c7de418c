"""Each minute that is counted is judged once: which promises of which workflows are broken?

Nothing is lost or said twice by a kill: what a minute says follows from rollups that do not change any more, it is
announced under an id that follows from the alert and the minute, and only then is the minute marked as judged."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import structlog

from analytics.adapters.alert_documents import AlertDocuments
from analytics.adapters.figure_store import FigureStore
from analytics.adapters.published_facts import PublishedFacts
from analytics.domain.alert_rules import AlertRule, BoundAlert, Verdict, alert_rules, bound_verdict
from analytics.domain.cells import MINUTE_MS
from analytics.domain.judge_alerts import minutes_to_judge
from analytics.domain.judge_minute import Stretch, bound_stretch, promised, stretches_of, verdict_of
from analytics.domain.measure_ratings import measure_ratings
from analytics.domain.rollup import Rollup
from analytics.domain.silences import routing
from analytics.domain.watched_alert import KeptAlert, WatchedAlert, after_minute, following, watched, withdrawn
from contracts.alerts import AlertChanged
from contracts.objectives import Metric
from document_store import Equal
from service_kit.errors import RetryLater

log = structlog.get_logger()

LOOK_SECONDS: Final = 2.0
"""How often it is asked whether one more minute is counted."""
ROLLUPS_MAX: Final = 100_000
"""Of one workflow in one window: some 500 for each of its versions. What has more is not judged, and that is said."""

RATED_MAX: Final = 10_000
"""Conversations with ratings or business events in the window of a promise about ratings; likewise."""

Announce = Callable[[str, WatchedAlert, AlertChanged], Awaitable[None]]
"""Publishes a change of an alert of a tenant. Raises RetryLater."""


@dataclass(slots=True)
class JudgeMinutes:
    """`unrouted_ms`: how long the receiver hears nothing of an alert that is new."""

    figures: FigureStore
    alerts: AlertDocuments
    facts: PublishedFacts
    counted_through: Callable[[], Awaitable[int]]
    announce: Announce
    unrouted_ms: int
    _judged_ms: int = 0

    async def run(self) -> None:
        """Judge for ever; what cannot be read or said now is tried again."""
        while True:
            try:
                await self.judge(through_ms=await self.counted_through())
            except RetryLater as error:
                log.warning("alerts.judged_later", reason=str(error))
            await asyncio.sleep(LOOK_SECONDS)

    async def judge(self, *, through_ms: int) -> None:
        """All workflows, through the last whole minute before `through_ms`. Raises RetryLater."""
        last_ms = through_ms // MINUTE_MS * MINUTE_MS
        if last_ms <= self._judged_ms:
            return
        promises = self.facts.promises(await self.figures.workflow_names())
        known: dict[tuple[str, str], list[KeptAlert]] = {}
        for stored in await self.alerts.of():
            known.setdefault((stored.alert.tenant, stored.alert.workflow), []).append(stored)
        for (tenant, workflow), facts in promises.items():
            kept = {one.alert.id: one for one in known.get((tenant, workflow), [])}
            rules = {watched(tenant, rule).id: rule for rule in alert_rules(workflow, facts.slos)}
            await self._judge_workflow(tenant, rules, kept, last_ms)
            await self._withdraw(tenant, [one for id_, one in kept.items() if id_ not in rules], last_ms)
        self._judged_ms = last_ms

    async def _judge_workflow(
        self, tenant: str, rules: Mapping[str, AlertRule], kept: Mapping[str, KeptAlert], last_ms: int
    ) -> None:
        present = {id_: _present(kept.get(id_), watched(tenant, rule)) for id_, rule in rules.items()}
        minutes = {id_: minutes_to_judge(one.alert.state, counted_through_ms=last_ms) for id_, one in present.items()}
        for ends_ms in sorted({minute for of_alert in minutes.values() for minute in of_alert}):
            due = {id_: rule for id_, rule in rules.items() if ends_ms in minutes[id_]}
            verdicts = await self._verdicts(tenant, due, ends_ms)
            silences = (await self.alerts.silences(tenant, now_ms=ends_ms)).values()
            for id_, verdict in verdicts.items():
                one = present[id_]
                unrouted_until_ms = (one.alert.first_judged_ms or ends_ms) + self.unrouted_ms
                route = routing(rules[id_], silences, unrouted_until_ms=unrouted_until_ms, at_ms=ends_ms)
                alert, change = after_minute(one.alert, verdict, ends_ms=ends_ms, routing=route)
                if change is not None:
                    await self.announce(tenant, alert, change)
                present[id_] = replace(one, alert=alert)
        await self.alerts.save([one for id_, one in present.items() if minutes[id_]])

    async def _verdicts(self, tenant: str, rules: Mapping[str, AlertRule], ends_ms: int) -> dict[str, Verdict]:
        """Of the rules of one workflow; none of a rule that has too many figures."""
        needed = stretches_of(rules.values(), ends_ms=ends_ms)
        found: dict[tuple[Stretch, ...], list[Rollup]] = {}
        for rule, stretches in needed.items():
            if stretches not in found:
                found[stretches] = await self._rollups(tenant, rule.workflow, stretches)
        verdicts: dict[str, Verdict | None] = {}
        for id_, rule in rules.items():
            rollups = found[needed[rule]]
            if isinstance(rule, BoundAlert) and rule.bound.metric is Metric.CSAT:
                verdicts[id_] = await self._verdict_of_ratings(tenant, rule, ends_ms)
            else:
                is_known = len(rollups) <= ROLLUPS_MAX
                verdicts[id_] = verdict_of(rule, promised(rollups), ends_ms=ends_ms) if is_known else None
            if verdicts[id_] is None:
                log.error("alerts.too_many_figures", alert=id_)
        return {id_: verdict for id_, verdict in verdicts.items() if verdict is not None}

    async def _verdict_of_ratings(self, tenant: str, rule: BoundAlert, ends_ms: int) -> Verdict | None:
        window = bound_stretch(rule.window_seconds, ends_ms=ends_ms)
        conversations = await self.figures.worth(
            (Equal("tenant", tenant),), from_ms=window.from_ms, to_ms=window.to_ms, at_most=RATED_MAX
        )
        if len(conversations) > RATED_MAX:
            return None
        ratings = measure_ratings(conversations, workflow=rule.workflow, from_ms=window.from_ms, to_ms=window.to_ms)
        return bound_verdict(rule, ratings)

    async def _rollups(self, tenant: str, workflow: str, stretches: Sequence[Stretch]) -> list[Rollup]:
        where = (Equal("tenant", tenant), Equal("workflow", workflow))
        found: list[Rollup] = []
        for one in stretches:
            found += await self.figures.rollups(
                ("executions",), where, from_ms=one.from_ms, to_ms=one.to_ms, at_most=ROLLUPS_MAX, spans=one.spans
            )
        return found

    async def _withdraw(self, tenant: str, gone: Sequence[KeptAlert], ends_ms: int) -> None:
        """End the alerts on what is promised no longer."""
        changed: list[KeptAlert] = []
        for one in gone:
            if not one.alert.is_withdrawn:
                alert, change = withdrawn(one.alert, ends_ms=ends_ms)
                await self.announce(tenant, alert, change)
                changed.append(replace(one, alert=alert))
        await self.alerts.save(changed)


def _present(kept: KeptAlert | None, rule: WatchedAlert) -> KeptAlert:
    return KeptAlert(rule, 0) if kept is None else replace(kept, alert=following(kept.alert, rule))
