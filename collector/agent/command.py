"""`vigie-agent run`: from the command line to an exit code."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Sequence

from .ground.clock import now
from .ground.durable import private_directory
from .ground.errors import ConfigurationError
from .ground.identity import endpoint_id, only_agent
from .ground.log import say
from .heartbeat import compose
from .looking import look
from .options import Options, parse
from .sending.verdict import Verdict
from .settings import Settings, read_settings
from .watch import for_ever, once

SENT = 0
HELD = 1
MISCONFIGURED = 2


def main(argv: Sequence[str] | None = None) -> int:
    """SIGTERM is taken like Ctrl-C, also where a shell in the background has that ignored.

    Every moment is a good one to stop: the spool is always whole.
    """
    options = parse(argv)
    before = {stop: signal.signal(stop, signal.default_int_handler) for stop in (signal.SIGINT, signal.SIGTERM)}
    try:
        return _run(options)
    except ConfigurationError as wrong:
        say(str(wrong))
        return MISCONFIGURED
    except OSError as failed:
        say("state directory unusable", why=failed)
        return MISCONFIGURED
    except KeyboardInterrupt:
        say("stopped")
        return HELD if options.once else SENT
    finally:
        for stop, handler in before.items():
            signal.signal(stop, handler)


def _run(options: Options) -> int:
    settings = read_settings(options)
    private_directory(settings.state)
    if options.show:
        return _show(settings)
    with only_agent(settings.state):
        if not options.once:
            for_ever(settings)
        ends = {Verdict.SETTLED: SENT, Verdict.HOLD: HELD}
        return ends.get(once(settings), MISCONFIGURED)


def _show(settings: Settings) -> int:
    """The heartbeat that would be sent, without using up a number; another agent may be running."""
    sections = look(settings.state, settings.jobs)
    heartbeat = compose(settings, endpoint_id(settings.state), 0, now(), sections)
    sys.stdout.write(json.dumps(heartbeat, indent=2, ensure_ascii=False) + "\n")
    return SENT
