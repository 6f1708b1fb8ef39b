"""A GLPI that answers as its REST interface's documentation says (apirest.md): sessions, searches, errors as arrays."""

import html
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

USER_TOKEN, APP_TOKEN = "user-token-q56h", "app-token-f7g3"
US, PAUL = 27, 33
NAMES = {US: "vigie", PAUL: "paul"}
FIELDS = {2: "id", 12: "status", 19: "date_mod", 21: "content"}
DATE = "%Y-%m-%d %H:%M:%S"


@dataclass
class GlpiServer:
    """Its tables, and what people do to them."""

    closes_what_is_solved: bool = False
    calls_people: str = "{name} ({number})"
    forbids: str = ""  # a kind of sub items that the service user may not read
    tickets: dict[int, dict[str, Any]] = field(default_factory=dict)
    sub_items: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    sessions: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    now: datetime = datetime(2026, 11, 21, 19, 0)  # noqa: DTZ001 - GLPI tells no zone

    def __post_init__(self) -> None:
        self._numbers = count(11)

    def end_sessions(self) -> None:
        self.sessions.clear()

    def person_says(self, ticket: int, text: str) -> None:
        self.follow_up({"items_id": ticket, "content": text}, PAUL)

    def person_makes(self, ticket: int, status: int) -> None:
        self.change(ticket, {"status": status}, PAUL)

    def give(self, ticket: int, user: int, by: int) -> None:
        """A technician takes a ticket, or another gives it to them; a rule does so in the name of whoever made it."""
        self._add("Ticket_User", ticket, {"type": 2, "users_id": user})
        self._log(ticket, 0, "", self._called(user), by, "User")

    def texts(self, ticket: int) -> list[str]:
        said = [one for kind in ("ITILFollowup", "ITILSolution") for one in self.of(ticket, kind)]
        return [one["content"] for one in sorted(said, key=lambda one: one["id"])]

    def of(self, ticket: int, kind: str) -> list[dict[str, Any]]:
        return [one for one in self.sub_items.get(kind, []) if one["of"] == ticket]

    def create(self, fields: dict[str, Any]) -> int:
        number = next(self._numbers)
        self.tickets[number] = {"status": 1, "is_deleted": 0, **fields, "id": number, "date_mod": self._tick()}
        return number

    def change(self, ticket: int, fields: dict[str, Any], user: int) -> None:
        if "status" in fields:
            self._log(ticket, 12, str(self.tickets[ticket]["status"]), str(fields["status"]), user)
        self.tickets[ticket] |= fields

    def follow_up(self, fields: dict[str, Any], user: int) -> int:
        content = html.escape(fields["content"]) if user == PAUL else fields["content"]
        return self._add("ITILFollowup", fields["items_id"], {"users_id": user, "content": content})

    def solve(self, fields: dict[str, Any], user: int) -> int:
        self.change(fields["items_id"], {"status": 6 if self.closes_what_is_solved else 5}, user)
        return self._add("ITILSolution", fields["items_id"], {"users_id": user, "content": fields["content"]})

    def link(self, fields: dict[str, Any]) -> int:
        return self._add("Ticket_Ticket", fields["tickets_id_1"], fields)

    def _add(self, kind: str, ticket: int, fields: dict[str, Any]) -> int:
        number = next(self._numbers)
        self.sub_items.setdefault(kind, []).append({**fields, "id": number, "of": ticket})
        self.tickets[ticket]["date_mod"] = self._tick()
        return number

    def _log(self, ticket: int, option: int, old: str, new: str, user: int, of: str = "") -> None:
        line = {
            "user_name": self._called(user),
            "itemtype_link": of,
            "id_search_option": option,
            "old_value": old,
            "new_value": new,
        }
        self._add("Log", ticket, line)

    def _called(self, user: int) -> str:
        return self.calls_people.format(name=NAMES[user], number=user)

    def _tick(self) -> str:
        self.now += timedelta(seconds=1)
        return self.now.strftime(DATE)

    def search(self, asked: dict[str, str]) -> list[dict[str, Any]]:
        found = [one for one in self.tickets.values() if not one["is_deleted"] and self._fits(one, asked)]
        by = FIELDS[int(asked["sort"])]
        return sorted(found, key=lambda one: one[by], reverse=asked["order"] == "DESC")

    def _fits(self, ticket: dict[str, Any], asked: dict[str, str]) -> bool:
        for place in range(10):
            if (option := asked.get(f"criteria[{place}][field]")) is None:
                return True
            has, value = str(ticket[FIELDS[int(option)]]), asked[f"criteria[{place}][value]"]
            how = asked[f"criteria[{place}][searchtype]"]
            if not {"contains": value in has, "notequals": value != has, "morethan": has > value}[how]:
                return False
        return True


def glpi_app(server: GlpiServer) -> FastAPI:
    app = FastAPI(openapi_url=None)

    async def answer(request: Request, path: str) -> Response:
        server.asked.append(f"{request.method} {path}")
        if refused := await _refused(server, request, path):
            return refused
        if path == "initSession":
            token = f"session-{len(server.asked)}"
            server.sessions.add(token)
            return JSONResponse({"session_token": token})
        if request.method == "GET":
            return _got(server, path.split("/"), dict(request.query_params))
        return _changed(server, path.split("/"), (await request.json())["input"])

    app.add_api_route("/apirest.php/{path:path}", answer, methods=["GET", "POST", "PUT"], response_model=None)
    return app


async def _refused(server: GlpiServer, request: Request, path: str) -> Response | None:
    if request.headers.get("app-token") != APP_TOKEN:
        return error(400, "ERROR_WRONG_APP_TOKEN_PARAMETER")
    if request.method == "GET" and await request.body():
        return error(400, "ERROR_BAD_REQUEST")
    if path == "initSession":
        known = request.headers.get("authorization") == f"user_token {USER_TOKEN}"
        return None if known else error(401, "ERROR_GLPI_LOGIN_USER_TOKEN")
    if request.headers.get("session-token") not in server.sessions:
        return error(401, "ERROR_SESSION_TOKEN_INVALID")
    return None


def _got(server: GlpiServer, path: list[str], asked: dict[str, str]) -> Response:
    match path:
        case ["getFullSession"]:
            return JSONResponse({"session": {"glpiID": US, "glpiname": NAMES[US]}})
        case ["search", "Ticket"]:
            return _page(server, asked)
        case ["Ticket", number]:
            found = server.tickets.get(int(number))
            return JSONResponse(found) if found else error(404, "ERROR_ITEM_NOT_FOUND")
        case ["Ticket", number, _] if int(number) not in server.tickets:
            return error(404, "ERROR_ITEM_NOT_FOUND")
        case ["Ticket", number, kind] if kind == server.forbids:
            return error(403, "ERROR_RIGHT_MISSING")
        case ["Ticket", number, kind]:
            return JSONResponse(server.of(int(number), kind))
    return error(400, "ERROR_RESOURCE_NOT_FOUND_NOR_COMMONDBTM")


def _page(server: GlpiServer, asked: dict[str, str]) -> Response:
    rows = server.search(asked)
    first, last = (int(end) for end in asked["range"].split("-"))
    if first > len(rows):
        return error(400, "ERROR_RANGE_EXCEED_TOTAL")
    shown = [int(option) for name, option in asked.items() if name.startswith("forcedisplay")]
    page = [{str(option): row[FIELDS[option]] for option in shown} for row in rows[first : last + 1]]
    answer = {"totalcount": len(rows), "count": len(page), "sort": asked["sort"], "order": asked["order"]}
    return JSONResponse(answer | ({"data": page} if page else {}), 200 if len(page) == len(rows) else 206)


def _changed(server: GlpiServer, path: list[str], fields: dict[str, Any]) -> Response:
    match path:
        case ["Ticket"]:
            return _made(server.create(fields))
        case ["Ticket", number]:
            server.change(int(number), fields, US)
            return JSONResponse([{number: True, "message": ""}])
        case ["ITILFollowup"] if server.tickets[fields["items_id"]]["status"] == 6:
            return error(400, "ERROR_GLPI_ADD")
        case ["ITILFollowup"]:
            return _made(server.follow_up(fields, US))
        case ["ITILSolution"]:
            return _made(server.solve(fields, US))
        case ["Ticket_Ticket"]:
            return _made(server.link(fields))
    return error(400, "ERROR_RESOURCE_NOT_FOUND_NOR_COMMONDBTM")


def _made(number: int) -> Response:
    return JSONResponse({"id": number, "message": ""}, 201)


def error(status: int, code: str) -> Response:
    return JSONResponse([code, "something that people read; view documentation in your browser"], status)
