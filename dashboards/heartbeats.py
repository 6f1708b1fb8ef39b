"""Are the practices' machines talking to us, and what do they say of themselves?"""

from dashboards import meaning, panels, queries
from dashboards.meaning import BLUE, GREY
from dashboards.panels import About, Panel

TITLE = "Heartbeats"


def build() -> tuple[Panel, ...]:
    return _rate(), _silent(), _skew(), _patches()


def _rate() -> Panel:
    about = About(
        title="Heartbeats a minute",
        answers="Whether the fleet is heard as usual: a fall at all practices at once is ours or the internet's.",
        unit="cpm",
        empty="No heartbeat in this time.",
        width=24,
        height=7,
    )
    return panels.lines(about, queries.HEARTBEATS_A_MINUTE, {"Heartbeats": BLUE}, least_interval="1m")


def _silent() -> Panel:
    about = About(
        title="Endpoints, longest silent first",
        answers="Which machines we have not heard for longest, by the server's clock.",
        unit="none",
        empty="No endpoint has ever reported.",
        width=24,
        height=8,
    )
    table = panels.rows(about, queries.ENDPOINTS_BY_LAST_SEEN)
    panels.cell(table, "State", mappings=meaning.state_texts(), width=110)
    panels.cell(table, "Silent for", unit="s")
    panels.cell(table, "Last seen", unit="dateTimeAsSystem")
    return table


def _skew() -> Panel:
    about = About(
        title="Clocks furthest off",
        answers="Whose clock is wrong, and by how much: logins, certificates and schedules go wrong with it.",
        unit="none",
        empty="Every clock is right.",
        width=12,
        height=8,
    )
    table = panels.rows(about, queries.CLOCK_SKEW)
    panels.cell(table, "Skew", unit="s", steps=meaning.skew_thresholds())
    return table


def _patches() -> Panel:
    about = About(
        title="Most missing patches",
        answers="Which machines are furthest behind, and how old that knowledge is; grey is too old to count.",
        unit="none",
        empty="No endpoint has said that it misses a patch.",
        width=12,
        height=8,
    )
    table = panels.rows(about, queries.MISSING_PATCHES)
    stale = meaning.thresholds("transparent", (meaning.SCAN_STALE.total_seconds(), GREY))
    panels.cell(table, "Scanned", unit="s", steps=stale)
    return table
