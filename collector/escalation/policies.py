"""Which escalation policy an incident walks."""

from collections.abc import Mapping

from collector.model.book import WATCH, Book, Route
from collector.model.escalation import EscalationPolicy
from collector.model.finding import Severity


def policy_for(book: Book, severity: Severity, rule: str, labels: Mapping[str, str]) -> EscalationPolicy:
    """That of the first route which fits; without one a notice disturbs nobody, and the rest walks the default."""
    for route in book.routes:
        if _fits(route, severity, rule, labels):
            return book.policies[route.policy]
    return WATCH if severity is Severity.NOTICE else book.policies[book.default]


def _fits(route: Route, severity: Severity, rule: str, labels: Mapping[str, str]) -> bool:
    return (
        (not route.severities or severity in route.severities)
        and (not route.rules or rule in route.rules)
        and all(labels.get(label) == value for label, value in route.labels.items())
    )
