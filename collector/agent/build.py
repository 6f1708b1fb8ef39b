"""Packing the agent into one runnable file: `python -m collector.agent.build vigie-agent.pyz`. Not shipped in it."""

from __future__ import annotations

import sys
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

PACKAGE = "vigie_agent"
HERE = Path(__file__).parent
_SHEBANG = b"#!/usr/bin/env python3\n"
_MAIN = f"from {PACKAGE} import main\n\nraise SystemExit(main())\n"


def build_zipapp(target: Path) -> Path:
    """A zipapp whose bytes depend on the sources alone, so that a provider can compare what it deployed.

    zipapp.create_archive would carry the files' times, and its own `main=` would drop our exit code.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as file:
        file.write(_SHEBANG)
        with ZipFile(file, "w", ZIP_DEFLATED) as archive:
            _add(archive, "__main__.py", _MAIN)
            for source in _sources():
                _add(archive, f"{PACKAGE}/{source.as_posix()}", (HERE / source).read_text(encoding="utf-8"))
    target.chmod(0o755)
    return target


def _sources() -> list[Path]:
    """Every file of the agent but this one, seen from here."""
    return sorted(path.relative_to(HERE) for path in HERE.rglob("*.py") if path != Path(__file__))


def _add(archive: ZipFile, name: str, content: str) -> None:
    """With the first date that a zip can hold, and one mode."""
    info = ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
    info.external_attr = 0o644 << 16
    archive.writestr(info, content.encode(), ZIP_DEFLATED)


if __name__ == "__main__":
    build_zipapp(Path(sys.argv[1]))
