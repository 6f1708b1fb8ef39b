"""Writes the dashboards that Grafana is provisioned with: `python -m dashboards.generate [--check]`."""

import argparse
import json
import sys
from pathlib import Path

from dashboards.fleet import fleet
from dashboards.sdk import JSONEncoder

FLEET = Path(__file__).with_name("fleet.json")


def render() -> str:
    """Always the same text: keys are sorted, and nothing is taken from clock or chance."""
    return json.dumps(fleet(), cls=JSONEncoder, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def check(path: Path) -> bool:
    """Whether the file holds what would be written."""
    return path.exists() and path.read_text(encoding="utf-8") == render()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the committed file differs")
    if not parser.parse_args().check:
        FLEET.write_text(render(), encoding="utf-8")
    elif not check(FLEET):
        sys.exit(f"{FLEET.name} differs from its generator: run python -m dashboards.generate")


if __name__ == "__main__":
    main()
