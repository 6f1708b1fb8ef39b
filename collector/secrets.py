"""Secrets of channels: read from where the configuration says, when a channel is opened."""

import base64
import os
from collections.abc import Iterable, Mapping

from collector.model.channels import Secret


class MissingSecretError(Exception):
    """The message names the place that was looked in, never what another one holds."""


def read_secret(secret: Secret, environment: Mapping[str, str] = os.environ) -> str:
    """Without the newline that an editor leaves. Raises MissingSecretError."""
    found = _in_environment(secret, environment) if secret.env else _in_file(secret)
    if not found.strip():
        raise MissingSecretError(f"{place(secret)} is empty")
    return found.strip()


def read_signing_key(secret: Secret, environment: Mapping[str, str] = os.environ) -> str:
    """One of Standard Webhooks. Raises MissingSecretError."""
    key = read_secret(secret, environment)
    prefix, _, encoded = key.partition("_")
    if prefix != "whsec" or not _is_base64(encoded):
        raise MissingSecretError(f"{place(secret)} is not whsec_ and base64, as Standard Webhooks says")
    return key


def held(places: Iterable[Secret]) -> tuple[str | None, ...]:
    """What each holds now, none where it cannot be read: to see that one has changed."""
    return tuple(_read_or_none(secret) for secret in places)


def _read_or_none(secret: Secret) -> str | None:
    try:
        return read_secret(secret)
    except MissingSecretError:
        return None


def _is_base64(text: str) -> bool:
    try:
        return len(base64.b64decode(text, validate=True)) > 0
    except ValueError:
        return False


def place(secret: Secret) -> str:
    """Where it is looked for, as an operator is told."""
    return f"environment variable {secret.env}" if secret.env else f"file {secret.file}"


def _in_environment(secret: Secret, environment: Mapping[str, str]) -> str:
    try:
        return environment[str(secret.env)]
    except KeyError:
        raise MissingSecretError(f"{place(secret)} is not set") from None


def _in_file(secret: Secret) -> str:
    try:
        return str(secret.file and secret.file.read_text("utf-8"))
    except UnicodeDecodeError:
        raise MissingSecretError(f"{place(secret)} is not text in UTF-8") from None
    except OSError as error:
        raise MissingSecretError(f"{place(secret)} cannot be read: {error.strerror}") from None
