"""How soon the pages stand where 5,000 practices all need somebody: what is looked at most, on the worst of nights."""

from datetime import UTC, datetime
from pathlib import Path
from statistics import quantiles
from time import perf_counter

import httpx

from collector.administer import Deed, enrol_operator, renew_link, the_practice
from collector.store.connect import connect
from tests.acceptance.process import Process
from tests.bench.figure import Figure, Target
from tests.bench.watched import practice_id

LOOKS = 300
WARM = 20
# Source: the targets of the design.
NOC_MS, STATUS_MS = 50.0, 20.0


async def measure_pages(url: str, logs: Path) -> list[Figure]:
    token, link = await _let_in(url)
    async with Process("api", logs, url) as api, httpx.AsyncClient(base_url=api.url) as client:
        signed_in = await client.post("/sign-in", data={"token": token})
        if not signed_in.is_redirect:
            raise RuntimeError(f"the NOC page refused the sign-in: {signed_in.status_code}")
        return [
            Figure("noc_p95_ms", await _p95_ms(client, "/noc"), "ms", Target("at most", NOC_MS)),
            Figure("status_p95_ms", await _p95_ms(client, f"/status/{link}"), "ms", Target("at most", STATUS_MS)),
        ]


async def _let_in(url: str) -> tuple[str, str]:
    """An operator's token, and the link of a practice's status page."""
    deed = Deed(actor="bench", at=datetime.now(UTC))
    conn = await connect(url)
    try:
        practice = await the_practice(conn, str(practice_id(0)))
        return str(await enrol_operator(conn, "Bench", deed)), await renew_link(conn, practice, deed)
    finally:
        await conn.close()


async def _p95_ms(client: httpx.AsyncClient, path: str) -> float:
    """From the request to the last byte, one after another over one connection."""
    for _ in range(WARM):
        (await client.get(path)).raise_for_status()
    took = []
    for _ in range(LOOKS):
        began = perf_counter()
        (await client.get(path)).raise_for_status()
        took.append((perf_counter() - began) * 1_000)
    return quantiles(took, n=20)[-1]
