"""The same trouble at several practices: one campaign, told from what chance does.

1. Signals of one pattern are laid out by when they happened (`since`), not by when we found them: an attack of one
   night is found when the machines are switched on again, and what waited for our own outage to end did not happen
   at once. Only a gathering in which something was found of late counts, or the past would open campaigns.
2. A window moves over them. So many practices in it as `_least` and `_by_chance` say are a campaign.
3. It takes what happens or is found while it lasts: until nothing joined it for a window and all of it is over, or
   for a week from when it opened; then whoever still has the trouble has it alone, and the next attack is a new one.

How many practices are too many to be chance:
- Ransomware: as many as are set. It is too dangerous to wait, and too rare to meet by chance.
- Everything else, protection that is switched off too, is weighed against how often it came in four weeks before:
  so many that events which know nothing of each other would bring them together once in a hundred years, and as many
  as are set at the least, which something new takes.
- A backup tool fails somewhere each night. Only if it failed at three of ten practices that ran it, is it the tool.
- Silence counts within minutes, since machines come and go all day, and at one practice of a hundred at least: a
  street without power is no campaign of a fleet of thousands.
- What was found on a practice's first day was so before we looked: moving in with 2,000 practices is no attack.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil, exp, lgamma, log
from uuid import UUID

from collector.model.campaign import CAMPAIGN, Campaign, Fleet, Kind, Pattern, Signal, pattern_of
from collector.model.finding import Evaluation, Finding, Severity
from collector.model.rule_settings import Campaign as Setting
from collector.model.value import earliest

USUAL_OVER = timedelta(days=28)  # four of each weekday
YEAR = timedelta(days=365)
A_YEAR = 0.01  # false campaigns of a pattern that chance may make
LONGEST = timedelta(days=7)  # after a week a practice that still has the trouble is a case of its own
AT_ONCE = timedelta(seconds=1)  # what gathered by the end of a campaign is the next one, once this one is over
SILENT_WITHIN = timedelta(minutes=15)  # a line or a power cut takes a region down in one; heartbeats tell within ten
TOOL_SHARE = 0.3
SILENT_SHARE = 0.01
NEW_FOR = timedelta(days=1)
# In the facts of an incident and in each message of its ticket; their number is told whole.
MOST_NAMED = 100


@dataclass(frozen=True)
class _Gathering:
    """The signals of a campaign, and when it came about; `fresh_until` is when a new one would no longer be told."""

    since: datetime
    began_at: datetime
    signals: tuple[Signal, ...]
    fresh_until: datetime | None = None


def remembered(setting: Setting) -> timedelta:
    """How far back signals are needed."""
    return USUAL_OVER + max(setting.window, LONGEST)


def correlate(
    signals: Iterable[Signal], fleet: Fleet, setting: Setting, lasting: Iterable[Campaign], now: datetime
) -> Evaluation:
    """The campaigns among `signals`, those that last included; constant until `next_due` for the same signals."""
    if not setting.enabled:
        return Evaluation()
    known = {one.subject: one for one in lasting}
    found: list[Finding] = []
    dues: list[datetime] = []
    for pattern, alike in _by_pattern(signals).items():
        campaign = known.get(pattern.subject)
        gathering = _of(campaign, alike) if campaign else _gathered(pattern, alike, fleet, setting, now)
        ends_at = _ends_at(gathering.signals, campaign, _width(pattern, setting)) if gathering else now
        if gathering and now < ends_at:
            found.append(_finding(pattern, gathering, setting))
            dues.append(min(ends_at, gathering.fresh_until or ends_at))
        elif campaign and _gathered(pattern, alike, fleet, setting, now):
            dues.append(now + AT_ONCE)
    found.sort(key=lambda one: (one.since, one.subject))
    return Evaluation(findings=tuple(found), next_due=earliest(dues))


def _by_pattern(signals: Iterable[Signal]) -> Mapping[Pattern, list[Signal]]:
    alike: defaultdict[Pattern, list[Signal]] = defaultdict(list)
    for one in signals:
        alike[pattern_of(one.signature)].append(one)
    return alike


def _width(pattern: Pattern, setting: Setting) -> timedelta:
    return min(SILENT_WITHIN, setting.window) if pattern.kind is Kind.SILENCE else setting.window


def _of(campaign: Campaign, alike: Sequence[Signal]) -> _Gathering | None:
    taken = tuple(one for one in alike if campaign.takes(one.since, one.found_at))
    return _Gathering(campaign.since, campaign.began_at, taken) if taken else None


def _gathered(
    pattern: Pattern, alike: Sequence[Signal], fleet: Fleet, setting: Setting, now: datetime
) -> _Gathering | None:
    """The first window with something fresh in it that holds more practices than chance brings together."""
    width = _width(pattern, setting)
    told = [one for one in alike if pattern.kind is Kind.RANSOMWARE or one.since >= one.watched_since + NEW_FOR]
    told.sort(key=lambda one: (one.since, one.practice_id))
    least = _least(pattern, fleet, setting)
    for window, practices in _windows(told, width):
        if practices < least:
            continue
        began_at, fresh_until = window[0].since, max(one.found_at for one in window) + width
        if now < fresh_until and (pattern.kind is Kind.RANSOMWARE or practices >= _by_chance(told, began_at, width)):
            taken = tuple(one for one in told if one.since >= began_at)
            return _Gathering(window[-1].since, began_at, taken, fresh_until)
    return None


def _windows(ordered: Sequence[Signal], width: timedelta) -> Iterator[tuple[deque[Signal], int]]:
    """For each signal what happened within the window that it ends, and at how many practices."""
    window: deque[Signal] = deque()
    practices: Counter[UUID] = Counter()
    for one in ordered:
        window.append(one)
        practices[one.practice_id] += 1
        while window[0].since <= one.since - width:
            gone = window.popleft().practice_id
            practices[gone] -= 1
            if not practices[gone]:
                del practices[gone]
        yield window, len(practices)


def _by_chance(ordered: Sequence[Signal], began_at: datetime, width: timedelta) -> int:
    """How many practices independent events (Poisson's) bring together within a window no oftener than `A_YEAR`."""
    usual = _usual(ordered, began_at, width)
    others = int(usual) + 1
    while usual and usual * (YEAR / width) * _share_with(others, usual) > A_YEAR:
        others += 1
    return others + 1 if usual else 0


def _usual(ordered: Sequence[Signal], began_at: datetime, width: timedelta) -> float:
    """How many practices a window held on the average of the weeks before, as far as any practice was watched."""
    first = max(began_at - USUAL_OVER, min(one.watched_since for one in ordered) + NEW_FOR)
    before = (one for one in ordered if first <= one.since < began_at)
    held = {(one.practice_id, (began_at - one.since) // width) for one in before}
    return len(held) / max(1.0, (began_at - first) / width)


def _share_with(others: int, usual: float) -> float:
    """The share of windows that hold at least so many; more than are usual, so that each more is rarer by a factor."""
    exactly = exp(others * log(usual) - usual - lgamma(others + 1))
    return exactly / (1 - usual / (others + 1))


def _least(pattern: Pattern, fleet: Fleet, setting: Setting) -> int:
    """How many practices make a campaign of this pattern, whatever is usual."""
    if pattern.kind is Kind.BACKUP_TOOL:
        return max(setting.practices, ceil(fleet.tools.get(pattern.of, 0) * TOOL_SHARE))
    if pattern.kind is Kind.SILENCE:
        return max(setting.practices, ceil(fleet.practices * SILENT_SHARE))
    return setting.practices


def _ends_at(signals: Sequence[Signal], campaign: Campaign | None, width: timedelta) -> datetime:
    """Counted from the last that joined, and at most from its opening: among thousands somebody would join for ever."""
    joined_at = max(one.found_at for one in signals)
    ends_at = joined_at + (max(LONGEST, width) if any(one.lasts for one in signals) else width)
    return min(ends_at, campaign.opened_at + max(LONGEST, width)) if campaign else ends_at


def _finding(pattern: Pattern, gathering: _Gathering, setting: Setting) -> Finding:
    names: dict[UUID, str] = {}
    for one in sorted(gathering.signals, key=lambda one: (one.found_at, one.practice_id)):
        names.setdefault(one.practice_id, " ".join(one.practice.split()))
    facts = {
        "count": str(len(names)),
        "practices": "\n".join(list(names.values())[:MOST_NAMED]),
        "practice_ids": ",".join(str(one) for one in list(names)[:MOST_NAMED]),
        "began_at": gathering.began_at.isoformat(),
        "last_at": max(one.since for one in gathering.signals).isoformat(),
        "tickets": setting.tickets,
    }
    return Finding(
        rule=CAMPAIGN,
        subject=pattern.subject,
        root=pattern.subject,
        severity=setting.severity or Severity.CRITICAL,
        reason=pattern.kind.value,
        since=gathering.since,
        facts=facts | ({"of": pattern.of} if pattern.of else {}),
    )
