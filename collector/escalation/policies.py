"""Which escalation policy an incident walks."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from collector.model.book import WATCH, Book, Route
from collector.model.campaign import CAMPAIGN, RANSOMWARE_SIGNATURE
from collector.model.escalation import EscalationPolicy
from collector.model.finding import Finding, Severity
from collector.model.incident import Incident
from collector.model.subject import PRACTICE, scopes


def policy_for(book: Book, severity: Severity, rule: str, labels: Mapping[str, str]) -> EscalationPolicy:
    """That of the first route which fits; without one a notice disturbs nobody, and the rest walks the default."""
    for route in book.routes:
        if _fits(route, severity, rule, labels):
            return book.policies[route.policy]
    return WATCH if severity is Severity.NOTICE else book.policies[book.default]


def heard(
    findings: Sequence[Finding], incidents: Iterable[Incident], book: Book, labels: Mapping[str, str]
) -> tuple[Finding, ...]:
    """Findings as they are to be told: whose speaker is told to nobody speaks for itself.

    That is so by the steps that the speaker's incident walks, which may be older than its route; if new, by its route.
    """
    walked = {(one.rule, one.subject): one.escalation for one in incidents if one.lasts}
    mute = {
        (one.rule, one.subject)
        for one in findings
        if not (walked.get((one.rule, one.subject)) or policy_for(book, one.severity, one.rule, labels)).steps
    }
    return tuple(
        one.model_copy(update={"inhibited_by": None})
        if any((one.inhibited_by, subject) in mute for subject in (*scopes(one.subject), PRACTICE))
        else one
        for one in findings
    )


def unheard(book: Book) -> Iterator[str]:
    """What takes two people to silence, and is told to nobody by one line of a file: allowed, and worth knowing."""
    for rule in (CAMPAIGN, RANSOMWARE_SIGNATURE):
        for route in book.routes:
            disturbs = book.policies[route.policy].steps or not route.labels
            if not disturbs and _fits(route, Severity.CRITICAL, rule, route.labels):
                yield f"by route {route.name} nobody hears of {rule}, critical though it is"
        if not policy_for(book, Severity.CRITICAL, rule, {}).steps:
            yield f"nobody hears of {rule}, critical though it is"


def _fits(route: Route, severity: Severity, rule: str, labels: Mapping[str, str]) -> bool:
    return (
        (not route.severities or severity in route.severities)
        and (not route.rules or rule in route.rules)
        and all(labels.get(label) == value for label, value in route.labels.items())
    )
