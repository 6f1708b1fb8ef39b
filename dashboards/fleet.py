"""The dashboard on the wall of a provider's operations centre: the whole fleet, worst first."""

from itertools import count

from dashboards import heartbeats, hit_tonight, incidents, needs_us, queries
from dashboards.meaning import RED
from dashboards.postgres import DATASOURCE, DATASOURCE_TYPE, Format, Sql, readable
from dashboards.sdk import build, model

UID = "vigie-fleet"
VERSION = 1
ROOMS = (needs_us, hit_tonight, heartbeats, incidents)


def fleet() -> model.Dashboard:
    dashboard = build.Dashboard("Vigie: the fleet").uid(UID).version(VERSION).tags(["vigie"])
    dashboard.description("Who needs us now, and what would be lost if they were hit tonight?")
    dashboard.timezone("browser").time("now-6h", "now").refresh("30s").readonly()
    dashboard.tooltip(model.DashboardCursorSync.CROSSHAIR).week_start("monday")
    dashboard.with_variable(_datasource()).with_variable(_practice()).annotation(_outages())
    _furnish(dashboard)
    return dashboard.build()


def _furnish(dashboard: build.Dashboard) -> None:
    number = count(1)
    for room in ROOMS:
        dashboard.with_row(build.Row(room.TITLE).id(next(number)))
        for panel in room.build():
            dashboard.with_panel(panel.id(next(number)))


def _datasource() -> build.DatasourceVariable:
    variable = build.DatasourceVariable("datasource").label("Database").type(DATASOURCE_TYPE)
    return variable.description("Which Vigie is looked at.").multi(False).include_all(False)


def _practice() -> build.QueryVariable:
    sql = readable(queries.PRACTICES)
    everything = model.VariableOption(selected=True, text=["All"], value=["$__all"])
    variable = build.QueryVariable("practice").label("Practice").datasource(DATASOURCE).query(sql).definition(sql)
    variable.description("Whose panels are shown.").multi(True).current(everything)
    variable.include_all(True).all_value(queries.EVERY_PRACTICE).allow_custom_value(False)
    return variable.refresh(model.VariableRefresh.ON_DASHBOARD_LOAD).sort(model.VariableSort.DISABLED)


def _outages() -> build.AnnotationQuery:
    """Our own outages shaded into every graph, lest they be taken for the practices'."""
    annotation = build.AnnotationQuery().name("We were not listening").datasource(DATASOURCE).icon_color(RED)
    return annotation.enable(True).target(Sql(queries.LISTENING_GAPS, Format.TABLE))
