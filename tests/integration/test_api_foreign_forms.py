"""A form that another site has an operator's browser send: refused by every route that changes something."""

import json
from typing import Final
from uuid import UUID

import pytest
from fastapi.routing import iter_route_contexts

from api.app import create_app
from tests.integration.api_fleet import HOUR, NOW, settings
from tests.integration.browsing import Browser, csrf_in

SILENCE = UUID(int=1)
SILENCES: Final = "/noc/silences"
# A form of each route that it takes, but for whose it is.
FORMS = {
    "/sign-out": {},
    "/noc/incidents/{incident_id}/{deed}": {"words": "cable"},
    SILENCES: {"silence_id": str(UUID(int=2)), "practice": "Cabinet A", "reason": "server moves", "step": "begin"},
    SILENCES + "/{silence_id}/approve": {},
    SILENCES + "/{silence_id}/end": {},
}
FOREIGN: list[dict[str, str]] = [{}, {"csrf": ""}, {"csrf": "0" * 64}, {"csrf": "é"}]


def routes_that_change() -> list[str]:
    """But for the door: before there is a session there is no secret to share."""
    routes = iter_route_contexts(create_app(settings("postgresql://nowhere")).routes)
    ours = [one.path for one in routes if one.path and (one.methods or set()) - {"GET", "HEAD"}]
    return [path for path in ours if not path.startswith("/v1/") and path != "/sign-in"]


async def stored(browser: Browser) -> list[str]:
    """All that a form can change, and the audit of it."""
    tables = ("incident", "incident_event", "silence", "operator_session", "audit")
    every = " UNION ALL ".join(f"SELECT '{one} ' || row_to_json({one}) FROM {one}" for one in tables)  # noqa: S608
    return sorted(row[0] for row in await browser.database.owner.fetch(every))


def test_every_route_that_changes_something_is_tried() -> None:
    assert sorted(FORMS) == sorted(routes_that_change())


@pytest.mark.parametrize("route", FORMS)
async def test_a_foreign_form_is_refused_and_changes_nothing(browser: Browser, route: str) -> None:
    await browser.database.owner.execute(
        "INSERT INTO silence VALUES ($1, $2::jsonb, $3, $4, NULL, 'server moves', 'Bob')",
        SILENCE, json.dumps({"practice_id": str(browser.practice_id)}), NOW - HOUR, NOW + HOUR,
    )  # fmt: skip
    path = route.format(incident_id=browser.incident_id, deed="comment", silence_id=SILENCE)
    own = csrf_in((await browser.see()).text)
    before = await stored(browser)
    for foreign in FOREIGN:
        assert (await browser.client.post(path, data=FORMS[route] | foreign)).status_code == 403
    assert await stored(browser) == before
    assert (await browser.client.post(path, data=FORMS[route] | {"csrf": own})).status_code == 303
    assert await stored(browser) != before, "the very form does something where it is ours"


async def test_a_secret_that_no_utf_8_can_say_is_refused(browser: Browser) -> None:
    """Half of a pair of UTF-16, alone: a form can hold it, whose sender chooses how it is read."""
    body = b'--b\r\nContent-Disposition: form-data; name="csrf"\r\n\r\n+2AA-\r\n--b--\r\n'
    media_type = "multipart/form-data; boundary=b; charset=utf-7"
    answer = await browser.client.post("/sign-out", content=body, headers={"Content-Type": media_type})
    assert answer.status_code == 403
