"""A request's body within its limits, inflated or not: a body, or a problem and nothing else."""

import asyncio
import gzip
import zlib
from collections.abc import Sequence
from uuid import UUID

import pytest
from starlette.requests import Request
from starlette.types import Message

from collector.intake import incoming
from collector.intake.body import SINGLE_LIMIT, Body, Reading, Shape
from collector.intake.incoming import BATCH_LIMIT, SMALL_BODY, Bodies
from collector.problems import ProblemError
from tests.factories import PRACTICE

OTHER = UUID(int=1)


def request(*chunks: bytes, **headers: str | bytes) -> Request:
    raw = [
        (name.replace("_", "-").encode(), value.encode("latin-1") if isinstance(value, str) else value)
        for name, value in headers.items()
    ]
    left = list(chunks)

    async def receive() -> Message:
        body = left.pop(0) if left else b""
        return {"type": "http.request", "body": body, "more_body": bool(left)}

    return Request({"type": "http", "method": "POST", "path": "/", "headers": raw}, receive)


async def read(sent: Request, bodies: Bodies | None = None) -> Body:
    return await Reading(sent.headers, sent.receive).whole(bodies or Bodies(), PRACTICE)


async def status(*chunks: bytes, **headers: str | bytes) -> int:
    try:
        await read(request(*chunks, **headers))
    except ProblemError as error:
        return error.problem.status
    return 202


def pieces(raw: bytes, size: int) -> Sequence[bytes]:
    return [raw[start : start + size] for start in range(0, len(raw), size)]


@pytest.mark.parametrize(
    ("raw", "content_type", "shape"),
    [
        (b"{}", "application/json", Shape.SINGLE),
        (b"", "", Shape.SINGLE),
        (b"[]", "application/json", Shape.ARRAY),
        (b" \r\n\t[]", "application/json; charset=utf-8", Shape.ARRAY),
        (b"[]", "", Shape.ARRAY),
        (b"{}\n{}", "application/x-ndjson", Shape.LINES),
        (b"{}\n{}", "Application/NDJSON; charset=utf-8", Shape.LINES),
        (b"[]", "application/jsonl", Shape.LINES),
        (b"{}", "text/plain; charset=iso-8859-1", Shape.SINGLE),
        (b"\xef\xbb\xbf[]", "application/json", Shape.SINGLE),
    ],
)
async def test_shape_is_said_by_the_type_or_the_first_character(raw: bytes, content_type: str, shape: Shape) -> None:
    assert await read(request(raw, content_type=content_type)) == Body(shape, raw)


@pytest.mark.parametrize("size", [1, 7, 10_000])
@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "GZIP "])
async def test_gzip_is_inflated_however_it_is_cut(encoding: str, size: int) -> None:
    raw = b'{"id": "' + b"x" * 3_000 + b'"}'
    assert (await read(request(*pieces(gzip.compress(raw), size), content_encoding=encoding))).raw == raw


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, gzip", "zstd"])
async def test_unknown_encoding_is_refused(encoding: str) -> None:
    assert await status(b"{}", content_encoding=encoding) == 415


SQUEEZED = gzip.compress(b"{}")


@pytest.mark.parametrize(
    "sent",
    [b"", b"{}", SQUEEZED[:-1], SQUEEZED[:5], SQUEEZED[:-8] + bytes(8), zlib.compress(b"{}"), SQUEEZED[4:]],
    ids=["empty", "plain", "truncated", "header only", "wrong checksum", "zlib", "no magic"],
)
async def test_what_is_not_whole_gzip_is_refused(sent: bytes) -> None:
    assert await status(sent, content_encoding="gzip") == 400


@pytest.mark.parametrize("rest", [gzip.compress(b'\n{"id": 2}'), b"trailing"], ids=["second-member", "garbage"])
@pytest.mark.parametrize("at_once", [True, False])
async def test_nothing_behind_the_first_gzip_member_is_dropped_silently(rest: bytes, *, at_once: bool) -> None:
    chunks = [SQUEEZED + rest] if at_once else [SQUEEZED, rest]
    sent = request(*chunks, content_encoding="gzip", content_type="application/x-ndjson")
    try:
        raw = (await read(sent)).raw
    except ProblemError as error:
        raw = error.problem.type.encode()
    assert raw in (b'{}\n{"id": 2}', b"urn:vigie:gzip")


@pytest.mark.parametrize(
    ("first", "size", "expected"),
    [
        (b"{", SINGLE_LIMIT, 202),
        (b"{", SINGLE_LIMIT + 1, 413),
        (b"[", SINGLE_LIMIT + 1, 202),
        (b"[", BATCH_LIMIT, 202),
        (b"[", BATCH_LIMIT + 1, 413),
    ],
)
@pytest.mark.parametrize("encoding", ["identity", "gzip"])
async def test_body_has_a_limit_by_its_shape(first: bytes, size: int, expected: int, encoding: str) -> None:
    raw = first + b" " * (size - 1)
    sent = gzip.compress(raw, 1) if encoding == "gzip" else raw
    assert await status(*pieces(sent, 65_536), content_encoding=encoding) == expected


async def test_gzip_bomb_is_refused_without_being_inflated() -> None:
    bomb = gzip.compress(bytes(200 * 1024 * 1024), 1)
    reading = request(*pieces(bomb, 4_096), content_encoding="gzip")
    with pytest.raises(ProblemError) as refused:
        await read(reading)
    assert refused.value.problem.status == 413
    assert (await reading.receive())["more_body"]  # most of it was never read


async def test_body_that_declares_too_much_is_refused_unread() -> None:
    declared = request(b"{}", content_length=str(BATCH_LIMIT + 1))
    with pytest.raises(ProblemError) as refused:
        await read(declared)
    assert refused.value.problem.status == 413
    assert (await declared.receive())["body"] == b"{}"


@pytest.mark.parametrize("declared", ["2", "", "-1", "many", "0x10"])
async def test_declared_length_is_only_a_hint(declared: str) -> None:
    assert await status(b"{}", content_length=declared) == 202


async def test_superscript_is_no_length() -> None:
    assert await status(b"{}", content_length=b"\xb2") == 202


@pytest.mark.parametrize(
    "begin",
    [SQUEEZED, b"\x1f\x8b\x08\x08" + bytes(6)],  # a whole stream; a header whose file name never ends
    ids=["behind the end", "in the header"],
)
async def test_gzip_that_gives_nothing_is_not_read_for_ever(begin: bytes) -> None:
    reading = request(begin, *[b"x" * 65_536] * (2 * BATCH_LIMIT // 65_536), content_encoding="gzip")
    with pytest.raises(ProblemError) as refused:
        await read(reading)
    assert refused.value.problem.status in (400, 413)
    assert (await reading.receive())["more_body"]


def never_ending(*chunks: bytes) -> Request:
    """A client that sends so much, and then nothing."""
    left = list(chunks)

    async def receive() -> Message:
        if not left:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": left.pop(0), "more_body": True}

    return Request({"type": "http", "method": "POST", "path": "/", "headers": []}, receive)


@pytest.mark.parametrize("chunks", [(), (b"{",)], ids=["nothing", "half"])
@pytest.mark.parametrize("patience", ["IDLE_S", "WHOLE_S"])
async def test_body_that_does_not_come_in_time_is_refused_and_the_connection_closed(
    monkeypatch: pytest.MonkeyPatch, patience: str, chunks: tuple[bytes, ...]
) -> None:
    monkeypatch.setattr(incoming, patience, 0.01)
    bodies = Bodies()
    with pytest.raises(ProblemError) as refused:
        await read(never_ending(*chunks), bodies)
    assert (refused.value.problem.status, refused.value.headers) == (408, {"Connection": "close"})
    assert bodies.held == 0


async def test_a_trickle_is_bounded_by_the_time_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte comes well in time."""
    monkeypatch.setattr(incoming, "WHOLE_S", 0.05)

    async def receive() -> Message:
        await asyncio.sleep(0.001)
        return {"type": "http.request", "body": b" ", "more_body": True}

    with pytest.raises(ProblemError) as refused:
        await read(Request({"type": "http", "method": "POST", "path": "/", "headers": []}, receive))
    assert refused.value.problem.type == "urn:vigie:too_slow"


async def test_a_client_that_goes_away_leaves_nothing_behind() -> None:
    bodies = Bodies()
    messages: list[Message] = [
        {"type": "http.request", "body": b"[", "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive() -> Message:
        return messages.pop(0)

    with pytest.raises(ProblemError) as refused:
        await read(Request({"type": "http", "method": "POST", "path": "/", "headers": []}, receive), bodies)
    assert refused.value.problem.type == "urn:vigie:disconnected"
    assert bodies.held == 0


@pytest.mark.parametrize(("size", "expected"), [(SMALL_BODY, "read"), (10_000, "read"), (10_001, "503, again in 2")])
@pytest.mark.parametrize("encoding", ["identity", "gzip"])
async def test_all_bodies_together_are_bounded_by_what_they_are_inflated(
    size: int, expected: str, encoding: str
) -> None:
    bodies = Bodies(100_000)
    bodies.hold(OTHER, 90_000)
    raw = b"x" * size
    sent = request(gzip.compress(raw) if encoding == "gzip" else raw, content_encoding=encoding)
    try:
        seen = "read" if (await read(sent, bodies)).raw == raw else "wrong"
    except ProblemError as error:
        seen = f"{error.problem.status}, again in {error.headers['Retry-After']}"
    assert (seen, bodies.held) == (expected, 90_000)


@pytest.mark.parametrize(("practice", "held"), [(PRACTICE, False), (OTHER, True)], ids=["its own", "another"])
async def test_one_practice_cannot_hold_the_room_of_all(practice: UUID, *, held: bool) -> None:
    bodies = Bodies()
    bodies.hold(PRACTICE, BATCH_LIMIT)
    if held:
        bodies.hold(practice, BATCH_LIMIT)
    else:
        with pytest.raises(ProblemError):
            bodies.hold(practice, SMALL_BODY + 1)
    bodies.release(PRACTICE, BATCH_LIMIT)
    bodies.hold(PRACTICE, SMALL_BODY + 1)


@pytest.mark.parametrize(("pieces_of", "fits"), [([SMALL_BODY], True), ([1] * 50, True), ([SMALL_BODY, 1], False)])
async def test_a_small_body_is_let_in_whatever_large_ones_hold(pieces_of: list[int], *, fits: bool) -> None:
    bodies = Bodies()
    for number in range(incoming.BODIES_LIMIT // BATCH_LIMIT):
        bodies.hold(UUID(int=number), BATCH_LIMIT)
    sent = request(*(b" " * size for size in pieces_of))
    try:
        seen = len((await read(sent, bodies)).raw) == sum(pieces_of)
    except ProblemError:
        seen = False
    assert (seen, bodies.held) == (fits, incoming.BODIES_LIMIT)
