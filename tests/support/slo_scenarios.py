"""Which traffic is played to SLOs, and when must which alert fire? (worked out by hand, beside each scenario)

Minute m is the traffic between m and m + 1; it is first judged at T = m + 1. Alerts fire 2 minutes after their
condition is first met, and are resolved 30 minutes after it is first not met. Ten events a minute, if nothing else is
said: 600 in an hour, 3,600 in six. With a promise of 0.99 a share of bad events is over at
    critical: 14.4 % (1 h and 5 min) or 6 % (6 h and 30 min); warning: 1 % (3 d and 6 h).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from contracts.objectives import Bound, ConditionAlert, Metric, Objective, Slos

HOUR, DAY = 60, 1_440
Minute = tuple[int, int]
"""Good and bad events. A good one takes 1 s and costs $0.10, a bad one is handed over after 60 s and costs $1."""
Firing = tuple[int, int | None]
"""The minute at which an alert fires and the one at which it is resolved; None if it never is."""
AlertName = tuple[str, str]

GOOD, BAD, NOTHING = (10, 0), (0, 10), (0, 0)
CRITICAL: AlertName = ("success_rate", "critical")
WARNING: AlertName = ("success_rate", "warning")


@dataclass(frozen=True)
class Scenario:
    name: str
    slos: Slos
    minutes: tuple[Minute, ...]
    firing: Mapping[AlertName, tuple[Firing, ...]]
    """Alerts that are not here never fire."""
    counters_reset_at: int | None = None


def promise(threshold: float, *, minimum_events: int = 20, days: int = 30) -> Slos:
    bound = Bound(metric=Metric.SUCCESS_RATE, comparison=">=", threshold=threshold)
    objective = Objective(name="success_rate", bound=bound)
    return Slos(objectives=(objective,), minimum_events=minimum_events, window_seconds=days * 86_400)


def hours(count: int, minute: Minute = GOOD) -> tuple[Minute, ...]:
    return (minute,) * (count * HOUR)


def until(total: int, minutes: tuple[Minute, ...], minute: Minute = GOOD) -> tuple[Minute, ...]:
    return (*minutes, *(minute,) * (total - len(minutes)))


def steady() -> Scenario:
    """One bad event of 200, in each twentieth minute: 0.5 % at most, from the first on (T = 20: 1 of 200).
    In 5 minutes it is 1 of 50 = 2 %, in 30 minutes 2 of 300."""
    day = tuple((9, 1) if minute % 20 == 19 else GOOD for minute in range(DAY))
    return Scenario("steady", promise(0.99), day, {})


BURST = until(800, (*hours(6), *(BAD,) * 30))
"""Everything fails from T = 360 on, until T = 390."""
BURST_FIRING = {
    # 1 h: 10k of 600 > 14.4 % at k = 9 (15 %), T = 369. The end: 5 min hold a bad minute (20 %) until T = 394, but 6 h
    # hold 300 of 3,600 = 8.3 % and 30 min two bad minutes (6.7 %) until T = 418. Not met from 419 on.
    CRITICAL: ((371, 449),),
    # All of history: 10k of 3,600 + 10k > 1 % at k = 4 (40 of 3,640; 30 of 3,630 are 0.8 %), T = 364; 6 h: 40 of 3,600.
    # The end: 6 h hold 40 bad of 3,600 (1.1 %) until T = 746 and 30 (0.8 %) from 747 on.
    WARNING: ((366, 777),),
}


def burst() -> Scenario:
    return Scenario("burst of errors", promise(0.99), BURST, BURST_FIRING)


def burst_and_restart() -> Scenario:
    """What a replay looks like to Prometheus: the process starts anew in the middle, its counters at 0, and counts
    nothing that it had counted before."""
    return Scenario("replay", promise(0.99), BURST, BURST_FIRING, counters_reset_at=375)


def burst_of_a_week() -> Scenario:
    """A period of 7 d: factors 0.02 x 168 = 3.36, 0.05 x 168 / 6 = 1.4, and 1 (not 0.1 x 168 / 72 = 0.23).

    1 h: 10k of 600 > 3.36 % at k = 3 (5 %), T = 363. The end: 30 min hold one bad minute (3.3 % > 1.4 %) until 419."""
    firing = {CRITICAL: ((365, 450),), WARNING: BURST_FIRING[WARNING]}
    return Scenario("burst, 7 d", promise(0.99, days=7), BURST, firing)


def outage_of_a_modest_promise() -> Scenario:
    """A promise of 0.90: 14.4 x 10 % and 6 x 10 % are capped at 55 %, or an hour without one success would be silent.

    critical: 1 h: 10k of 600 > 55 % at k = 34 (33 are exactly 55 %), T = 394. The end: 5 min hold 3 bad minutes (60 %)
    until T = 422; 6 h have 600 of 3,600 = 17 % at most. Not met from 423 on.
    warning: 10k of 3,600 + 10k > 10 % at k = 41 (40 are exactly 10 %), T = 401, 6 h: 410 of 3,600 = 11 %.
    The end: 600 of 10T are over 10 % until T = 599 (6 h: 17 % until then)."""
    minutes = until(650, (*hours(6), *(BAD,) * 60))
    firing = {CRITICAL: ((396, 453),), WARNING: ((403, 630),)}
    return Scenario("outage at 0.90", promise(0.90), minutes, firing)


def one_of_ten_bad() -> Scenario:
    """10 % bad from T = 360 to 620: too little for 14.4 % in 1 h, so the pair of 6 h is the one that fires.

    critical: k of 3,600 > 6 % at k = 217 (216 are exactly 6 %), T = 577. The end: 30 min hold 30 - j bad events of 300,
    over 6 % until j = 11, T = 631 (6 h: 260 of 3,600 = 7.2 %).
    warning: k of 3,600 + 10k > 1 % at k = 41 (40 of 4,000 are exactly 1 %), T = 401; 6 h: 41 of 3,600 = 1.1 %. They
    hold all 260 until T = 720, after the end of this scenario."""
    minutes = until(700, (*hours(6), *((9, 1),) * 260))
    firing = {CRITICAL: ((579, 662),), WARNING: ((403, None),)}
    return Scenario("10 % bad", promise(0.99), minutes, firing)


def slow_leak() -> Scenario:
    """A good day, then 2 % bad: one of the 50 events of each 5 minutes, in the last of them.

    n bad at T = 1,440 + 5n of 14,400 + 50n events are over 1 % from n = 289 on (288 of 28,800 are exactly 1 %):
    T = 1,440 + 1,445. Until the next bad one there are 289 of at most 28,890 = 1.0003 %. 6 h have 72 of 3,600 = 2 %,
    30 min 6 of 300 = 2 % and 5 min 1 of 50 = 2 %: nothing critical."""
    leak = tuple((9, 1) if minute % 5 == 4 else GOOD for minute in range(1_510))
    return Scenario("slow leak", promise(0.99), (*hours(24), *leak), {WARNING: ((2_887, None),)})


def five_an_hour(minutes: int, bad_minutes: frozenset[int]) -> tuple[Minute, ...]:
    events = (minute if minute % 12 == 0 else None for minute in range(minutes))
    return tuple(NOTHING if event is None else (0, 1) if event in bad_minutes else (1, 0) for event in events)


def one_bad_of_five() -> Scenario:
    """Five events an hour, one bad in the first hour (20 % of all there is!) and one a day later: two bad events are
    no evidence, for 0.99 as for 0.999, where one bad of 360 in 3 d would be 0.28 % of 0.1 %."""
    bound = Bound(metric=Metric.SUCCESS_RATE, comparison=">=", threshold=0.999)
    slos = promise(0.99)
    slos = slos.model_copy(update={"objectives": (*slos.objectives, Objective(name="high", bound=bound))})
    minutes = five_an_hour(1_700, frozenset({48, 1_488}))
    return Scenario("5 events an hour, one bad", slos, minutes, {})


def one_bad_in_every_hour() -> Scenario:
    """Five events an hour, the last of each is bad: 20 % is twenty times the promise, and somebody must know.

    At T = 229 there are 20 events and 4 bad ones (3 hours and minutes 180, 192, 204, 216, 228): the minimum, and 20 %
    in 6 h and 3 d. 30 min hold 204, 216 and 228: one of three. So both alerts are met, the fast pair never (5 events).
    30 min hold the bad minute 228 until T = 258; the next is judged at T = 289, just when 30 minutes would be over."""
    minutes = five_an_hour(600, frozenset(range(48, 600, HOUR)))
    firing = {CRITICAL: ((231, None),), WARNING: ((231, None),)}
    return Scenario("5 events an hour, one bad in each", promise(0.99), minutes, firing)


NINE_OF_TEN: tuple[Minute, ...] = tuple(
    NOTHING if minute % 2 else (1, 0) if minute % 20 == 18 else (0, 1) for minute in range(DAY)
)
"""An event each second minute, of which nine of ten are bad."""


def nine_of_ten_bad() -> Scenario:
    """A good day of one event in two minutes, a day with 90 % bad, a good day again.

    critical: 1 h has 30 events: over 14.4 % with the 5th bad one (16.7 %; four are 13.3 %), minute 1,448, T = 1,449.
    The end: the last bad minute is 2,876 (2,878 is good). 30 min have 15 events, one of them is 6.7 %: until T = 2,906.
    warning: the 8th bad one (8 of 728 = 1.1 %; 7 of 727 are 0.96 %) is in minute 1,454, T = 1,455.
    The end: 6 h have 180 events, two bad are 1.1 %; the last but one is minute 2,874: until T = 3,234."""
    minutes = until(3_300, (*_one_in_two(DAY), *NINE_OF_TEN, *_one_in_two(420)))
    firing = {CRITICAL: ((1_451, 2_937),), WARNING: ((1_457, 3_265),)}
    return Scenario("90 % bad at 0.5/min", promise(0.99), minutes, firing)


def nine_of_ten_bad_below_the_minimum() -> Scenario:
    """The same with a minimum of 5,000 events, which no window ever holds: ten bad events speak for themselves.

    The 10th bad one (minutes 1,440 to 1,456 are nine, 1,458 is good) is minute 1,460, T = 1,461. The end is the same:
    1 h and 6 h hold more than ten bad events until long after T = 2,906; 3 d hold 1,296 of them."""
    scenario = nine_of_ten_bad()
    firing = {CRITICAL: ((1_463, 2_937),), WARNING: ((1_463, 3_265),)}
    return Scenario("90 % bad, below the minimum", promise(0.99, minimum_events=5_000), scenario.minutes, firing)


def silence() -> Scenario:
    """20 minutes in which everything fails, then five hours without any traffic, then good traffic from T = 680 on.

    critical: T = 369 as in the burst. 5 min hold bad events only until T = 384. 6 h hold 200 of 3,600 - 10j at
    T = 380 + j, over 6 % from j = 27 on (of 3,330), and 30 min hold bad minutes until T = 409: met again at 407 to 409,
    and 22 minutes after 385 nothing was resolved. From T = 411 on the last 31 minutes are empty: frozen. The first good
    minute is judged at T = 681, and 30 minutes later it is over: no bad one is left in 30 min.
    warning: T = 364 as in the burst. 6 h hold, at T = 720 + i, 20 - i bad minutes of 20 - i + 40 + i: over 1 % while
    one is left, until T = 739."""
    minutes = until(800, (*hours(6), *(BAD,) * 20, *(NOTHING,) * 300))
    firing = {CRITICAL: ((371, 711),), WARNING: ((366, 770),)}
    return Scenario("silence", promise(0.99), minutes, firing)


def recovery() -> Scenario:
    """The burst, its end, and a second one from T = 900 to 920, which fires anew.

    critical: 1 h again at k = 9, T = 909. 6 h hold 200 of 3,600 = 5.6 % and do not fire; 5 min hold one bad minute of
    five until T = 924.
    warning: 6 h again at k = 4, T = 904 (3 d: 340 of 9,040 = 3.8 %). They hold four bad minutes until T = 1,276."""
    minutes = until(1_320, (*until(900, BURST), *(BAD,) * 20))
    firing = {CRITICAL: ((371, 449), (911, 955)), WARNING: ((366, 777), (906, 1_307))}
    return Scenario("recovery", promise(0.99), minutes, firing)


def slow_answers() -> Scenario:
    """The burst with `p95_latency_ms <= 15000`: 5 % may be slower. critical: 14.4 x 5 % is capped at 52.5 %, 1 h has
    50 % at most; 6 x 5 % = 30 %, 6 h have 8.3 %.

    warning: 10k of 3,600 + 10k > 5 % at k = 19 (190 of 3,790; 180 of 3,780 are 4.8 %), T = 379; 6 h: 190 of 3,600 =
    5.3 %. The end: 300 of 10T are over 5 % until T = 599."""
    bound = Bound(metric=Metric.LATENCY_P95, comparison="<=", threshold=15_000)
    slos = Slos(objectives=(Objective(name="p95_latency_ms", bound=bound),))
    return Scenario("slow answers", slos, BURST, {("p95_latency_ms", "warning"): ((381, 630),)})


def _bounds() -> Slos:
    success = Bound(metric=Metric.SUCCESS_RATE, comparison="<", threshold=0.85)
    latency = Bound(metric=Metric.LATENCY_P95, comparison=">", threshold=20_000)
    cost = Bound(metric=Metric.COST_PER_REQUEST, comparison=">", threshold=0.5)
    alerts = (
        ConditionAlert(bound=success),
        ConditionAlert(bound=latency, severity="critical"),
        ConditionAlert(bound=cost, severity="info"),
    )
    return Slos(alerts=alerts, window_seconds=3_600)


def bounds() -> Scenario:
    """The burst with bounds over 1 h; at T = 420 + i there are 30 - i bad minutes of 60 left.

    success_rate: 10k of 600 bad > 15 % at k = 10 (9 are exactly 15 %), T = 370, until i = 20.
    p95_latency_ms: more than 30 of 600 slow at k = 4, T = 364, until i = 26.
    cost_per_request: 0.10 + 0.90 x share > 0.50 at a share over 4/9: k = 27, T = 387, until i = 3."""
    firing = {
        ("success_rate < 0.85", "warning"): ((372, 471),),
        ("p95_latency_ms > 20000", "critical"): ((366, 477),),
        ("cost_per_request > 0.5", "info"): ((389, 454),),
    }
    return Scenario("bounds", _bounds(), BURST, firing)


def bounds_in_silence() -> Scenario:
    """20 bad minutes, silence from T = 380 to 680. All conditions stay met while 1 h holds 20 events (T = 438), and are
    frozen with fewer, until T = 682: 20 good events.

    cost_per_request: 0.10 + 0.90 x share: at T = 380 200 of 600, too little; then good minutes leave 1 h: at
    T = 380 + j 200 of 600 - 10j > 4/9 at j = 16 (200 of 440; of 450 they are exactly 4/9), T = 396."""
    minutes = until(800, (*hours(6), *(BAD,) * 20, *(NOTHING,) * 300))
    firing = {
        ("success_rate < 0.85", "warning"): ((372, 712),),
        ("p95_latency_ms > 20000", "critical"): ((366, 712),),
        ("cost_per_request > 0.5", "info"): ((398, 712),),
    }
    return Scenario("bounds in silence", _bounds(), minutes, firing)


def _one_in_two(minutes: int) -> tuple[Minute, ...]:
    return tuple(NOTHING if minute % 2 else (1, 0) for minute in range(minutes))


SCENARIOS = (
    steady(),
    burst(),
    burst_and_restart(),
    burst_of_a_week(),
    outage_of_a_modest_promise(),
    one_of_ten_bad(),
    slow_leak(),
    one_bad_of_five(),
    one_bad_in_every_hour(),
    nine_of_ten_bad(),
    nine_of_ten_bad_below_the_minimum(),
    silence(),
    recovery(),
    slow_answers(),
    bounds(),
    bounds_in_silence(),
)
