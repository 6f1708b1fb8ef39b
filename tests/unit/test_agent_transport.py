"""One request to a collector; `listening` is the far end, a real HTTP server on this machine."""

import gzip
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from collector.agent.sending.transport import post, retry_after_s

Items = list[dict[str, Any]]
Reply = tuple[int, object, dict[str, str]]


def stores_all(items: Items) -> Reply:
    return 202, {"results": [{"id": item["id"], "status": "accepted"} for item in items]}, {}


def refuses(*seqs: int) -> Callable[[Items], Reply]:
    """As the contract says: each has its own result, 422 if none could be stored."""

    def reply(items: Items) -> Reply:
        problem = {"title": "interval_s is too large", "status": 422}
        rows: Items = [
            {"id": item["id"], "status": "rejected", "problem": problem}
            if item["seq"] in seqs
            else {"id": item["id"], "status": "accepted"}
            for item in items
        ]
        stored = any(row["status"] == "accepted" for row in rows)
        return (202 if stored else 422), {"results": rows}, {}

    return reply


def always(status: int, headers: dict[str, str] | None = None) -> Callable[[Items], Reply]:
    return lambda _items: (status, {"title": "no", "status": status}, headers or {})


class Collector:
    """Keeps what it got, and answers as it is told."""

    def __init__(self) -> None:
        self.requests: list[Items] = []
        self.headers: list[dict[str, str]] = []
        self.reply: Callable[[Items], Reply] = stores_all
        self.stored: list[int] = []
        self.paths: list[str] = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def take(self, body: bytes, headers: dict[str, str]) -> Reply:
        assert headers["Content-Encoding"] == "gzip"
        items: Items = json.loads(gzip.decompress(body))
        self.requests.append(items)
        self.headers.append(headers)
        status, answer, more = self.reply(items)
        if status == 202:
            self.stored += [item["seq"] for item in items]
        return status, answer, more

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                collector.paths.append(self.path)
                status, answer, more = collector.take(body, dict(self.headers))
                raw = json.dumps(answer).encode()
                self.send_response(status)
                for name, value in {**more, "Content-Length": str(len(raw))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        return Handler


@contextmanager
def listening() -> Iterator[Collector]:
    """A collector until the end of the block."""
    made = Collector()
    thread = threading.Thread(target=made.server.serve_forever, args=(0.01,))
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()


def test_a_request_carries_the_key_and_says_who_we_are() -> None:
    with listening() as collector:
        answer = post(collector.url + "/vigie", "k3y", gzip.compress(b'[{"id": "x", "seq": 1}]'))
    assert answer.status == 202
    (headers,) = collector.headers
    assert (headers["Authorization"], headers["User-Agent"]) == ("Bearer k3y", "vigie-agent/0.1.0")
    assert collector.paths == ["/vigie/v1/heartbeats"]


def test_a_redirect_does_not_carry_the_key_away() -> None:
    with listening() as collector, listening() as elsewhere:
        collector.reply = always(307, {"Location": elsewhere.url})
        assert post(collector.url, "k3y", gzip.compress(b"[]")).status == 307
    assert elsewhere.requests == []


def test_an_untrusted_or_unreachable_server_is_no_answer() -> None:
    with listening() as collector:
        for server in (collector.url.replace("http:", "https:"), "http://127.0.0.1:1", "https://no..host"):
            answer = post(server, "k3y", gzip.compress(b"[]"))
            assert answer.status == 0
            assert answer.why
    assert collector.requests == []


def test_retry_after_is_seconds_and_believed_up_to_an_hour() -> None:
    asked = [" 30", "0", "999999", "-1", "soon", "Sat, 21 Nov 2026 18:01:00 GMT", None]
    assert [retry_after_s(header) for header in asked] == [30.0, 0.0, 3600.0, None, None, None, None]
