"""Messages that a channel holds for long, or that were given up: somebody was not told.

It ends when none is left: each was taken in the end, or dropped by somebody who says why. Messages about an
undelivered finding itself do not count. A channel that takes nothing would else bury the word of its own burials, and
that word's resolution, without end.
"""

from collections.abc import Iterable

from collector.model.finding import Evaluation, Finding, Severity
from collector.model.rule_settings import Undelivered
from collector.model.subject import Subject
from collector.model.undelivered import UNDELIVERED, DeadLetters


def channel_subject(channel: str) -> Subject:
    return Subject(f"channel:{channel}")


def check(letters: Iterable[DeadLetters], setting: Undelivered) -> Evaluation:
    """One finding a channel; a later letter changes its facts alone, and its reason once the first is given up."""
    if not setting.enabled:
        return Evaluation()
    return Evaluation(findings=tuple(_found(one, setting) for one in letters))


def _found(letters: DeadLetters, setting: Undelivered) -> Finding:
    subject = channel_subject(letters.channel)
    return Finding(
        rule=UNDELIVERED,
        subject=subject,
        root=subject,
        severity=setting.severity or Severity.CRITICAL,
        reason="held" if letters.held else "given_up",
        since=letters.since,
        facts={
            "channel": letters.channel,
            "count": str(letters.count),
            "since": letters.since.isoformat(),
            "error": letters.error,
        },
    )
