"""What is hostile around a body: headers, framing, addresses, keys, pings."""

from random import Random

from tests.acceptance.hostile import URL, Knock, Knocker, post, somewhere, text, wire
from tests.acceptance.mutation import rich

_CONTENT_TYPES = (
    "", ";", "text/plain", "application/json;charset=\"", "application/x-ndjson;;;", "APPLICATION/JSONL", "*/*",
    "a/b/c", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded", "application/json" * 500,
    "\xff\xfe", "é",
)  # fmt: skip
_ENCODINGS = ("", "br", "deflate", "gzip, gzip", "identity", "IDENTITY", "gzip;q=0", "\xff", "x" * 5_000, "gzip\t")
_DATES = (
    "Sat, 99999999999999999999 Nov 2026 21:00:00 GMT", "Sat, 21 Nov 99999999999999999999 21:00:00 GMT",
    "Sat, 21 Nov 2026 21:00:00 +99999999999999", "Sat, 21 Nov 2026 21:00:00 +9999", "Sat, 21 Nov 2026 25:61:61 GMT",
    "Sat, 30 Feb 2026 21:00:00 GMT", "Mon, 01 Jan 0001 00:00:00 +2359", "Fri, 31 Dec 9999 23:59:59 -2359", "0", "-",
    ",", "0 0 0", "1 2 3 4 5", "Sat,", "Sat, 21 Nov", "Thu, 01 Jan 1970 00:00:00 GMT", "21 Nov 26 21:00 GMT", "\xff",
    "x" * 3_000, "9" * 5_000, "Sat, 21 Nov 2026 " + ":" * 50, "Sat, 21 Nov 2026 1:2:3:4 GMT",
    "Sat, 21 Nov 2026 21.00.00 GMT", "Sat, 21 Nov 2026 21:00:99999999999999999999 GMT", "Sat, 21-Nov-2026 21:00:00",
    "(((((", "Sat, 21 Nov -1 21:00:00 GMT",
)  # fmt: skip


def headers(random: Random, who: Knocker) -> Knock:
    name, choices = random.choice(
        (("Content-Type", _CONTENT_TYPES), ("Content-Encoding", _ENCODINGS), ("Date", _DATES), ("Date", _DATES))
    )
    body = text(random.choice((rich(random), [rich(random)])))
    return post("odd headers", who, body, {name: random.choice(choices)})


def keys(random: Random, who: Knocker) -> Knock:
    """Not one of these opens the door."""
    holder, key_id, secret = who.key.split("_")
    wrong = f"{holder}_{key_id}_{'0' * 64}"
    claims = [
        "", "Bearer", "Bearer ", f"Basic {who.key}", f"Bearer {wrong}", f"Bearer vgs_{key_id}_{secret}",
        f"Bearer vgo_{key_id}_{secret}", f"Bearer {who.key}0", f"Bearer {who.key[:-1]}", f"Bearer {who.key.upper()}",
        f"Bearer vgp_{'0' * 16}_{secret}", f"Bearer {who.key},{who.key}", "Bearer \xff\xfe", "Bearer " + "x" * 20_000,
        f"Bearer {who.key}é", "Bearer vgp_%00_%00", f"Bearer vgp_{random.randrange(16**16):016x}_{secret}",
        "Bearer 0b6e8a52-7f43-4a37-9d3c-0d7d64a1c001", "Bearer ０b6e8a52", "Digest username=\"x\"",
    ]  # fmt: skip
    claim = random.choice(claims)
    knock = post("odd keys", who, text(rich(random)), {"Authorization": claim})
    return Knock(knock.kind, knock.sent, knock.body, source=somewhere(random))


def framing(random: Random, who: Knocker) -> Knock:
    """A message whose end is not where it says, or that does not end."""
    body = text(rich(random))
    unended = random.random() < 0.5
    more, sent = random.choice((_unended if unended else _ended)(body, random.randrange(len(body))))
    given = {"Authorization": f"Bearer {who.key}"} | more
    return Knock("odd framing", wire("POST", URL, given, sent), body, cut=unended)


Framed = list[tuple[dict[str, str], bytes]]


def _unended(body: bytes, at: int) -> Framed:
    chunk = b"%x\r\n%s\r\n" % (len(body), body)
    return [
        ({"Content-Length": str(len(body) + 10)}, body),
        ({"Content-Length": str(len(body))}, body[:at]),
        ({"Content-Length": "99999999"}, body),
        ({"Transfer-Encoding": "chunked"}, chunk),
        ({"Transfer-Encoding": "chunked"}, chunk[:at]),
        ({"Transfer-Encoding": "chunked"}, b"fffffff\r\n" + body),
    ]


def _ended(body: bytes, at: int) -> Framed:
    length = len(body)
    chunk = b"%x\r\n%s\r\n" % (length, body)
    return [
        ({"Content-Length": str(length - 10)}, body),
        ({"Content-Length": "-1"}, body),
        ({"Content-Length": "1" * 40}, body),
        ({"Content-Length": "0x10"}, body),
        ({"Content-Length": f"{length}, {length + 1}"}, body),
        ({"Content-Length": f"+{length}"}, body),
        ({}, body),
        ({"Content-Length": str(length), "Transfer-Encoding": "chunked"}, chunk + b"0\r\n\r\n"),
        ({"Transfer-Encoding": "chunked"}, chunk + b"0\r\n\r\n"),
        ({"Transfer-Encoding": "chunked"}, b"%x;ext=1\r\n%s\r\n0\r\nTrailer: x\r\n\r\n" % (length, body)),
        ({"Transfer-Encoding": "chunked"}, b"zz\r\n" + body),
        ({"Transfer-Encoding": "chunked"}, b"-5\r\n" + body),
        ({"Transfer-Encoding": "chunked"}, b"f" * 20 + b"\r\n" + body),
        ({"Transfer-Encoding": "chunked"}, b"".join(b"1\r\n%c\r\n" % one for one in body) + b"0\r\n\r\n"),
        ({"Transfer-Encoding": "chunked"}, b"%x\r\n%s\r\n" % (at + 1, body[: at + 1]) + b"0\r\n\r\n"),
        ({"Transfer-Encoding": "identity"}, body),
        ({"Expect": "100-continue", "Content-Length": str(length)}, body),
        ({"Expect": "200-ok", "Content-Length": str(length)}, body),
        ({"Upgrade": "websocket", "Connection": "Upgrade", "Content-Length": str(length)}, body),
        ({"Upgrade": "h2c", "HTTP2-Settings": "AAMAAABkAAQCAAAAAAIAAAAA", "Content-Length": str(length)}, body),
    ]


_TARGETS = (
    "/", "//", "/v1", "/v1/", "/v1/heartbeats/", "/v1/heartbeats/x", "/v1/heartbeats?x=%00", "/v1/heartbeats?%ff=%ff",
    "/V1/heartbeats", "/v1/heartbeats#x", "/v1/%68eartbeats", "/v1/heartbeats/../heartbeats", "/v1/heartbeats%00",
    "/v1/heartbeats;x", "/v1//heartbeats", "http://collector/v1/heartbeats", "*", "/%", "/%zz", "/\xff", "/é",
    "/" + "a" * 8_000, "/openapi.json", "/livez", "/readyz", "/metrics", "/docs", "/?" + "a=b&" * 1_500,
    "/v1/heartbeats?" + "x" * 20_000, "/v1/endpoints",
)  # fmt: skip
_METHODS = (
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "DELETE",
    "PATCH",
    "OPTIONS",
    "TRACE",
    "CONNECT",
    "PROPFIND",
    "BREW",
    "post",
    "",
)


def targets(random: Random, who: Knocker) -> Knock:
    body = b"{}" if random.random() < 0.5 else b""
    given = {"Authorization": f"Bearer {who.key}", "Content-Length": str(len(body))}
    method, target = random.choice(_METHODS), random.choice(_TARGETS)
    return Knock("odd addresses", wire(method, target, given, body))


def garbage(random: Random, who: Knocker) -> Knock:
    """Not HTTP at all, or hardly."""
    sent = random.choice(
        (
            b"\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n",
            b"GET / HTTP/1.0\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"POST /v1/heartbeats HTTP/1.1\r\n",
            b"GET /livez HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"GET /livez HTTP/1.1\r\n\r\n", b"\0" * 5_000,
            b"GET /livez HTTP/1.1\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(2_000)) + b"\r\n",
            b"GET /livez HTTP/1.1\r\nX: " + b"y" * 200_000 + b"\r\n\r\n", b"GET /livez HTTP/1.1\r\n X: folded\r\n\r\n",
            b"GET /livez HTTP/1.1\r\nX : y\r\n\r\n", b"GET /livez HTTP/1.1\r\nX: a\0b\r\n\r\n", random.randbytes(300),
            b"GET /livez HTTP/1.1\nHost: a\n\n", b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n" * 50,
        )
    )  # fmt: skip
    return Knock("not HTTP", sent, cut=True)


_STEPS = (
    "", "/", "/start", "/fail", "/log", "/0", "/1", "/255", "/256", "/-1", "/00", "/1e1", "/999", "/" + "9" * 5_000,
    "/START", "/start/", "/%00", "/٣", "/x", "/start/fail", "/+1", "/ 1", "/%31", "/0x1",
)  # fmt: skip
_QUERIES = (
    "", "?", "?create=1", "?create=0", "?create=", "?create=1&create=0", "?rid=", "?rid=x", "?rid=%00", "?rid=%ff%fe",
    "?rid=0b6e8a52-7f43-4a37-9d3c-0d7d64a1c001", "?rid=0B6E8A527F434A379D3C0D7D64A1C001", "?rid=" + "0" * 10_000,
    "?rid={0b6e8a52-7f43-4a37-9d3c-0d7d64a1c001}", "?rid=a&rid=b", "?create=1&rid=0b6e8a52-7f43-4a37-9d3c-0d7d64a1c001",
    "?" + "&" * 3_000, "?%00=%00", "?create=1&x=\xff",
)  # fmt: skip
_SLUGS = (
    "backup", "a", "-", "_", "x" * 100, "x" * 101, "UPPER", "é", "%C3%A9", "a%00b", "a%2Fb", "..", "%2e%2e", "a b",
    "a%20b", "", "nightly", "job-1", "%ff", "a.b", "0", "1", "start", "null", "%F0%9F%A6%B7", "x" * 5_000,
)  # fmt: skip


_NOWHERE = (
    "/ping/not-a-uuid", "/ping", "/ping/", "/ping/%00", "/ping/" + "0" * 36,
    "/ping/0b6e8a52-7f43-4a37-9d3c-0d7d64a1c001",
)  # fmt: skip


def pings(random: Random, who: Knocker) -> Knock:
    """Known addresses and unknown ones, with whatever a script may put behind them."""
    known = random.random() < 0.8
    base = random.choice(who.pings if known else _NOWHERE)
    slug = f"/{random.choice(('nightly', random.choice(_SLUGS)))}" if "vgs_" in base or not known else ""
    step = random.choice(("", "/start", "/1", random.choice(_STEPS)))
    target = f"{base}{slug}{step}{random.choice(('?create=1', random.choice(_QUERIES)))}"
    method = random.choice(("GET", "HEAD", "POST", "POST", "POST", "POST", "PUT"))
    body = random.choice(_PING_BODIES)(random) if method == "POST" else b""
    given = {"Content-Length": str(len(body)), "User-Agent": random.choice(("curl/8", "", "\xff", "x" * 3_000))}
    if random.random() < 0.1:
        given["Content-Encoding"] = random.choice(("gzip", "br"))
    return Knock("pings", wire(method, target, given, body), tells=step != "/log", source=somewhere(random))


_PING_BODIES = (
    lambda _: b"",
    lambda _: b"\0\xff\xfe",
    lambda _: b"x" * 100_000,
    lambda _: b"x" * 100_001,
    lambda _: b"\xc3\xa9" * 50_000 + b"\xc3",
    lambda _: b"y" * 3_000_000,
    lambda r: r.randbytes(2_000),
    lambda _: b'{"message_type":"summary","files_new":1e400,"data_added":' + b"9" * 5_000 + b"}",
    lambda _: b'{"message_type":"summary","data_added":-1,"total_bytes_processed":"x","total_duration":NaN}',
    lambda _: b'{"message_type":"summary","data_added":9223372036854775808,"total_files_processed":1.5}',
    lambda _: b'{"archive":{"stats":{"original_size":[],"nfiles":{}},"duration":"x"}}',
    lambda _: b'{"archive":' * 5_000,
    lambda _: b"[" * 50_000,
    lambda _: b"Added to the repository: 99999999999999999999999999999 TiB (-1 KiB stored)\n",
    lambda _: b"processed 999999999999999999999999999999 files, 1e999 GiB in 0:00\nsnapshot \0 saved\n",
    lambda _: b"This archive:  " + b"9" * 400 + b" EB  -1 B  nan GB\nNumber of files: " + b"9" * 5_000 + b"\n",
    lambda _: b"Duration: 99999999 hours 99999999999999999999 seconds\n" * 1_000,
    lambda _: b" " * 90_000 + b"files",
    lambda _: (b"Original size " * 6_000),
    lambda _: b'{"type": "log_message", "message": "\\ud800", "levelname": "ERROR", "time": 1e300}\n' * 100,
)  # fmt: skip
