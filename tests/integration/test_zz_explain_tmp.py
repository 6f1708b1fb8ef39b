from datetime import UTC, datetime, timedelta
from tests.integration.test_apply import *
from tests.integration.test_apply import FLEET, RULES, folder
from tests.factories import *
async def test_see(house, vigie, folder, monkeypatch):
    monkeypatch.setenv("COLUMNS","200")
    await applied(vigie, folder, *files(folder))
    p = await policy_of(house, "Cabinet Pessac")
    now = datetime.now(UTC)
    await report(house, p.practice_id, now, backups=(backup("daily", finished_at=now-timedelta(hours=1), status="failed"),), patches={"scanned_at": now, "missing":[{"id":"x","severity":"critical","released_at": now-timedelta(days=20)}]})
    engine = Engine(house.worker, [], WorkerMetrics(new_registry()))
    await engine.sweep()
    print(done(await vigie("rules","explain","Cabinet Pessac")))
    r=await vigie("rules","explain","Cabinet Pessac","--at", (now-timedelta(hours=1)).isoformat()); print(r.output, r.exception)
    r=await vigie("rules","check",*files(folder)); print(r.output)
