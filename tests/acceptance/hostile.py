"""Ten thousand ways to knock at the door: each kind a function of a random source and a practice's key."""

import gzip
import json
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import product
from random import Random
from typing import Any

from tests.acceptance.mutation import Path, paths, put, rich, values

URL = "/v1/heartbeats"


@dataclass(frozen=True)
class Knock:
    """One request as it goes over the wire, and its body in clear where the door could take it."""

    kind: str
    sent: bytes
    body: bytes = b""
    lines: bool = False
    cut: bool = False
    tells: bool = False  # a ping of a run
    source: str = "127.0.0.1"

    @property
    def items(self) -> list[bytes]:
        """What the body holds, told apart by another parser than the door's."""
        if self.lines:
            return [line for line in self.body.splitlines() if line.strip()]
        read = json.loads(self.body.decode())
        return [json.dumps(one).encode() for one in (read if isinstance(read, list) else [read])]


@dataclass(frozen=True)
class Knocker:
    """Who knocks: the practice's key, a key of its scripts, a job's ping address where there are such."""

    key: str
    pings: Sequence[str] = ()


Kind = Callable[[Random, Knocker], Knock]


def somewhere(random: Random) -> str:
    """Guessing keys is held against an address: what looks like it comes from one of its own."""
    return f"127.{random.randrange(1, 255)}.{random.randrange(255)}.{random.randrange(1, 255)}"


def wire(method: str, target: str, headers: dict[str, str], body: bytes) -> bytes:
    lines = [f"{method} {target} HTTP/1.1", "Host: collector", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogatepass") + body


def post(
    kind: str, who: Knocker, body: bytes, more: Mapping[str, str] | None = None, *, sent: bytes | None = None
) -> Knock:
    """A body for the heartbeats' address; `sent` is what goes over the wire in its place."""
    raw = body if sent is None else sent
    headers = {"Authorization": f"Bearer {who.key}", "Content-Length": str(len(raw))} | dict(more or {})
    lines = "ndjson" in headers.get("Content-Type", "")
    return Knock(kind, wire("POST", URL, headers, raw), body, lines)


def text(value: object) -> bytes:
    return json.dumps(value).encode()


def mutant(random: Random, times: int = 1) -> Any:
    beat: Any = rich(random)
    for _ in range(times):
        if isinstance(beat, dict):
            beat = put(beat, random.choice(list(paths(beat))), random.choice(values(datetime.now(UTC))))
    return beat


def several(random: Random, who: Knocker) -> Knock:
    return post("several wrong values", who, text(mutant(random, random.randrange(2, 6))))


def batch(random: Random, who: Knocker) -> Knock:
    beats = [mutant(random, random.choice((0, 0, 0, 1, 2))) for _ in range(random.randrange(13))]
    return post("array of good and bad", who, text(beats))


def twins(random: Random, who: Knocker) -> Knock:
    """One id twice in a batch: the first counts."""
    beats = [rich(random) for _ in range(3)]
    beats[2]["id"] = random.choice((beats[0]["id"], beats[0]["id"].upper()))
    return post("one id twice", who, text(beats))


_GARBAGE = (b"", b" ", b"\t", b"{}", b"null", b"[]", b"{", b'"', b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"]", b"nul")


def lines(random: Random, who: Knocker) -> Knock:
    beats = [text(mutant(random, random.choice((0, 0, 1)))) for _ in range(random.randrange(1, 9))]
    beats.insert(random.randrange(len(beats) + 1), random.choice(_GARBAGE))
    if random.random() < 0.3:
        beats[-1] = beats[-1][: random.randrange(len(beats[-1]) + 1)]
    body = random.choice((b"\n", b"\r\n", b"\n\n", b"\r", b"\n \n")).join(beats)
    return post("lines", who, body, {"Content-Type": "application/x-ndjson"})


def zipped(random: Random, who: Knocker) -> Knock:
    body = text([rich(random) for _ in range(3)])
    packed = gzip.compress(body)
    at = random.randrange(len(packed))
    flipped = packed[:at] + bytes([packed[at] ^ (1 << random.randrange(8))]) + packed[at + 1 :]
    sent = random.choice(
        [
            packed, packed[:at], flipped, packed + packed, packed + b"\0" * at, packed + b"x", gzip.compress(packed),
            b"", packed[:10], zlib.compress(body), body, gzip.compress(b""), packed[:-4] + b"\0\0\0\0",
        ]
    )  # fmt: skip
    return post("gzip, broken", who, body, {"Content-Encoding": random.choice(("gzip", "x-gzip", "GZIP"))}, sent=sent)


_BOMBS = [
    gzip.compress(fill * (size * 2**20 // len(fill)), 9)
    for fill in (b" ", b"[", b"\0", b'{"a":', b"[1,", b'["",')
    for size in (1, 7, 8, 9, 64)
]


def bomb(random: Random, who: Knocker) -> Knock:
    sent = random.choice(_BOMBS)
    kind = random.choice(("application/json", "application/x-ndjson"))
    return post("gzip, a bomb", who, b"", {"Content-Encoding": "gzip", "Content-Type": kind}, sent=sent)


def nested(random: Random, who: Knocker) -> Knock:
    depth = random.choice((10, 100, *range(120, 260, 20), *range(880, 1_010, 7), 5_000, 40_000))
    opened, closed = random.choice(((b"[", b"]"), (b'{"a":', b"}"), (b'{"backups":[', b"]}")))
    deep = opened * depth + random.choice((b"", b"1", b"{}")) + closed * random.choice((depth, depth - 1, 0))
    around = random.choice((b"%s", b"[%s]", b"[{},%s]", b'{"unknown":%s}', b'[{"endpoint":%s}]'))
    return post("deep nesting", who, around.replace(b"%s", deep))


def nested_in_valid(random: Random, who: Knocker) -> Knock:
    """Unknown fields are ignored, however deep."""
    depth = random.choice((10, 100, 150, 190, 200, 210, 900, 980, 990, 5_000))
    deep = b"[" * depth + b"]" * depth
    body = text(rich(random))[:-1] + b',"unknown":' + deep + b"}"
    return post("deep nesting", who, random.choice((body, b"[" + body + b"]", b"[" + body + b",{}]")))


_LITERALS = [
    b"1e400", b"-1e400", b"1" + b"0" * 5_000, b"-" + b"9" * 5_000, b"9" * 4_300, b"9" * 4_301, b"0." + b"1" * 5_000,
    b"1e-400", b"1E+2", b"1e99999999999999999999", b"-0", b"-0.0", b"NaN", b"Infinity", b"-Infinity", b"0x10", b"01",
    b"+1", b".5", b"1.", b"1e", b"1_000", b"0b1", b"True", b"None", b"undefined", b"'a'", b"1 2", b"//", b"/**/1",
    b"18446744073709551616", b"9223372036854775807.0", b'"\\u0000"', b'"\\ud800"', b'"\\x41"', b'"\\u12"', b'"\x01"',
    b'"\t"',
]  # fmt: skip


def literal(random: Random, who: Knocker) -> Knock:
    """A number or a word that JSON cannot hold, or hardly, at any place."""
    mark = "\x01here\x01"
    beat = rich(random) | {"unknown": {"also": [1]}}
    body = text(put(beat, random.choice(list(paths(beat))[1:]), mark)).replace(text(mark), random.choice(_LITERALS))
    return post(
        "odd literals", who, random.choice((body, b"[" + body + b"]", b"[" + text(rich(random)) + b"," + body + b"]"))
    )


def duplicated(random: Random, who: Knocker) -> Knock:
    """A key twice in one object: the last counts."""
    beat = rich(random)
    held = random.choice([path for path in paths(beat) if path and isinstance(path[-1], str)])
    key, mark = held[-1], "\x01twice\x01"
    other = random.choice(values(datetime.now(UTC)))
    first = "null" if type(other) is object else json.dumps(other)
    marked = json.dumps(put(beat, (*held[:-1], mark), "")).replace(f'{json.dumps(mark)}: ""', f'"{key}": {first}')
    return post("a key twice", who, random.choice((marked, f"[{marked}]")).encode())


_OVERLONG = (b"\xc0\x80", b"\xc0\xaf", b"\xe0\x80\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xff", b"\xc3", b"\x80")


def charset(random: Random, who: Knocker) -> Knock:
    beat = put(rich(random), ("endpoint", "name"), "Cabinet d’été №1")
    written = json.dumps(random.choice((beat, [beat])), ensure_ascii=False)
    encoded = [written.encode(name, "replace") for name in ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1")]
    encoded += [written.encode("utf-8-sig"), written.replace("№", "\0").encode(), written.encode("utf-7")]
    encoded += [written.encode().replace("№".encode(), bad) for bad in _OVERLONG]
    declared = random.choice(("application/json", "application/json; charset=utf-16", 'text/json; charset="latin1"'))
    return post("another charset", who, random.choice(encoded), {"Content-Type": declared})


def noise(random: Random, who: Knocker) -> Knock:
    """Bytes of a valid body changed, dropped or inserted."""
    body = bytearray(text(random.choice((rich(random), [rich(random), rich(random)]))))
    for _ in range(random.choice((1, 1, 2, 5, 30))):
        at = random.randrange(len(body) or 1)
        match random.randrange(4):
            case 0:
                body[at : at + 1] = bytes([random.randrange(256)])
            case 1:
                del body[at : at + random.randrange(1, 20)]
            case 2:
                body[at:at] = random.choice((b"\0", b"\\", b'"', b"}", b"]", b",", b"\xff", b"e9", b"-", b"\\ud800"))
            case _:
                body = body[: at + 1]
    return post("noise", who, bytes(body))


_SIZES: list[Callable[[Random], bytes]] = [
    lambda _: b"", lambda _: b" \r\n\t", lambda _: b"[]", lambda _: b"{}", lambda _: b"null", lambda _: b'""',
    lambda _: b"0",    lambda _: b"[" + b",".join([b"{}"] * 1_000) + b"]",
    lambda _: b"[" + b",".join([b"{}"] * 1_001) + b"]",
    lambda _: b"[" + b"{}," * 300_000 + b"{}]",
    lambda r: b"[" + b",".join([text(rich(r))] * 1_001) + b"]",
    lambda r: text(rich(r)) + b" " * 300_000,
    lambda r: b" " * 300_000 + text([rich(r)]),
    lambda r: text(rich(r) | {"unknown": "x" * 300_000}),
    lambda r: text([rich(r) | {"unknown": "x" * 2_000_000}]),
    lambda r: text([rich(r) | {"unknown": "x" * 8_400_000}]),
    lambda r: text(put(rich(r), ("patches", "missing"), [{"id": "x", "severity": "low"}] * 5_001)),
    lambda r: text([put(rich(r), ("patches", "missing"), [{"id": "x", "severity": "low"}] * 5_000)]),
    lambda r: text([put(rich(r), ("alerts",), [{}] * 20_000)]),
    lambda _: text([{f"key {n}": n for n in range(50_000)}]),
]  # fmt: skip


def sizes(random: Random, who: Knocker) -> Knock:
    return post("sizes", who, random.choice(_SIZES)(random))


def everywhere(random: Random, count: int) -> Iterator[Kind]:
    """Every hostile value at every place of a rich heartbeat, or as many of these as are wanted."""
    pairs = list(product(paths(rich(random)), values(datetime.now(UTC))))
    random.shuffle(pairs)
    for path, value in (pairs * (count // len(pairs) + 1))[:count]:
        yield partial(one_wrong, path, value)


def one_wrong(path: Path, value: object, random: Random, who: Knocker) -> Knock:
    return post("one wrong value", who, text(put(rich(random), path, value)))


def resend(knock: Knock) -> Knock:
    """The same again."""
    return Knock("the same again", knock.sent, knock.body, knock.lines)
