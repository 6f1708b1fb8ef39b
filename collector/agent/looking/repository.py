"""What a restic repository's address says of the copy in it, without the credentials in it."""

from __future__ import annotations

import re

from ..ground.contract import LABEL_LENGTH

_CLOUD = ("s3:", "b2:", "azure:", "gs:", "swift:", "rest:", "rclone:", "http:", "https:")
_USERINFO = re.compile(r"(//)[^/]*@")
_SFTP_USER = re.compile(r"^(sftp:)[^/:@]+(?::[^@/]*)?@")
_QUERY = re.compile(r"[?#].*$")


def medium(repository: str) -> str:
    """Where the data lies, guessed from the address; configure what is guessed wrongly."""
    if repository.startswith(_CLOUD):
        return "cloud"
    return "nas" if repository.startswith("sftp:") else "local"


def location(repository: str) -> str:
    """The address as it may be shown to anybody."""
    if repository.startswith("rclone:"):
        return _rclone_remote(repository)[:LABEL_LENGTH]
    shown = _SFTP_USER.sub(r"\1", _USERINFO.sub(r"\1", repository))
    return (_QUERY.sub("", shown) if "://" in shown else shown)[:LABEL_LENGTH]


def _rclone_remote(repository: str) -> str:
    """rclone takes whole configurations inline, secrets too: `rclone::s3,secret_access_key=...:bucket`."""
    return re.sub(r"[,=].*$", "", repository)


def has_password(repository: str) -> bool:
    """Whether the address holds more than may stand on a command line."""
    inline = repository.startswith("rclone:") and "=" in repository
    query = "://" in repository and "?" in repository
    return inline or query or re.search(r"//[^/]*:[^/]*@", repository) is not None


def redact(message: str, repository: str) -> str:
    """A tool's complaint without what the address must not show."""
    clean = message.replace(repository, location(repository))
    for address in re.findall(r"//([^/]*)@", repository):
        for secret in [address, *address.split(":")[1:]]:
            clean = clean.replace(secret, "***") if secret else clean
    return clean
