"""`borg create --json`, its `--stats` as text, and both as borgmatic passes them on.

Borg does not say how many files changed. Where several archives were made, the last one counts.
"""

import re

from collector.intake.figures.figures import SIZE, Figures, count, size

TOOL = "borg"
# The object by itself, so that a document that was cut off, or stands between log lines, is read as well.
_STATS = re.compile(r'"stats"\s*:\s*\{([^{}]{1,500})\}')
_NUMBER = re.compile(r'"(original_size|deduplicated_size|nfiles)"\s*:\s*(\d{1,19})(?!\d)')
# Original, compressed and deduplicated; Borg 2 has no compressed size, and a line for each.
_ARCHIVE = re.compile(rf"This archive:[ \t]+{SIZE}[ \t]+{SIZE}[ \t]+{SIZE}")
_ORIGINAL = re.compile(rf"Original size:[ \t]+{SIZE}")
_DEDUPLICATED = re.compile(rf"Deduplicated size:[ \t]+{SIZE}")
_FILES = re.compile(r"Number of files:[ \t]+(\d{1,18})(?!\d)")


def read_borg(text: str) -> Figures | None:
    return _in_json(text) or _in_table(text) or _in_lines(text)


def _in_json(text: str) -> Figures | None:
    found = [dict(_NUMBER.findall(stats)) for stats in _STATS.findall(text)]
    archives = [numbers for numbers in found if len(numbers) == 3]
    if not archives:
        return None
    last = {name: count(int(number)) for name, number in archives[-1].items()}
    return Figures(TOOL, last["original_size"], last["deduplicated_size"], last["nfiles"])


def _in_table(text: str) -> Figures | None:
    archives = _ARCHIVE.findall(text)
    if not archives:
        return None
    original, original_unit, _, _, added, added_unit = archives[-1]
    return Figures(TOOL, size(original, original_unit), size(added, added_unit), _files(text))


def _in_lines(text: str) -> Figures | None:
    original, added = _ORIGINAL.findall(text), _DEDUPLICATED.findall(text)
    if not original or not added:
        return None
    return Figures(TOOL, size(*original[-1]), size(*added[-1]), _files(text))


def _files(text: str) -> int | None:
    numbers = _FILES.findall(text)
    return count(int(numbers[-1])) if numbers else None
