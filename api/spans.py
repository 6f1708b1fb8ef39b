"""How long something rests, as forms offer it."""

from datetime import timedelta
from enum import StrEnum

from collector.model.campaign import LONGEST_ALONE
from collector.model.duration import parse_duration


class Span(StrEnum):
    """Until soon, over the day, over the weekend, over a week."""

    HOUR = "1h"
    HOURS = "4h"
    DAY = "24h"
    WEEKEND = "72h"
    WEEK = "7d"

    @property
    def length(self) -> timedelta:
        return parse_duration(self.value)


# What is never refused, whatever the incident.
SPANS_ALONE = tuple(span for span in Span if span.length <= LONGEST_ALONE)
