"""What a campaign does to its practices' incidents: it speaks for those that have no ticket yet, and they name it."""

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from collector.escalation.incidents import Change
from collector.model.campaign import CAMPAIGN, Campaign, Signal, needs_two, pattern_of
from collector.model.finding import Finding
from collector.model.incident import Incident, IncidentChange
from collector.model.subject import Subject

_Lasting = Mapping[Subject, Campaign]


def inhibited(
    findings: Sequence[Finding], incidents: Iterable[Incident], campaigns: Sequence[Campaign]
) -> tuple[Finding, ...]:
    """Findings that a campaign with one ticket for all speaks for are told by it; what has a ticket goes on with it."""
    by_subject = {one.subject: one for one in campaigns if one.one_ticket}
    if not by_subject:
        return tuple(findings)
    known = {(one.rule, one.subject): one for one in incidents if one.lasts}
    return tuple(_inhibited(one, known.get((one.rule, one.subject)), by_subject) for one in findings)


def _inhibited(finding: Finding, known: Incident | None, campaigns: _Lasting) -> Finding:
    campaign = _campaign_of(finding.signature, campaigns)
    if campaign is None or finding.inhibited_by or (known and known.ticket_id):
        return finding
    if known and not campaign.takes(known.since, known.found_at):
        return finding
    return finding.model_copy(update={"inhibited_by": CAMPAIGN})


def linked(
    incidents: Sequence[Incident], campaigns: Sequence[Campaign]
) -> tuple[tuple[Incident, ...], tuple[Change, ...]]:
    """Incidents with the campaign that each belongs to, and those that have just come to it."""
    if not campaigns:
        return tuple(incidents), ()
    by_subject = {one.subject: one for one in campaigns}
    after = tuple(_linked(one, by_subject) for one in incidents)
    subjects = {one.incident_id: one.subject for one in campaigns}
    came = (new for new, old in zip(after, incidents, strict=True) if new.campaign_id != old.campaign_id)
    return after, tuple(
        Change(one, IncidentChange.JOINED, subjects[one.campaign_id]) for one in came if one.campaign_id
    )


def _linked(incident: Incident, campaigns: _Lasting) -> Incident:
    """Where somebody merged it by hand it stays, until it is what takes two people to silence: then it is told of."""
    if not incident.lasts:
        return incident
    campaign = _campaign_of(incident.signature, campaigns)
    merged = incident.campaign_id in {one.incident_id for one in campaigns.values()}
    if merged and not needs_two(incident):
        return incident
    if campaign is None or not campaign.takes(incident.since, incident.found_at):
        return incident.model_copy(update={"campaign_id": None}) if merged else incident
    return incident.model_copy(update={"campaign_id": campaign.incident_id})


def _campaign_of(signature: str | None, campaigns: _Lasting) -> Campaign | None:
    return campaigns.get(pattern_of(signature).subject) if signature else None


def joins(before: Iterable[Incident], after: Iterable[Incident]) -> tuple[Change, ...]:
    """Which practices have come to campaigns that lasted before."""
    known = {one.incident_id: one for one in before if one.rule == CAMPAIGN and one.lasts}
    grown = ((known[one.incident_id], one) for one in after if one.lasts and one.incident_id in known)
    return tuple(
        Change(now, IncidentChange.JOINED, joined) for then, now in grown if (joined := _joined(then.facts, now.facts))
    )


def _joined(then: Mapping[str, str], now: Mapping[str, str]) -> str:
    """The names of those that came; their number alone where no more are named."""
    more = int(now["count"]) - int(then["count"])
    known = set(then["practice_ids"].split(","))
    named = zip(now["practice_ids"].split(","), now["practices"].split("\n"), strict=False)
    names = [name for practice_id, name in named if practice_id not in known]
    unnamed = [f"+{more - len(names)}"] if more > len(names) else []
    return ", ".join([*names, *unnamed])


def signals_changed(before: Iterable[Incident], after: Iterable[Incident]) -> bool:
    """Whether trouble that may be others' too has come, gone or changed."""
    return _signals(before) != _signals(after)


def _signals(incidents: Iterable[Incident]) -> frozenset[tuple[UUID, str]]:
    return frozenset((one.incident_id, one.signature) for one in incidents if one.signature and one.lasts)


def ended(before: Iterable[Incident], after: Iterable[Incident]) -> frozenset[UUID]:
    """The campaigns that lasted before and do no longer: whatever they paged for pages for itself."""
    spoke = {one.incident_id for one in before if one.rule == CAMPAIGN and one.speaks}
    return frozenset(one.incident_id for one in after if one.incident_id in spoke and not one.speaks)


def to_be_told(signals: Iterable[Signal], incidents: Iterable[Incident]) -> frozenset[UUID]:
    """Practices whose trouble belongs to a campaign that they do not know of yet, or to one that is now over."""
    campaigns = [one for one in incidents if one.rule == CAMPAIGN]
    over = {one.incident_id for one in campaigns if not one.speaks}
    lasting = {one.subject: Campaign.of(one) for one in campaigns if one.lasts}
    return frozenset(
        one.practice_id for one in signals if one.lasts and (one.campaign_id in over or _untold(one, lasting))
    )


def _untold(signal: Signal, campaigns: _Lasting) -> bool:
    campaign = _campaign_of(signal.signature, campaigns)
    if campaign is None or campaign.incident_id == signal.campaign_id:
        return False
    return campaign.takes(signal.since, signal.found_at)
