"""`restic backup`: the summary line of `--json`, or the summary that people read. The last one counts."""

import json
import re

from collector.intake.figures.figures import SIZE, Figures, count, size

TOOL = "restic"
_SUMMARY = '"message_type":"summary"'
_FILES = re.compile(r"Files:[ \t]+(\d{1,18}) new,[ \t]+(\d{1,18}) changed,[ \t]+\d{1,18} unmodified")
_PROCESSED = re.compile(rf"processed (\d{{1,18}}) files, {SIZE}")
_ADDED = re.compile(rf"Added to the repo(?:sitory)?:[ \t]+{SIZE}")


def read_restic(text: str) -> Figures | None:
    return _in_json(text) or _in_text(text)


def _in_json(text: str) -> Figures | None:
    for line in reversed(text.splitlines()):
        if _SUMMARY in line and (found := _summary(line)):
            return found
    return None


def _summary(line: str) -> Figures | None:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(row, dict) or row.get("message_type") != "summary":
        return None
    new, changed = count(row.get("files_new")), count(row.get("files_changed"))
    return Figures(
        TOOL,
        count(row.get("total_bytes_processed")),
        count(row.get("data_added")),
        count(row.get("total_files_processed")),
        None if new is None or changed is None else count(new + changed),
    )


def _in_text(text: str) -> Figures | None:
    processed = _PROCESSED.findall(text)
    if not processed:
        return None
    number, total, total_unit = processed[-1]
    files, added = _FILES.findall(text), _ADDED.findall(text)
    return Figures(
        TOOL,
        size(total, total_unit),
        size(*added[-1]) if added else None,
        count(int(number)),
        count(sum(map(int, files[-1]))) if files else None,
    )
