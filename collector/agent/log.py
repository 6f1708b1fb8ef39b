"""Short constant lines on stderr; journald and the Windows service wrapper add time and name."""

import sys

from .version import AGENT


def say(message: str, **facts: object) -> None:
    """One line: a constant message, then key=value. Never a secret, never a body."""
    words = [f"{AGENT}: {message}", *(f"{key}={value}" for key, value in facts.items())]
    sys.stderr.write(" ".join(words).replace("\n", " ") + "\n")
    sys.stderr.flush()
