"""Whether what struck many practices at once was found as one, and nothing else was."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from collector.model.campaign import Kind
from collector.simulation.year.campaigns import CampaignFound
from collector.simulation.year.fleet_fate import Common
from collector.simulation.year.score import Score, Stray, Tally
from collector.simulation.year.truth import Fault, Label

_THIRD = 3  # a campaign is three: what two have in common may be chance
_NIGHT = timedelta(hours=24)
_ATTACKS = frozenset({Fault.ONE_NIGHT, Fault.CREEPING})
_SHOWS_AS = {Fault.REGION_ATTACK: Kind.RANSOMWARE, Fault.TOOL_FAILURE: Kind.BACKUP_TOOL}
# A database whose files are encrypted cannot be dumped.
_FOLLOWS_AS = {Fault.REGION_ATTACK: {Kind.RANSOMWARE, Kind.BACKUP_TOOL}, Fault.TOOL_FAILURE: {Kind.BACKUP_TOOL}}
_PROVIDER = -1


def score_campaigns(
    common: Sequence[Common], truths: Mapping[int, Sequence[Label]], found: Sequence[CampaignFound]
) -> Score:
    """`truths` holds each practice's labels; what lies before the end of the story counts."""
    score = Score()
    right: set[CampaignFound] = set()
    for one in common:
        due = _third_at(one, truths)
        if due is None:
            continue
        tally = score.faults.setdefault(one.fault, Tally())
        tally.injected += 1
        by = due if one.fault is Fault.REGION_ATTACK else due + _NIGHT
        told = [
            at for each in found if each.reason == _SHOWS_AS[one.fault] and (at := _told_at(each, one)) and at <= by
        ]
        right |= {each for each in found if _follows(each, one) and one.at <= each.at <= by + 7 * _NIGHT}
        if told:
            tally.found += 1
            tally.delays.append(max(0.0, (min(told) - due).total_seconds()))
        else:
            score.missed.append(Stray(_PROVIDER, one.fault.value, "fleet", "", due))
    score.false = [
        Stray(_PROVIDER, "campaign", each.of or each.reason, f"{len(each.practices)} practices", each.at)
        for each in found
        if each not in right and not _by_chance(each, truths)
    ]
    return score


def _told_at(campaign: CampaignFound, common: Common) -> datetime | None:
    """When it had named three that were struck: as it opened, or, if it lasted already, as they joined it."""
    opened = [campaign.at for _ in campaign.practices & common.episodes.keys()]
    joined = [at for number, at in campaign.came if number in common.episodes]
    named = sorted(at for at in (*opened, *joined) if at >= common.at)
    return named[_THIRD - 1] if len(named) >= _THIRD else None


def _follows(campaign: CampaignFound, common: Common) -> bool:
    """Whether what was struck is what it names: three of it, whoever else had such trouble of their own."""
    return campaign.reason in _FOLLOWS_AS[common.fault] and len(campaign.practices & common.episodes.keys()) >= _THIRD


def _third_at(common: Common, truths: Mapping[int, Sequence[Label]]) -> datetime | None:
    """When its third practice could be known; none if the story holds fewer."""
    kind = Fault.ONE_NIGHT if common.fault is Fault.REGION_ATTACK else Fault.FAILED
    firsts = []
    for number in common.episodes:
        dues = [
            one.due for one in truths.get(number, ()) if one.fault is kind and common.at <= one.due < common.at + _NIGHT
        ]
        firsts += [min(dues)] if dues else []
    return sorted(firsts)[_THIRD - 1] if len(firsts) >= _THIRD else None


def _by_chance(found: CampaignFound, truths: Mapping[int, Sequence[Label]]) -> bool:
    """Three practices that were truly struck, each by its own attacker, are rightly told as one.

    From when each was struck, since an alert may tell of it before the first backup does, to a day after that. Of a
    creep it may be days until it is found: then it joins what struck others when it began.
    """
    if found.reason != Kind.RANSOMWARE:
        return False
    struck = [
        (number, one)
        for number in found.practices
        for one in truths.get(number, ())
        if one.fault in _ATTACKS and _began(one) <= found.at
    ]
    in_time = [(number, one) for number, one in struck if found.at <= one.by + _NIGHT]
    at_once = ({number for number, one in struck if _overlap(one, last)} for _, last in in_time)
    return any(len(practices) >= _THIRD for practices in ({number for number, _ in in_time}, *at_once))


def _overlap(one: Label, other: Label) -> bool:
    return _began(one) <= other.due + _NIGHT and _began(other) <= one.due + _NIGHT


def _began(attack: Label) -> datetime:
    return attack.began or attack.due
