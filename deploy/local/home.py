"""Where the private files of local servers lie: programs, package lists, and the data of every start."""

import fcntl
import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from deploy.local.account import server_account
from deploy.local.errors import UnavailableError

Say = Callable[[str], None]  # tells the person at the terminal one line

# Outlives a reboot, unlike /tmp, and every account may enter it.
OUTSIDE = Path("/var/tmp")  # noqa: S108  (names in it are checked by claim_folder)


def home_below(root: Path, say: Say) -> Path:
    """One folder per user, so that root and others can work in one checkout.

    Below `root` if we may write there and the servers' account can enter it. Otherwise in /var/tmp, with a
    link to it from `root` where that can be made.
    """
    root = root.absolute()
    link = root / f"services-{os.geteuid()}"
    if _usable(root):
        if link.is_symlink():
            link.unlink()
        open_folder(link)
        return link
    outside = claim_folder(OUTSIDE / f"vigie-{os.geteuid()}-{_digest(root)}")
    say(f"Local servers cannot use {root}; their files are in {outside}")
    with suppress(OSError):
        link.symlink_to(outside)
    return outside


def open_folder(folder: Path) -> None:
    """Make a folder, and those above that are missing, that every account may enter whatever the umask is."""
    if folder.exists():
        return
    open_folder(folder.parent)
    with suppress(FileExistsError):
        folder.mkdir()
        folder.chmod(0o755)


def claim_folder(folder: Path) -> Path:
    """Make or take a folder with a foreseeable name in a place where anybody may write."""
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
        folder.chmod(0o755)
    found = folder.lstat()
    ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
    if not ours or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise UnavailableError(f"{folder} was made by somebody else; remove it, or work in another checkout.")
    return folder


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Let one process at a time do this; a killed one lets go when the programs it ran have ended too."""
    with file.open("w") as handle:
        os.set_inheritable(handle.fileno(), True)
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _usable(root: Path) -> bool:
    try:
        open_folder(root)
    except OSError:
        return False
    return os.access(root, os.W_OK | os.X_OK) and server_account().can_enter(root)


def _digest(root: Path) -> str:
    return hashlib.sha256(os.fsencode(root.resolve())).hexdigest()[:12]
