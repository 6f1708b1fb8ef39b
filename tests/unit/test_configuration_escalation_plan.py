"""What a plan says of escalation: from what to what, and what is odd though it is no mistake."""

import pytest

from collector.configuration.escalation.plan import book_differences, idle_names, plan_book, unknown_labels
from collector.configuration.plan import Sign
from collector.escalation.policies import unheard
from collector.model.book import Book
from tests.unit.escalation_file import FIRST, ROUTES, book


def said(before: Book, after: Book) -> set[str]:
    return {f"{line.sign} {line.said}" for line in book_differences(before, after)}


def test_the_plan_tells_from_what_to_what() -> None:
    changed = (
        FIRST.replace("after: 15m, ", "after: 30m, ")
        .replace("[anna, ben]", "[ben, anna]")
        .replace("ben: {page: [ben-sms], language: en}", "ben: ben-sms\n  carl: anna-sms")
        .replace("08:30-18:30", "09:00-18:00")
    )
    rota = "by the week since 2026-01-05; handover at 08:00 in Europe/Paris; after hours"
    assert said(book(FIRST), book(changed + "acknowledged_for: 12h")) == {
        "~ open: mon-fri: 08:30-18:30 → mon-fri: 09:00-18:00",
        "~ person ben: page by ben-sms; en → page by ben-sms; fr",
        "+ person carl: page by anna-sms; fr",
        f"~ rota on-call: anna, ben; {rota} → ben, anna; {rota}",
        "~ policy standard: ticket; page on-call after 15m, again every 15m, only after hours"
        " → ticket; page on-call after 30m, again every 15m, only after hours",
        "~ acknowledged for: 24h → 12h",
    }


def test_the_plan_tells_what_ends_and_where_an_order_changes() -> None:
    routes = "routes:\n  - {policy: standard, severity: warning}\n  - {policy: standard, severity: critical}\n"
    turned = "routes:\n  - {policy: standard, severity: critical}\n  - {policy: standard, severity: warning}\n"
    assert said(book(FIRST + routes), book(FIRST + turned)) == {
        "~ order of routes: warning, critical → critical, warning"
    }
    without = FIRST.replace("  ben: {page: [ben-sms], language: en}\n", "").replace("[anna, ben]", "[anna]")
    assert "- person ben" in said(book(FIRST), book(without))


def test_everything_that_tells_two_books_apart_is_told() -> None:
    """Of every field; so that no plan is empty which changes something."""
    other = book(FIRST + "acknowledged_for: 2d\nclosed_by_hand_for: 6m\nflapping: {times: 5}\nzone: UTC\n")
    other = other.model_copy(
        update={"tickets": "x", "teams": {"t": ("anna",)}, "routes": book(ROUTES + "  - {policy: p}").routes}
    )
    for field in set(Book.model_fields) - {"version"}:
        before = book(FIRST)
        if getattr(other, field) == getattr(before, field):
            before = Book()
        after = before.model_copy(update={field: getattr(other, field)})
        assert list(book_differences(before, after)), field


def test_a_plan_names_no_secret_but_where_it_is_read() -> None:
    lines = [line.said for line in plan_book(Book(), book(FIRST), [])]
    assert "channel anna-sms: apprise, url from env ANNA_SMS" in lines
    assert "channel ben-sms: apprise, url from file /run/secrets/ben" in lines


def test_the_same_book_again_changes_nothing_whatever_its_version() -> None:
    before = book(FIRST).model_copy(update={"version": 7})
    assert [line.sign for line in plan_book(before, book(FIRST), [])] == [Sign.SAME]


def test_a_label_that_no_practice_has_is_only_noted() -> None:
    made = book(ROUTES + "  - {policy: q, labels: {tier: gold}}\n")
    assert list(unknown_labels(made, [{"tier": "gold"}])) == []
    (note,) = unknown_labels(made, [{"tier": "silver"}, {"gold": "tier"}])
    assert "no practice has the label tier=gold" in note


@pytest.mark.parametrize(
    ("routes", "notes"),
    [
        ("  - {policy: q, severity: notice}\n", []),
        ("  - {policy: p, rule: campaign}\n", []),
        ("  - {policy: q, rule: campaign}\n", ["nobody hears of campaign, critical though it is"]),
        ("  - {policy: q, labels: {a: b}, rule: ransomware_signature, name: dull}\n",
         ["by route dull nobody hears of ransomware_signature, critical though it is"]),
    ],
)  # fmt: skip
def test_a_file_that_silences_what_takes_two_people_says_so(routes: str, notes: list[str]) -> None:
    made = book(f"policies: {{p: [ticket], q: []}}\ndefault: p\nroutes:\n{routes}")
    assert list(unheard(made)) == notes


def test_what_nothing_names_is_noted() -> None:
    assert list(idle_names(book(FIRST))) == []
    text = FIRST.replace("[anna, ben]", "[anna]") + "  spare: []\ndefault: spare\n"
    assert list(idle_names(book(text))) == [
        "no route leads to standard",
        "named by nothing: ben",
        "what no route fits walks spare, and disturbs nobody",
    ]


@pytest.mark.parametrize(
    ("channels", "step", "waits"),
    [
        ("{}", "ticket", True),
        ("{c: {kind: apprise, url: {env: C}}}", "ticket", True),
        ("{c: {kind: apprise, url: {env: C}}}", "{notify: c}", False),
        ("{h: {kind: glpi, url: 'https://x.example', user_token: {env: T}}}", "ticket", False),
        ("{h: {kind: glpi, url: 'https://x.example', user_token: {env: T}}}", "{ticket: h}", False),
    ],
)
def test_tickets_that_no_channel_takes_are_noted(channels: str, step: str, *, waits: bool) -> None:
    notes = list(idle_names(book(f"channels: {channels}\npolicies: {{p: [{step}]}}")))
    assert any("VIGIE_TICKET_WEBHOOK_URL" in note for note in notes) is waits
