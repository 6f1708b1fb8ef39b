"""Do our own alarms work: in time, delivered, and without a gap?"""

from dashboards import meaning, panels, queries
from dashboards.meaning import BLUE, GREEN, ORANGE, RED
from dashboards.panels import About, Panel

TITLE = "Incidents and tickets"


def build() -> tuple[Panel, ...]:
    return _over_time(), _delay(), _tickets(), _unsent(), _gaps()


def _over_time() -> Panel:
    about = About(
        title="Incidents opened and resolved",
        answers="Whether trouble comes faster than it goes.",
        unit="none",
        empty="No incident was opened or resolved in this time.",
        width=12,
        height=8,
    )
    colors = {"Opened": ORANGE, "Resolved": GREEN}
    return panels.columns(about, queries.INCIDENTS_OVER_TIME, colors, least_interval="5m")


def _delay() -> Panel:
    about = About(
        title="From falling due to opened",
        answers="How long a problem existed before its incident was open; what is reported late counts from its fact.",
        unit="s",
        empty="No incident was opened in this time.",
        width=12,
        height=8,
    )
    return panels.lines(about, queries.DELAY_TO_OPEN, {"p50": BLUE, "p99": ORANGE}, least_interval="5m")


def _tickets() -> Panel:
    about = About(
        title="Open tickets",
        answers="What is still to be done, the worst and then the oldest first, and what somebody has taken on.",
        unit="none",
        empty="No ticket is open.",
        width=14,
        height=9,
    )
    table = panels.rows(about, queries.OPEN_TICKETS)
    panels.cell(table, "Severity", mappings=meaning.state_texts(), width=110)
    panels.cell(table, "Opened", unit="dateTimeFromNow")
    return table


def _unsent() -> Panel:
    about = About(
        title="Messages not yet sent",
        answers="Whether tickets and notifications get out, and if not, what the other side said last.",
        unit="none",
        empty="Everything has been sent.",
        width=10,
        height=9,
    )
    table = panels.rows(about, queries.UNSENT_MESSAGES)
    steps = meaning.thresholds("transparent", (60, ORANGE), (600, RED))  # s; retries begin within seconds
    panels.cell(table, "Oldest", unit="s", steps=steps)
    panels.cell(table, "Next attempt", unit="dateTimeFromNow")
    return table


def _gaps() -> Panel:
    about = About(
        title="When we were not listening",
        answers="Our own outages: what went unheard then is not the practices' fault, and moves their deadlines.",
        unit="none",
        empty="We listened all the time.",
        width=24,
        height=6,
    )
    table = panels.rows(about, queries.LISTENING_GAPS)
    panels.rename(table, "time", "From")
    panels.rename(table, "timeend", "Until")
    panels.hide(table, "text")
    panels.cell(table, "Length", unit="s", steps=meaning.thresholds(RED))
    return table
