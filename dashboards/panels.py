"""The kinds of panel that we use; none can be built without a title, what it answers, a unit and a no-data text."""

from dataclasses import dataclass
from typing import TypeVar

from dashboards.meaning import thresholds
from dashboards.postgres import DATASOURCE, Format, Sql
from dashboards.sdk import barchart, bargauge, build, common, look, model, stat, table, timeseries

Panel = stat.Panel | table.Panel | timeseries.Panel | barchart.Panel | bargauge.Panel
_P = TypeVar("_P", stat.Panel, table.Panel, timeseries.Panel, barchart.Panel, bargauge.Panel)


@dataclass(frozen=True)
class About:
    """What a reader is told of a panel, and its room: of 24 columns, and in rows of about 38 pixels."""

    title: str
    answers: str
    unit: str
    empty: str
    width: int
    height: int


def counts(about: About, sql: str, colors: dict[str, str]) -> stat.Panel:
    """One large number for each column, in its colour as soon as it is not zero."""
    panel = _framed(stat.Panel(), about, sql, Format.TABLE)
    panel.reduce_options(_last()).orientation(look.VizOrientation.VERTICAL)
    panel.graph_mode(look.BigValueGraphMode.NONE).color_mode(look.BigValueColorMode.BACKGROUND)
    panel.text_mode(look.BigValueTextMode.VALUE_AND_NAME)
    for name, color in colors.items():
        steps = thresholds("transparent", (1, color))
        panel.override_by_name(name, [_property("thresholds", steps.build())])
    return panel


def gauges(about: About, sql: str, colors: dict[str, str]) -> bargauge.Panel:
    """One horizontal bar for each column."""
    panel = _framed(bargauge.Panel(), about, sql, Format.TABLE)
    panel.reduce_options(_last()).orientation(look.VizOrientation.HORIZONTAL).min(0)
    panel.display_mode(look.BarGaugeDisplayMode.BASIC).value_mode(look.BarGaugeValueMode.TEXT)
    _color(panel, colors)
    return panel


def bars(about: About, sql: str, by: str, colors: dict[str, str]) -> barchart.Panel:
    """One horizontal bar for each row, its columns stacked."""
    panel = _framed(barchart.Panel(), about, sql, Format.TABLE)
    panel.x_field(by).orientation(look.VizOrientation.HORIZONTAL).stacking(look.StackingMode.NORMAL)
    panel.show_value(look.VisibilityMode.AUTO).legend(_legend()).min(0)
    _color(panel, colors)
    return panel


def lines(about: About, sql: str, colors: dict[str, str], *, least_interval: str) -> timeseries.Panel:
    """`least_interval` is the narrowest bucket that means anything."""
    panel = _framed(timeseries.Panel(), about, sql, Format.TIME_SERIES)
    panel.interval(least_interval).min(0).legend(_legend()).tooltip(_tooltip())
    _color(panel, colors)
    return panel


def columns(about: About, sql: str, colors: dict[str, str], *, least_interval: str) -> timeseries.Panel:
    """Counts in time, as bars no narrower than a finger."""
    panel = lines(about, sql, colors, least_interval=least_interval)
    return panel.draw_style(look.GraphDrawStyle.BARS).fill_opacity(80).max_data_points(100)


def rows(about: About, sql: str) -> table.Panel:
    """A table; `cell` says of a column what differs from plain text."""
    panel = _framed(table.Panel(), about, sql, Format.TABLE)
    # The table's no-data text would else stand in each empty cell.
    panel.override_by_regexp("/.*/", [_property("noValue", "–")])
    return panel.cell_height(look.TableCellHeight.SM).filterable(True)


def cell(
    panel: table.Panel,
    name: str,
    *,
    unit: str | None = None,
    mappings: list[model.ValueMapping] | None = None,
    steps: build.ThresholdsConfig | None = None,
    width: int | None = None,
) -> None:
    """How a column is shown; mapped and graded ones in their colours."""
    properties = [_property("unit", unit), _property("mappings", mappings), _property("custom.width", width)]
    if steps:
        properties.append(_property("thresholds", steps.build()))
    if steps or mappings:
        properties.append(_property("custom.cellOptions", _filled()))
    panel.override_by_name(name, [one for one in properties if one.value is not None])


def rename(panel: table.Panel, name: str, shown: str) -> None:
    panel.override_by_name(name, [_property("displayName", shown)])


def hide(panel: table.Panel, name: str) -> None:
    panel.override_by_name(name, [_property("custom.hidden", True)])


def link(panel: table.Panel, name: str, title: str, url: str) -> None:
    panel.override_by_name(name, [_property("links", [{"title": title, "url": url}])])


def _framed(panel: _P, about: About, sql: str, shape: Format) -> _P:
    panel.title(about.title).description(about.answers).unit(about.unit).no_value(about.empty)
    panel.span(about.width).height(about.height)
    panel.thresholds(thresholds("transparent"))
    return panel.datasource(DATASOURCE).with_target(Sql(sql, shape))


def _color(panel: bargauge.Panel | barchart.Panel | timeseries.Panel, colors: dict[str, str]) -> None:
    for name, color in colors.items():
        fixed = model.FieldColor(mode=model.FieldColorModeId.FIXED, fixed_color=color)
        panel.override_by_name(name, [_property("color", fixed)])


def _property(name: str, value: object) -> model.DynamicConfigValue:
    return model.DynamicConfigValue(id_val=name, value=value)


def _filled() -> look.TableColoredBackgroundCellOptions:
    return look.TableColoredBackgroundCellOptions(mode=look.TableCellBackgroundDisplayMode.BASIC)


def _last() -> common.ReduceDataOptions:
    return common.ReduceDataOptions().calcs(["lastNotNull"]).values(False)


def _legend() -> common.VizLegendOptions:
    legend = common.VizLegendOptions().show_legend(True).display_mode(look.LegendDisplayMode.LIST)
    return legend.placement(look.LegendPlacement.BOTTOM).calcs([])


def _tooltip() -> common.VizTooltipOptions:
    return common.VizTooltipOptions().mode(look.TooltipDisplayMode.MULTI).sort(look.SortOrder.DESCENDING)
