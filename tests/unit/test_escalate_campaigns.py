"""What a campaign does to its practices: it speaks for those without a ticket, and each is told of it."""

from datetime import datetime, timedelta
from uuid import UUID

import pytest

from collector.escalation.campaigns import ended, inhibited, linked, to_be_told
from collector.judge import Record, judge_provider
from collector.model.campaign import PROVIDER, Campaign, Fleet, pattern_of
from collector.model.incident import Closing, Incident, IncidentChange, IncidentState
from collector.model.policy import Policy
from collector.model.rule_settings import Campaign as Setting
from collector.model.rule_settings import RuleSettings
from collector.model.snapshot import Snapshot
from collector.rules.correlate import LONGEST
from tests.factories import DAY, MINUTE, NOW, finding, incident
from tests.unit.troubles import RANSOM, at_each, lasting

TICK = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("ticketed", "one_ticket", "by"), [(False, True, "campaign"), (True, True, None), (False, False, None)]
)
def test_a_campaign_speaks_for_those_without_a_ticket(ticketed: bool, one_ticket: bool, by: str | None) -> None:
    raised = finding(signature=RANSOM)
    known = [_incident(raised.signature, ticketed)]
    told = inhibited([raised], known, [lasting(NOW - DAY, one_ticket=one_ticket)])
    assert [one.inhibited_by for one in told] == [by]


@pytest.mark.parametrize(
    ("setting", "one_ticket"),
    [({}, True), ({"tickets": "each"}, False), ({"severity": "notice"}, False), ({"severity": "warning"}, True)],
)
def test_a_campaign_that_is_told_to_nobody_speaks_for_nobody(setting: dict[str, object], one_ticket: bool) -> None:
    rules = RuleSettings(campaign=Setting.model_validate(setting))
    policy = Policy(practice_id=PROVIDER, practice="Provider", rules=rules)
    record = Record(Snapshot(practice_id=PROVIDER), policy, (), ())
    opened = judge_provider(record, at_each(NOW, NOW, NOW), Fleet(practices=3), None, NOW)
    assert [Campaign.of(one).one_ticket for one in opened.incidents] == [one_ticket]


def test_what_another_finding_speaks_for_already_stays_with_that() -> None:
    raised = finding(signature=RANSOM, inhibited_by="practice_silent")
    assert [one.inhibited_by for one in inhibited([raised], [], [lasting()])] == ["practice_silent"]


@pytest.mark.parametrize(("opened_at", "belongs"), [(NOW, True), (NOW - 3 * DAY, False)])
def test_what_was_before_a_campaign_is_not_of_it(opened_at: datetime, belongs: bool) -> None:
    known = _incident(RANSOM, ticketed=False, at=opened_at)
    campaign = lasting(NOW - DAY)
    told = inhibited([finding(signature=RANSOM)], [known], [campaign])
    (after,), changes = linked([known], [campaign])
    assert bool(told[0].inhibited_by) is belongs
    assert (after.campaign_id == campaign.incident_id) is belongs
    assert [one.what for one in changes] == ([IncidentChange.JOINED] if belongs else [])
    assert linked([after], [campaign])[1] == ()


@pytest.mark.parametrize(("signature", "stays"), [("backup_failed:restic", True), (RANSOM, False)])
def test_what_was_merged_by_hand_stays_there_though_another_campaign_has_its_pattern(
    signature: str, *, stays: bool
) -> None:
    by_hand = lasting(NOW - DAY, incident_id=UUID(int=98), subject="campaign:silence")
    own = lasting(NOW - DAY, subject=pattern_of(signature).subject)
    known = _incident(signature, ticketed=False).model_copy(update={"campaign_id": by_hand.incident_id})
    ((after,), _) = linked([known], [by_hand, own])
    assert after.campaign_id == (by_hand if stays else own).incident_id


@pytest.mark.parametrize(("opened_at", "of"), [(NOW, 99), (NOW - 3 * DAY, None)], ids=["taken", "not-taken"])
def test_what_was_merged_by_hand_and_takes_two_now_is_told_of_though_its_own_campaign_does_not_take_it(
    opened_at: datetime, of: int | None
) -> None:
    by_hand = lasting(NOW - DAY, incident_id=UUID(int=98), subject="campaign:silence")
    known = _incident(RANSOM, ticketed=False, at=opened_at).model_copy(update={"campaign_id": by_hand.incident_id})
    ((after,), _) = linked([known], [by_hand, lasting(NOW - DAY)])
    assert after.campaign_id == (UUID(int=of) if of else None)


def test_what_is_over_stays_with_the_campaign_that_it_belonged_to() -> None:
    by_hand = lasting(NOW - DAY, incident_id=UUID(int=98), subject="campaign:silence")
    over = {"state": IncidentState.RESOLVED, "resolved_at": NOW, "campaign_id": by_hand.incident_id}
    known = _incident(RANSOM, ticketed=False).model_copy(update=over)
    assert linked([known], [by_hand]) == ((known,), ())


def _incident(signature: str | None, ticketed: bool, at: datetime = NOW) -> Incident:
    known = incident(finding(signature=signature, since=at), at=at)
    return known.model_copy(update={"ticket_id": UUID(int=6)}) if ticketed else known


@pytest.mark.parametrize("still", [True, False])
def test_a_campaign_that_somebody_closed_speaks_until_it_is_seen_whether_it_is_over(still: bool) -> None:
    policy = Policy(practice_id=PROVIDER, practice="Provider")
    empty = Record(Snapshot(practice_id=PROVIDER), policy, (), ())
    signals = at_each(NOW, NOW, NOW)
    opened = judge_provider(empty, signals, Fleet(practices=3), None, NOW)
    (campaign,) = opened.incidents
    signals = [one._replace(campaign_id=campaign.incident_id) for one in signals]
    closing = campaign.model_copy(update={"closing": Closing(by="ada", at=NOW, because="false alarm")})
    closed = judge_provider(
        Record(empty.snapshot, policy, (closing,), opened.tickets), signals, Fleet(practices=3), None, NOW + TICK
    )
    assert [one.lasts for one in closed.incidents] == [False]
    assert to_be_told(signals, closed.incidents) == ended((closing,), closed.incidents) == frozenset()
    record = Record(empty.snapshot, policy, closed.incidents, closed.tickets)
    seen = judge_provider(record, signals if still else (), Fleet(practices=3), None, NOW + MINUTE)
    assert [one.lasts for one in seen.incidents] == [still]
    assert ended(closed.incidents, seen.incidents) == (frozenset() if still else {campaign.incident_id})
    assert bool(to_be_told(signals, seen.incidents)) is not still


def test_those_are_told_who_do_not_know_of_their_campaign_or_of_its_end() -> None:
    policy = Policy(practice_id=PROVIDER, practice="Provider")
    empty = Record(Snapshot(practice_id=PROVIDER), policy, (), ())
    signals = at_each(NOW, NOW, NOW)
    opened = judge_provider(empty, signals, Fleet(practices=3), None, NOW)
    assert to_be_told(signals, opened.incidents) == {UUID(int=n) for n in (1, 2, 3)}
    linked_to = [one._replace(campaign_id=opened.incidents[0].incident_id) for one in signals]
    assert to_be_told(linked_to, opened.incidents) == frozenset()
    record = Record(empty.snapshot, policy, opened.incidents, opened.tickets)
    over = judge_provider(record, linked_to, Fleet(practices=3), None, NOW + LONGEST)
    assert to_be_told(linked_to, over.incidents) == {UUID(int=n) for n in (1, 2, 3)}
