"""A provider's own templates go before ours, and none of them hangs, fills the memory or costs a message."""

import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from collector.delivery import sandbox
from collector.delivery.written import Written, write_notice, write_ticket
from tests.unit.writing import notice, pen, ticket


def write_own(tmp_path: Path, text: str, name: str = "ticket") -> Path:
    (tmp_path / "fr").mkdir(exist_ok=True)
    (tmp_path / "fr" / f"{name}.txt").write_text(text, "utf-8")
    return tmp_path


def test_the_providers_template_goes_before_ours(tmp_path: Path) -> None:
    folder = write_own(tmp_path, "{{ practice }} {{ number }}\n\n{{ open[0].facts.job|upper }}")
    assert write_ticket(ticket(), pen(folder=folder)) == Written("Cabinet Dupont 64A1C0AA", "DAILY\n")
    told, people = ticket(), notice()
    assert write_notice(people, pen(folder=folder)) == write_notice(people, pen())
    assert write_ticket(told, pen("en", folder)) == write_ticket(told, pen("en"))


def test_a_changed_template_holds_from_the_next_message(tmp_path: Path) -> None:
    ours = pen(folder=write_own(tmp_path, "first"))
    assert write_ticket(ticket(), ours).subject == "first"
    write_own(tmp_path, "second one")
    assert write_ticket(ticket(), ours).subject == "second one"


def test_a_template_may_build_on_ours(tmp_path: Path) -> None:
    folder = write_own(tmp_path, '{% include "ticket.txt" %}', "notice")
    assert write_notice(notice(), pen(folder=folder)).subject.startswith("[Vigie]")


BAD = {
    "syntax": "{% if %}",
    "unknown word": "{{ practise }}",
    "unknown filter": "{{ practice|shout }}",
    "unknown template": '{% include "../../../etc/passwd" %}',
    "no subject": "\n\n",
    "insides": "{{ practice.__class__.__mro__ }}",
    "insides of a value": "{{ open[0].__init__.__globals__ }}",
    "insides by filter": "{{ open|map(attribute='__class__')|list|first }}",
    "methods of texts": "{{ practice.rjust(1000000000) }}",
    "formats": "{{ '%1000000000d' % 1 }}",
    "format method": "{{ '{0.__class__}'.format(practice) }}",
    "a long text": "{{ practice * 1000000000 }}",
    "a great number": "{{ 9 ** 9 ** 9 }}",
    "a change": "{% set _ = notes.append(1) %}",
    "range": "{% for a in range(1000000000) %}{% endfor %}",
    "a text joined by itself": "{{ url" + "|list|join(url)" * 3 + " }}",
    "a list told of itself again and again": "{{ url" + "|list|string" * 7 + " }}",
    "a text that doubles": "{% set a = url %}" + "{% set a = a ~ a %}" * 20 + "{{ a }}",
    "a text that doubles as it is caught": "{% set a %}{{ url }}{% endset %}"
    + "{% set a %}{{ a }}{{ a }}{% endset %}" * 20,
    "a list that doubles": "{% set a = [url] %}" + "{% set a = [a, a] %}" * 20 + "{{ a }}",
    "a loop that calls itself": "{% for a in open recursive %}{{ loop(open) }}{% endfor %}",
    "a loop without end": "a" + "{% for a in body %}" * 8 + "{% endfor %}" * 8,
    "itself": '{% include "ticket.txt" %}',
    "a macro that calls itself": "{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}",
    "too long": "{% for a in body %}{% for b in body %}{{ body }}{% endfor %}{% endfor %}",
}


MOST_BYTES = 16 * 1024**2


@contextmanager
def in_little_memory() -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < MOST_BYTES
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("text", BAD.values(), ids=BAD.keys())
def test_a_template_that_fails_costs_its_form_and_never_the_message(tmp_path: Path, text: str) -> None:
    failed: list[str] = []
    folder = write_own(tmp_path, text.replace("body", "practice" if "{{ body" not in text else "url"))
    write_ticket(ticket(), pen(folder=folder))  # what is read once and kept is none of its memory
    with in_little_memory():
        written = write_ticket(ticket(), pen(folder=folder, failed=failed.append))
    assert failed == ["ticket"]
    assert written.subject.startswith("[Vigie 64A1C0AA] Cabinet Dupont")
    assert "daily" in written.body
    assert "/noc/incidents/" in written.body


def test_steps_that_are_few_and_take_long_are_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "{% for a in url %}{{ [" + "url, " * 99 + "]|sort|unique|list|length }}{% endfor %}"
    failed: list[str] = []
    ours = pen(folder=write_own(tmp_path, text), failed=failed.append)
    write_ticket(ticket(), ours)
    assert failed == []
    monkeypatch.setattr(sandbox, "MOST_S", 0.0)
    write_ticket(ticket(), ours)
    assert failed == ["ticket"]


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("{{ open|map(attribute='title')|join(', ')|length > 3 }}", "True"),
        ("{{ ['b', 'A']|sort|join('-') }} {{ [2, 1]|first + 1 }} {{ notes|length - 1 }}", "A-b 3 0"),
        ("{% for key, value in open[0].facts.items() if key != 'job' %}{{ key|title ~ ': ' ~ value }}{% endfor %}",
         "Endpoint: SRV-01"),
        ("{{ open|rejectattr('over')|list|count }}{{ practice[:3]|upper }}{{ -1|string }}", "1CAB-1"),
        ("{{ 'a' if severity is string and not merged_into else loop.index }}", "a"),
    ],
)  # fmt: skip
def test_a_template_may_choose_sort_and_count(tmp_path: Path, text: str, written: str) -> None:
    failed: list[str] = []
    told = write_ticket(ticket(notes=("a note",)), pen(folder=write_own(tmp_path, text), failed=failed.append))
    assert (told.subject, failed) == (written, [])


def test_a_template_that_is_no_text_fails_as_well(tmp_path: Path) -> None:
    (tmp_path / "fr").mkdir()
    (tmp_path / "fr" / "ticket.txt").write_bytes(b"\xff\xfe\x00")
    failed: list[str] = []
    assert "daily" in write_ticket(ticket(), pen(folder=tmp_path, failed=failed.append)).body
    assert failed == ["ticket"]
