"""Who needs us now?"""

from dashboards import meaning, panels, queries
from dashboards.meaning import GREY, ORANGE, RED, STATES
from dashboards.panels import About, Panel

TITLE = "Who needs us now"


def build() -> tuple[Panel, ...]:
    return _states(), _incidents(), _practices()


def _states() -> Panel:
    about = About(
        title="Practices by state",
        answers="How many practices need somebody now, and of how many we know nothing.",
        unit="none",
        empty="No practice is configured.",
        width=12,
        height=7,
    )
    colors = {text: color for text, color in STATES.values() if text != "Retired"}
    return panels.counts(about, queries.PRACTICES_BY_STATE, colors)


def _incidents() -> Panel:
    about = About(
        title="Open incidents by rule",
        answers="What is wrong that has not been resolved, acknowledged or not.",
        unit="none",
        empty="No incident is open.",
        width=12,
        height=7,
    )
    return panels.bars(about, queries.INCIDENTS_BY_RULE, "Rule", {"Critical": RED, "Warning": ORANGE})


def _practices() -> Panel:
    about = About(
        title="Practices, worst first",
        answers="Who is to be helped first, why, since when, and how old the oldest of their last good backups is.",
        unit="none",
        empty="No practice is configured.",
        width=24,
        height=11,
    )
    table = panels.rows(about, queries.PRACTICES_WORST_FIRST)
    panels.cell(table, "State", mappings=meaning.state_texts(), width=110)
    panels.cell(table, "Since", unit="dateTimeFromNow")
    panels.cell(table, "Incidents", steps=meaning.thresholds("transparent", (1, ORANGE)))
    panels.cell(table, "Oldest good backup", unit="s", mappings=meaning.null_text("none", GREY))
    panels.hide(table, "practice_id")
    only_this = "/d/vigie-fleet?var-practice=${__data.fields.practice_id}&${__url_time_range}&${datasource:queryparam}"
    panels.link(table, "Practice", "This practice alone", only_this)
    return table
