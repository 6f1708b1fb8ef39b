"""Secrets of channels, read where the api reads them too (collector/secrets.py)."""

from collector.secrets import MissingSecretError, place, read_secret

__all__ = ["MissingSecretError", "place", "read_secret"]
