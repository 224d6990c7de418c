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
from analytics.domain.judge_minute import Stretch, stretches_of, verdict_of
from analytics.domain.rollup import Rollup
from analytics.domain.silences import routing
from analytics.domain.watched_alert import KeptAlert, WatchedAlert, after_minute, following, watched, withdrawn
from analytics.handlers.read_promise import read_ratings, read_rollups
from contracts.alerts import AlertChanged
from contracts.objectives import Metric
from service_kit.errors import RetryLater

log = structlog.get_logger()

LOOK_SECONDS: Final = 2.0
"""How often it is asked whether one more minute is counted."""
ROLLUPS_MAX: Final = 100_000
"""Of one workflow in one window: some 500 for each of its versions. What has more is not judged, and that is said."""

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
        due_ms = sorted({minute for of_alert in minutes.values() for minute in of_alert})
        silences = (await self.alerts.silences(tenant, now_ms=due_ms[0])).values() if due_ms else ()
        for ends_ms in due_ms:
            due = {id_: rule for id_, rule in rules.items() if ends_ms in minutes[id_]}
            verdicts = await self._verdicts(tenant, due, ends_ms)
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
        """Of the rules of one workflow; none of a rule that has too many figures, or not all."""
        found: dict[tuple[Stretch, ...], list[Rollup] | None] = {}
        verdicts: dict[str, Verdict] = {}
        for id_, rule in rules.items():
            verdict = await self._verdict(tenant, rule, found, ends_ms)
            if verdict is None:
                log.error("alerts.not_judged", alert=id_)
            else:
                verdicts[id_] = verdict
        return verdicts

    async def _verdict(
        self, tenant: str, rule: AlertRule, found: dict[tuple[Stretch, ...], list[Rollup] | None], ends_ms: int
    ) -> Verdict | None:
        """`found`: what was read for this workflow and minute, which rules of the same window share."""
        stretches = stretches_of(rule, ends_ms=ends_ms)
        if isinstance(rule, BoundAlert) and rule.bound.metric is Metric.CSAT:
            ratings = await read_ratings(self.figures, tenant, rule.workflow, stretches[0], at_most=ROLLUPS_MAX)
            return None if ratings is None else bound_verdict(rule, ratings)
        if stretches not in found:
            found[stretches] = await read_rollups(self.figures, tenant, rule.workflow, stretches, at_most=ROLLUPS_MAX)
        rollups = found[stretches]
        return None if rollups is None else verdict_of(rule, rollups, ends_ms=ends_ms)

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
