"""Grafana's Foundation SDK: its classic dashboard model, which every Grafana in use takes from files.

The newer v2 model, for which the SDK speaks with warnings while it is imported, needs Grafana 12.
"""

import warnings

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", "Prefer using dashboardv2", DeprecationWarning)
    from grafana_foundation_sdk.builders import barchart, bargauge, common, stat, table, timeseries
    from grafana_foundation_sdk.builders import dashboard as build
    from grafana_foundation_sdk.cog.builder import Builder
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.cog.variants import Dataquery
    from grafana_foundation_sdk.models import common as look
    from grafana_foundation_sdk.models import dashboard as model

__all__ = [
    "Builder",
    "Dataquery",
    "JSONEncoder",
    "barchart",
    "bargauge",
    "build",
    "common",
    "look",
    "model",
    "stat",
    "table",
    "timeseries",
]
