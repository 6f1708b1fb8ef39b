"""`vigie-agent run`: from the command line to an exit code."""

from __future__ import annotations

import json
import signal
import sys
from typing import TYPE_CHECKING

from .durable import private_directory
from .errors import ConfigurationError
from .lock import only_agent
from .log import say
from .options import Options, parse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .settings import Settings

SENT = 0
HELD = 1
MISCONFIGURED = 2


def main(argv: Sequence[str] | None = None) -> int:
    """SIGTERM is taken like Ctrl-C: every moment is a good one to stop, the spool is always whole."""
    options = parse(argv)
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
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
        signal.signal(signal.SIGTERM, before)


def _run(options: Options) -> int:
    from .settings import read_settings

    settings = read_settings(options)
    private_directory(settings.state)
    if options.show:
        return _show(settings)
    with only_agent(settings.state):
        return _once(settings) if options.once else _for_ever(settings)


def _once(settings: Settings) -> int:
    from .verdict import Verdict
    from .watch import once

    ends = {Verdict.SETTLED: SENT, Verdict.HOLD: HELD}
    return ends.get(once(settings), MISCONFIGURED)


def _for_ever(settings: Settings) -> int:
    from .watch import for_ever

    for_ever(settings)
    return SENT


def _show(settings: Settings) -> int:
    """The heartbeat that would be sent, without using up a number; another agent may be running."""
    from .clock import now
    from .heartbeat import compose, look
    from .identity import endpoint_id

    heartbeat = compose(settings, endpoint_id(settings.state), 0, now(), look(settings))
    sys.stdout.write(json.dumps(heartbeat, indent=2, ensure_ascii=False) + "\n")
    return SENT
