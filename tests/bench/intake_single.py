"""One heartbeat a request: durable, against the same route without its commit, in turns."""

from statistics import median

from tests.bench.figure import Figure, Target
from tests.bench.ground import BUSY, Ground, Load, load, running_collector, say

ROUNDS = 3
SECONDS = 10
WARM_SECONDS = 3
CONNECTIONS = 128


def measure_single(ground: Ground) -> list[Figure]:
    """Medians; the ratio is of each round by itself, since a machine is not as fast in every minute."""
    loads: dict[str, list[Load]] = {"durable": [], "uncommitted": []}
    with running_collector(ground, "durable") as durable, running_collector(ground, "uncommitted") as bare:
        for collector in (durable, bare):
            load(ground, collector, connections=CONNECTIONS, batch=1, seconds=WARM_SECONDS)
        for _ in range(ROUNDS):
            for name, collector in (("durable", durable), ("uncommitted", bare)):
                loads[name].append(load(ground, collector, connections=CONNECTIONS, batch=1, seconds=SECONDS))
        resident = durable.memory_mb("VmHWM")
    for name, seen in loads.items():
        say(name, seen)
    single = median(one.per_s for one in loads["durable"])
    turns = zip(loads["durable"], loads["uncommitted"], strict=True)
    ratio = median(durable.per_s / bare.per_s for durable, bare in turns)
    return [
        Figure("intake_single_ratio", ratio, "1", Target("at least", 0.6)),
        Figure("intake_single_per_s", single, "heartbeats/s"),
        Figure("intake_single_p99_ms", median(one.p99_ms for one in loads["durable"]), "ms", Target("at most", 150)),
        Figure("intake_single_core_busy", min(median(one.busy for one in seen) for seen in loads.values()), "1", BUSY),
        Figure("collector_rss_mb", resident, "MiB", Target("at most", 150)),
    ]
