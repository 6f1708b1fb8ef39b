"""Why a deed was not done, as programs are told: the status, the field, a sentence and the way out."""

from collector.escalation.deeds import LONGEST_HOLD, Refusal
from collector.model.campaign import LONGEST_ALONE
from collector.problems import FieldError, Problem, ProblemError

_SENTENCES: dict[Refusal, tuple[int, str | None, str]] = {
    Refusal.RESOLVED: (409, None, "The incident is resolved: what is over is left as it was."),
    Refusal.NEEDS_TWO: (
        409,
        None,
        "An attack on many, and encryption anywhere, cannot be held back by one person. Create a silence and have "
        "somebody else approve it, or acknowledge the incident: that says who is at it.",
    ),
    Refusal.NOT_AHEAD: (422, "until", "must lie ahead"),
    Refusal.TOO_LONG: (
        422,
        "until",
        f"must be at most {LONGEST_HOLD.days} days away; what should rest for longer is a silence",
    ),
    Refusal.TOO_LONG_ALONE: (
        422,
        "until",
        f"must be at most {LONGEST_ALONE.total_seconds() / 3600:.0f} hours away for an attack on many, and for "
        "encryption anywhere, counted from its first acknowledgement; acknowledge it again once it has come back",
    ),
    Refusal.NOTHING_SAID: (422, "comment", "must say something"),
    Refusal.NOBODY: (422, "to", "must be an operator, or one of the people of escalation.yaml, by name"),
    Refusal.NO_CAMPAIGN: (422, "campaign_id", "must be the incident of a campaign that lasts"),
    Refusal.IS_CAMPAIGN: (409, None, "A campaign is not merged into another."),
}


def refused(refusal: Refusal, until: str = "until") -> ProblemError:
    """`until` is the field that said how long."""
    status, field, said = _SENTENCES[refusal]
    field = until if field == "until" else field
    return ProblemError(
        Problem(
            type=f"urn:vigie:{refusal.value}",
            title="The deed is refused",
            status=status,
            detail=f"{field}: {said}" if field else said,
            errors=[FieldError(field=field, message=said)] if field else [],
        )
    )
