"""The collector as it is (`durable`), or the same route without its commit (`uncommitted`), on a port."""

import sys
from collections.abc import Sequence

import uvicorn

from collector.cli.processes import listen, serving
from collector.config import read_settings
from collector.intake import app as intake
from collector.intake.group_commit import GroupCommit, Resent
from collector.logs import configure_logs
from collector.store.intake import Arrival


class Uncommitted(GroupCommit):
    """Answers as if everything were stored: key, parse, validation and changes are all that is left."""

    async def store(self, arrivals: Sequence[Arrival]) -> Resent:  # noqa: ARG002
        return {}


if __name__ == "__main__":
    configure_logs("console")
    if sys.argv[1] == "uncommitted":
        vars(intake)["GroupCommit"] = Uncommitted
    settings = read_settings()
    server = uvicorn.Server(serving(intake.create_app(settings), settings.trusted_proxies))
    server.run(sockets=[listen(settings.host, settings.collector_port)])
