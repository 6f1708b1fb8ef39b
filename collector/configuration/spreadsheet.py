"""Practices from a CSV file, a line each: how a provider moves in with all of them at once.

Columns: `name`, and any of `zone`, `customer`, `labels` (kind=dental; contract=gold), `jobs` (daily cron 0 2 * * *
grace 2h rpo 26h; imaging@NAS every 24h), `open` (mon-fri 08:00-12:00, 14:00-19:00; sat 09:00-12:00), `holidays`,
`contact`, `mail`, `phone`, `language`. Comma or semicolon between columns; what holds the separator stands in double
quotes.
"""

import csv
import io
import re
from collections.abc import Callable, Iterable, Mapping

from collector.configuration.document import Document
from collector.configuration.faults import Fault, FaultyError, Place, Steps, did_you_mean

Cells = Mapping[str, str]
_WORDS = ("every", "cron", "zone", "grace", "rpo")
_PART = re.compile(rf"\s+({'|'.join(_WORDS)})\s+")


def read_csv(file: str, text: str) -> Document:
    """Raises FaultyError for what is no table of practices; what is wrong in a cell is found by the models."""
    header, *lines = text.removeprefix("\ufeff").splitlines() or [""]
    reader = csv.DictReader(io.StringIO("\n".join([header, *lines])), delimiter=";" if _semicolons(header) else ",")
    columns = [(column or "").strip().casefold() for column in reader.fieldnames or ()]
    faults = list(_wrong_columns(file, columns))
    if faults:
        raise FaultyError(faults)
    reader.fieldnames = columns
    practices: list[dict[str, object]] = []
    places: list[int] = []
    for row in reader:
        extra = row.pop(None, None)
        cells = {column: (value or "").strip() for column, value in row.items()}
        if not any(cells.values()):
            continue
        if extra:
            faults.append(Fault(file, Place(reader.line_num), "", f"has {len(extra)} cells too many", _QUOTE))
        try:
            practices.append(_practice(cells))
            places.append(reader.line_num)
        except ValueError as error:
            faults.append(Fault(file, Place(reader.line_num), "", str(error)))
    return Document(file, {"practices": practices}, _placing(places), tuple(faults))


_QUOTE = "put a cell that holds the separator into double quotes"


def _semicolons(header: str) -> bool:
    return header.count(";") > header.count(",")


def _placing(lines: list[int]) -> Callable[[Steps, bool], Place | None]:
    def place(steps: Steps, of_key: bool) -> Place | None:  # noqa: ARG001 - a line is a line
        number = steps[1] if len(steps) > 1 else None
        return Place(lines[number]) if isinstance(number, int) else Place(1)

    return place


def _wrong_columns(file: str, columns: list[str]) -> list[Fault]:
    faults = [
        Fault(
            file,
            Place(1),
            column,
            "unknown column",
            did_you_mean(column, _COLUMNS) or f"known are {', '.join(_COLUMNS)}",
        )
        for column in columns
        if column not in _COLUMNS
    ]
    faults += [Fault(file, Place(1), column, "stands twice") for column in set(columns) if columns.count(column) > 1]
    if "name" not in columns:
        faults.append(Fault(file, Place(1), "name", "this column is missing", "the first line names the columns"))
    return faults


def _practice(cells: Cells) -> dict[str, object]:
    practice: dict[str, object] = {}
    calendar: dict[str, object] = {}
    for column, value in cells.items():
        if not value:
            continue
        match column:
            case "labels":
                practice["labels"] = _each_once("labels", map(_label, _split(value)))
            case "jobs":
                practice["jobs"] = [_job(one) for one in _split(value)]
            case "open":
                calendar["open"] = _each_once("open", map(_days, _split(value)))
            case "holidays":
                calendar["holidays"] = value
            case "name" | "zone" | "customer":
                practice[column] = value
    practice.setdefault("name", "")
    if calendar:
        practice["calendar"] = calendar
    contact = {field: cells[column] for column, field in _CONTACT.items() if cells.get(column)}
    if contact:
        practice["contacts"] = [contact]
    return practice


_CONTACT = {"contact": "name", "mail": "mail", "phone": "phone", "language": "language"}
_COLUMNS = ("name", "zone", "customer", "labels", "jobs", "open", "holidays", *_CONTACT)


def _split(value: str) -> list[str]:
    return [part.strip() for part in value.split(";") if part.strip()]


def _each_once(column: str, pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    said: dict[str, str] = {}
    for key, value in pairs:
        if key in said:
            raise ValueError(f"{column}: {key!r} stands twice")
        said[key] = value
    return said


def _label(written: str) -> tuple[str, str]:
    key, equals, value = written.partition("=")
    if not equals:
        raise ValueError(f"labels: {written!r} has no value; write it as in kind=dental")
    return key.strip(), value.strip()


def _days(written: str) -> tuple[str, str]:
    days, space, hours = written.partition(" ")
    if not space:
        raise ValueError(f"open: {written!r} has no hours; write it as in mon-fri 08:00-19:00")
    return days.rstrip(":"), hours


def _job(written: str) -> dict[str, object]:
    """`daily cron 0 2 * * * grace 2h`, with @ and the machine behind the name where it is one machine's."""
    name, *parts = _PART.split(written)
    if not parts:
        raise ValueError(f"jobs: {written!r} has no schedule; write it as in daily every 24h, or daily cron 0 2 * * *")
    job, at, endpoint = (part.strip() for part in name.partition("@"))
    said: dict[str, object] = {"name": job} | ({"endpoint": endpoint} if at else {})
    for word, value in zip(parts[::2], parts[1::2], strict=True):
        if word in said:
            raise ValueError(f"jobs: {written!r} says {word} twice")
        said[word] = value.strip()
    return said
