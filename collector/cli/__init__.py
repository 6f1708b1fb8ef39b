"""The command line: it knows every room, and says what went wrong in a sentence."""

from collector.cli.commands import main

__all__ = ["main"]
