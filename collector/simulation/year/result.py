"""A score as rows, for programs and for people alike."""

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from collector.simulation.year.score import Score, Tally, half
from collector.simulation.year.truth import Fault, Harmless

# Which rule's false findings stand against a fault.
RULES: Mapping[Fault, frozenset[str]] = {
    Fault.MISSED: frozenset({"backup_missed"}),
    Fault.NEVER_REPORTED: frozenset({"backup_missed"}),
    Fault.FAILED: frozenset({"backup_failed"}),
    Fault.SILENT_MACHINE: frozenset({"heartbeat_missing"}),
    Fault.SILENT_PRACTICE: frozenset({"practice_silent"}),
    Fault.RPO: frozenset({"rpo_breached"}),
    Fault.SILENT_FAILURE: frozenset({"backup_looks_wrong"}),
    Fault.CREEPING: frozenset({"ransomware_signature"}),
    Fault.ONE_NIGHT: frozenset({"ransomware_signature"}),
    Fault.ROTATION: frozenset({"offline_copy"}),
    Fault.PROTECTION_OFF: frozenset({"protection_weak"}),
    Fault.RESTORE_TEST: frozenset({"restore_test"}),
    Fault.REGION_ATTACK: frozenset({"campaign"}),
    Fault.TOOL_FAILURE: frozenset({"campaign"}),
}


class FaultRow(NamedTuple):
    """Delays in seconds, from the instant at which it truly fell due."""

    fault: str
    injected: int
    found: int
    false: int
    delay_s_p50: float | None
    delay_s_max: float | None

    @property
    def recall(self) -> float | None:
        return self.found / self.injected if self.injected else None

    @property
    def precision(self) -> float | None:
        return self.found / (self.found + self.false) if self.found + self.false else None


class HarmlessRow(NamedTuple):
    harmless: str
    happened: int
    false: int


def fault_rows(score: Score) -> list[FaultRow]:
    """Every kind, injected or not: a list that grows with the seed could not be compared."""
    rows = []
    for fault in Fault:
        tally = score.faults.get(fault, Tally())
        delays = tally.delays
        false = score.false_by(RULES[fault])
        rows.append(FaultRow(fault.value, tally.injected, tally.found, false, half(delays), max(delays, default=None)))
    return rows


def harmless_rows(score: Score) -> list[HarmlessRow]:
    false = Counter(one.decoy for one in score.false)
    return [HarmlessRow(one.value, score.decoys[one], false[one]) for one in Harmless]
