"""The signals of all practices in the order of their time, through the judge of the provider."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from collector.judge import Record, Verdict, judge_provider
from collector.model.campaign import CAMPAIGN, PROVIDER, PROVIDER_NAME, Fleet, Signal, tool_name
from collector.model.incident import IncidentChange
from collector.model.policy import Policy
from collector.model.snapshot import Snapshot
from collector.rules.correlate import remembered
from collector.simulation.year.plan import PracticePlan
from collector.simulation.year.play import Raised


@dataclass(frozen=True)
class CampaignFound:
    """A campaign when it opened, with the practices that it then had; `came` is who joined it, and when."""

    reason: str
    of: str
    at: datetime
    practices: frozenset[int]
    came: tuple[tuple[int, datetime], ...] = ()

    def joined(self, practices: frozenset[int], now: datetime) -> "CampaignFound":
        new = practices - self.practices - {number for number, _ in self.came}
        return replace(self, came=(*self.came, *((number, now) for number in sorted(new))))


def correlate_fleet(
    plans: Sequence[PracticePlan], raised: Mapping[int, Sequence[Raised]], end: datetime
) -> tuple[CampaignFound, ...]:
    overseer = _Overseer(plans, raised)
    return overseer.oversee(end)


class _Overseer:
    """Every rise and end of a signal wakes it, as in collector/oversee.py."""

    def __init__(self, plans: Sequence[PracticePlan], raised: Mapping[int, Sequence[Raised]]) -> None:
        self._plans = {plan.number: plan for plan in plans}
        self._numbers = {plan.practice_id: plan.number for plan in plans}
        signed = [(number, one) for number, some in raised.items() for one in some if one.signature]
        self._signed = sorted(signed, key=lambda one: (one[1].at, one[0]))
        self._found_at = [one.at for _, one in self._signed]
        tools = {(plan.number, tool_name(job.tool.value)) for plan in plans for job in plan.jobs}
        self._fleet = Fleet(practices=len(plans), tools=Counter(tool for _, tool in tools))
        policy = Policy(practice_id=PROVIDER, practice=PROVIDER_NAME)
        self._record = Record(Snapshot(practice_id=PROVIDER), policy, (), ())
        self._remembered = remembered(policy.rules.campaign)

    def oversee(self, end: datetime) -> tuple[CampaignFound, ...]:
        ends = (one.until for _, one in self._signed if one.until)
        wakes = sorted({*self._found_at, *ends})
        found: dict[UUID, CampaignFound] = {}
        now = wakes[0] if wakes else end
        while now < end:
            verdict = judge_provider(self._record, self._signals(now), self._fleet, None, now)
            self._record = Record(
                self._record.snapshot,
                self._record.policy,
                tuple(one for one in verdict.incidents if one.lasts),
                self._record.tickets,
            )
            self._note(found, verdict, now)
            now = self._next(wakes, verdict.next_due, now) or end
        return tuple(found.values())

    def _signals(self, now: datetime) -> list[Signal]:
        first = bisect_right(self._found_at, now - self._remembered)
        known = self._signed[first : bisect_right(self._found_at, now)]
        return [self._signal(self._plans[number], one, now) for number, one in known]

    def _signal(self, plan: PracticePlan, one: Raised, now: datetime) -> Signal:
        return Signal(
            practice_id=plan.practice_id,
            practice=plan.name,
            signature=one.signature or "",
            since=one.since,
            found_at=one.at,
            lasts=one.until is None or one.until > now,
            watched_since=plan.begin,
        )

    def _note(self, found: dict[UUID, CampaignFound], verdict: Verdict, now: datetime) -> None:
        for change in verdict.changes:
            one = change.incident
            if one.rule != CAMPAIGN:
                continue
            members = self._members(one.facts["practice_ids"])
            if change.what is IncidentChange.OPENED:
                found[one.incident_id] = CampaignFound(one.reason, one.facts.get("of", ""), now, members)
            elif change.what is IncidentChange.JOINED:
                found[one.incident_id] = found[one.incident_id].joined(members, now)

    def _members(self, practice_ids: str) -> frozenset[int]:
        return frozenset(self._numbers[UUID(one)] for one in practice_ids.split(","))

    def _next(self, wakes: Sequence[datetime], due: datetime | None, now: datetime) -> datetime | None:
        index = bisect_right(wakes, now)
        coming = [wakes[index]] if index < len(wakes) else []
        if due is not None:
            coming.append(max(due, now + timedelta(microseconds=1)))
        return min(coming, default=None)
