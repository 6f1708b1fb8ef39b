"""Short constant lines on stderr; journald and the Windows service wrapper add the time."""

import sys

AGENT = "vigie-agent"
VERSION = "0.1.0"  # a provider must see which practices run an old one


def say(message: str, **facts: object) -> None:
    """One line: a constant message, then key=value. Never a secret, never a body."""
    words = [f"{AGENT}: {message}", *(f"{key}={value}" for key, value in facts.items())]
    sys.stderr.write(" ".join(words).replace("\n", " ") + "\n")
    sys.stderr.flush()
