"""Start both, print their addresses, and stay until Ctrl-C: `python -m deploy.local`."""

import os
import signal
import sys

from deploy.local import UnavailableError, local_services


def main() -> None:
    # A polite kill must stop the servers as Ctrl-C does.
    for stop in (signal.SIGINT, signal.SIGTERM):
        signal.signal(stop, signal.default_int_handler)
    try:
        serve()
    except KeyboardInterrupt:
        return
    except UnavailableError as error:
        sys.exit(str(error))


def serve() -> None:
    with local_services(
        database_url=os.environ.get("VIGIE_DATABASE_URL"), redis_url=os.environ.get("VIGIE_REDIS_URL"), say=_say
    ) as services:
        _say(f"VIGIE_DATABASE_URL={services.database_url}")
        _say(f"VIGIE_REDIS_URL={services.redis_url}")
        _say("Ctrl-C stops both.")
        signal.pause()


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
