"""What can happen in a scenario: each event is known by its verb, and its instants are written as moments."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from collector.configuration.fleet import Form
from collector.model.duration import Duration
from collector.model.heartbeat import (
    AlertCategory,
    AlertSeverity,
    AlertStatus,
    JobName,
    Medium,
    PatchSeverity,
    ProtectionMode,
    RestoreLevel,
    RestoreStatus,
)
from collector.model.value import Label, Name, Text
from collector.scenario.amounts import Counts, Labels, Names, Sizes, Statuses

Moment = Annotated[str, Field(min_length=1)]


class Happening(Form):
    """`every` and `times` repeat it."""

    at: Moment
    every: Duration | None = None
    times: Annotated[int, Field(ge=1, le=10_000)] = 1


class Telling(Happening):
    """What an endpoint tells; it arrives at once unless it is said to arrive later."""

    arrives: Moment | None = None


class Heartbeats(Form):
    """A span of life: heartbeats each `every`, by default the endpoint's interval, to the end unless until earlier."""

    heartbeats: Names
    at: Moment = "0s"
    until: Moment | None = None
    every: Duration | None = None
    queued: Annotated[int, Field(ge=0)] = 0


class CopyForm(Form):
    medium: Medium
    location: Label = "backup"
    offline: bool = False
    immutable_until: Moment | None = None
    media_id: Labels = ()
    verified_at: Moment | None = None
    deleted_at: Moment | None = None


class Backup(Telling):
    """A run that ended at this instant unless `finished` says otherwise; `took` is how long it ran."""

    backup: JobName
    endpoint: Name | None = None
    status: Statuses
    tool: Label = "restic 0.16.4"
    run_id: Label | None = None
    started: Moment | None = None
    took: Duration | None = None
    finished: Moment | None = None
    bytes_total: Sizes = ()
    bytes_added: Sizes = ()
    files_total: Counts = ()
    files_changed: Counts = ()
    restore_points: Counts = ()
    copies: tuple[CopyForm, ...] = ()
    message: Text | None = None


class Started(Telling):
    """Word that a run began."""

    started: JobName
    endpoint: Name | None = None
    run_id: Label | None = None
    tool: Label = "restic 0.16.4"


class RestoreTested(Telling):
    restore_test: JobName
    endpoint: Name | None = None
    level: RestoreLevel = RestoreLevel.FILE
    status: RestoreStatus = RestoreStatus.SUCCESS
    tested: Moment = "now"


class PatchForm(Form):
    severity: PatchSeverity
    released: Moment | None = None


class Patched(Telling):
    """A scan for patches, of this instant unless `scanned` says otherwise."""

    patches: Name
    scanned: Moment = "now"
    missing: tuple[PatchForm, ...] = ()
    reboot_required_since: Moment | None = None
    last_installed: Moment | None = None


class ProductForm(Form):
    product: Label = "Microsoft Defender"
    mode: ProtectionMode = ProtectionMode.ACTIVE
    real_time: bool = True
    signatures: Moment | None = "now"
    tamper_protected: bool | None = None


class Protected(Telling):
    """What guards an endpoint; all of it."""

    protection: Name
    products: tuple[ProductForm, ...] = (ProductForm(),)


class Alerted(Telling):
    """An alert by its name, or that it is over; the same `id` is the same alert."""

    alert: Label
    endpoint: Name | None = None
    id: Label | None = None
    severity: AlertSeverity = AlertSeverity.HIGH
    category: AlertCategory = AlertCategory.MALWARE
    status: AlertStatus = AlertStatus.OPEN


class Pinged(Happening):
    """A ping tells of a run of the practice's job, or of an endpoint's; while we are away it is lost."""

    ping: JobName
    endpoint: Name | None = None
    status: Literal["success", "failed", "started"] = "success"


class AgentChanged(Telling):
    """Another version of the agent reports from now on."""

    agent: Label
    endpoint: Name | None = None


class OurOutage(Happening):
    """We can store nothing for so long. What agents held back then comes within `catching_up`."""

    our_outage: Duration
    catching_up: Duration = timedelta(minutes=1)


class ClockStep(Happening):
    """From now on an endpoint's clock is so far behind (or ahead); 0s sets it right."""

    clock: Name
    behind: Duration = timedelta(0)
    ahead: Duration = timedelta(0)


class Lost(Happening):
    """So many heartbeats of an endpoint's last day are found not to have come."""

    lost: Annotated[int, Field(ge=1)]
    endpoint: Name | None = None


Event = (
    Heartbeats | Backup | Started | RestoreTested | Patched | Protected | Alerted | Pinged | AgentChanged | OurOutage
    | ClockStep | Lost
)  # fmt: skip
VERBS: Mapping[str, type[Event]] = {
    "heartbeats": Heartbeats,
    "backup": Backup,
    "started": Started,
    "restore_test": RestoreTested,
    "patches": Patched,
    "protection": Protected,
    "alert": Alerted,
    "ping": Pinged,
    "agent": AgentChanged,
    "our_outage": OurOutage,
    "clock": ClockStep,
    "lost": Lost,
}


def verb(written: Mapping[str, object]) -> str | None:
    """What happens. A run may say when it `started`, and is known by its backup."""
    return next((one for one in VERBS if one in written), None)
