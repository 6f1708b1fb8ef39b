"""What every route needs of its process: made when the application starts, found in the request's state."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import Depends, Request

from api.pages import Pages
from collector.store.connect import Pool

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Desk:
    pool: Pool
    pages: Pages
    public_url: str
    session_lifetime: timedelta
    secure_cookies: bool
    now: Clock

    def status_page(self, link: str | None) -> str | None:
        return f"{self.public_url.rstrip('/')}/status/{link}" if link else None


def desk_of(request: Request) -> Desk:
    desk: Desk = request.state.desk
    return desk


AtDesk = Annotated[Desk, Depends(desk_of)]
