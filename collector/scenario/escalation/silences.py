"""Silences of a story, as people ask for them, approve and end them."""

from pydantic import ValidationError

from collector.configuration.hours import days_of
from collector.model.silence import Scope, Silence, Weekly, same_person
from collector.scenario.escalation.happenings import Approved, Silenced, Unsilenced
from collector.scenario.escalation.stage import Placed, named_id
from collector.scenario.stage import PRACTICE_ID, MisplacedError

# As collector/silences.py calls them.
SAME_PERSON = "same_person"
OVER = "over"


def silence_of(event: Silenced, placed: Placed, zone: str) -> Silence:
    """Raises MisplacedError for one that nobody could ask for."""
    try:
        return Silence(
            silence_id=named_id(event.silence),
            scope=_scope(event),
            since=placed.at,
            until=placed.until or placed.at,
            weekly=_weekly(event, zone),
            reason=event.silence,
            by=event.by,
            approved_by=event.approved_by,
        )
    except ValidationError as error:
        said = "; ".join(one["msg"].removeprefix("Value error, ") for one in error.errors())
        raise MisplacedError(placed.steps, said) from None


def _scope(event: Silenced) -> Scope:
    everywhere = (event.rule or event.labels) and not event.endpoint
    return Scope(
        practice_id=None if everywhere else PRACTICE_ID,
        labels=event.labels,
        rule=event.rule,
        endpoint_id=named_id(event.endpoint) if event.endpoint else None,
    )


def _weekly(event: Silenced, zone: str) -> Weekly | None:
    if event.weekly is None:
        return None
    days = frozenset(days_of(event.weekly.days))
    return Weekly(zone=zone, days=days, opens=event.weekly.opens, lasts=event.weekly.lasts)


def changed(silence: Silence, placed: Placed) -> Silence | str:
    """Once somebody has approved or ended it; the refusal, where it is one."""
    match placed.event:
        case Approved() if silence.ended_at or silence.until <= placed.at:
            return OVER
        case Approved(by=by) if same_person(silence.by, by):
            return SAME_PERSON
        case Approved(by=by):
            return silence.model_copy(update={"approved_by": silence.approved_by or by})
        case Unsilenced(by=by) if silence.ended_at is None:
            return silence.model_copy(update={"ended_at": placed.at, "ended_by": by})
    return silence
