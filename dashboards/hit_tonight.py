"""If we were hit tonight, what would we lose?"""

from dashboards import meaning, panels, queries
from dashboards.meaning import GREEN, GREY, ORANGE, RED, YELLOW
from dashboards.panels import About, Panel

TITLE = "If we were hit tonight"

_AGES = {
    "No good backup": RED,
    "Beyond twice the RPO": RED,
    "Beyond the RPO": ORANGE,
    "Within the RPO": GREEN,
    "Within half the RPO": GREEN,
    "No RPO agreed": GREY,
}


def build() -> tuple[Panel, ...]:
    return _ages(), _worst(), _not_watched()


def _ages() -> Panel:
    about = About(
        title="Jobs by age of their last good backup",
        answers="How many backup jobs would lose more than was agreed, measured by their RPO.",
        unit="none",
        empty="No backup job is known.",
        width=8,
        height=10,
    )
    return panels.gauges(about, queries.JOBS_BY_AGE, _AGES)


def _worst() -> Panel:
    about = About(
        title="What would be lost, worst first",
        answers="Which jobs never had a good backup, and which have used up most of their RPO.",
        unit="none",
        empty="No backup job is known.",
        width=16,
        height=10,
    )
    table = panels.rows(about, queries.JOBS_WORST_FIRST)
    panels.cell(table, "State", mappings=meaning.state_texts(), width=110)
    panels.cell(table, "Would lose", unit="s", mappings=meaning.null_text("everything", RED))
    panels.cell(table, "RPO", unit="s")
    steps = meaning.thresholds("transparent", (0.8, YELLOW), (1, ORANGE), (2, RED))  # of the RPO
    panels.cell(table, "Of the RPO", unit="percentunit", steps=steps)
    panels.cell(table, "Last run", unit="dateTimeFromNow")
    return table


def _not_watched() -> Panel:
    about = About(
        title="Jobs never scheduled or never reported",
        answers="Which backups nobody would miss: those without a schedule, and those that never ran.",
        unit="none",
        empty="Every job has a schedule and has run.",
        width=24,
        height=8,
    )
    table = panels.rows(about, queries.JOBS_NOT_WATCHED)
    panels.cell(table, "State", mappings=meaning.state_texts(), width=110)
    panels.cell(table, "Last run", unit="dateTimeFromNow")
    panels.cell(table, "Due", unit="dateTimeFromNow")
    return table
