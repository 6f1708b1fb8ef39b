"""A fleet drawn from a seed: the same seed gives the same practices, machines and jobs."""

from datetime import timedelta
from random import Random

from collector.model.heartbeat import Role
from collector.simulation.script import JobScript, MachineScript, PracticeScript

_TOWNS = (
    "Bordeaux", "Mérignac", "Talence", "Bègles", "Gradignan", "Cenon", "Lormont", "Bruges", "Libourne", "Arcachon",
    "Blaye", "Langon", "Andernos", "Cestas", "Floirac", "Eysines", "Le Bouscat", "Ambarès", "Lacanau", "Bazas",
)  # fmt: skip
_KINDS = ("Cabinet dentaire", "Cabinet médical", "Orthodontie", "Centre d'imagerie", "Maison de santé")
_SYSTEMS = {
    Role.SERVER: ("Windows Server 2022", "Windows Server 2019", "Debian 12"),
    Role.WORKSTATION: ("Windows 11 Pro", "Windows 10 Pro"),
    Role.IMAGING: ("Windows 10 IoT",),
    Role.NAS: ("Synology DSM 7.2",),
}
_TOOLS = ("restic 0.16.4", "borg 1.2.4", "Veeam Agent 6.1")


def draw_fleet(seed: int, practices: int, *, interval: timedelta, period: timedelta) -> tuple[PracticeScript, ...]:
    """Practices with a server and a few other machines, every one with a backup job and no fault."""
    random = Random(seed)  # noqa: S311 - a simulation must be repeatable
    return tuple(_practice(random, number, interval, period) for number in range(practices))


def _practice(random: Random, number: int, interval: timedelta, period: timedelta) -> PracticeScript:
    kind, town = random.choice(_KINDS), _TOWNS[number % len(_TOWNS)]
    round_ = number // len(_TOWNS)
    roles = [
        Role.SERVER,
        *random.choices((Role.WORKSTATION, Role.IMAGING, Role.NAS), (6, 2, 2), k=random.randint(0, 2)),
    ]
    machines = tuple(_machine(random, role, place, interval, period) for place, role in enumerate(roles, start=1))
    return PracticeScript(name=f"{kind} {town}" + (f" {round_ + 1}" if round_ else ""), machines=machines)


def _machine(random: Random, role: Role, place: int, interval: timedelta, period: timedelta) -> MachineScript:
    job = JobScript(
        name={Role.SERVER: "daily", Role.IMAGING: "imaging"}.get(role, "documents"),
        tool=random.choice(_TOOLS),
        period=period,
        first=timedelta(0),
        duration=period * random.uniform(0.01, 0.05),
    )
    return MachineScript(
        name=f"{role.value[:3].upper()}-{place:02}",
        role=role,
        os=random.choice(_SYSTEMS[role]),
        interval=interval,
        first=interval * random.random(),
        jobs=(job,),
    )
