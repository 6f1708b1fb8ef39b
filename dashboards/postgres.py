"""A query to Grafana's PostgreSQL data source, for which the SDK has no type of its own."""

from dataclasses import dataclass
from enum import StrEnum
from textwrap import dedent

from dashboards.sdk import Builder, Dataquery, look

DATASOURCE_TYPE = "grafana-postgresql-datasource"
DATASOURCE = look.DataSourceRef(type_val=DATASOURCE_TYPE, uid="${datasource}")


class Format(StrEnum):
    """What Grafana makes of the rows: as they are, or series over the column `time`."""

    TABLE = "table"
    TIME_SERIES = "time_series"


@dataclass(frozen=True)
class Sql(Dataquery, Builder[Dataquery]):
    """A finished query, and its own builder since panels take only those."""

    sql: str
    format: Format

    def build(self) -> Dataquery:
        return self

    def to_json(self) -> dict[str, object]:
        return {
            "refId": "A",
            "datasource": DATASOURCE,
            "editorMode": "code",
            "format": self.format,
            "rawQuery": True,
            "rawSql": readable(self.sql),
        }


def readable(sql: str) -> str:
    """As it will stand in Grafana's query editor."""
    return dedent(sql).strip()
