"""A provider with people, rotas and hours, for tests of who is told when."""

from datetime import UTC, date, datetime, timedelta

from hypothesis import strategies as st

from collector.escalation.oncall import Roster
from collector.model.book import Book, Override, Person, Rota
from collector.model.channels import AppriseChannel, Secret
from collector.model.escalation import Action, EscalationPolicy, Step, When
from tests.factories import DAY, HOUR, MINUTE, NOW

# NOW is a Saturday evening in Paris; the provider opens on Monday at eight.
OPENS = datetime(2026, 11, 23, 7, tzinfo=UTC)
CLOSES = OPENS + 11 * HOUR

ADA, BOB = Person(page=("sms",), notify=("mail",)), Person(page=("calls",))
BOOK = Book(
    people={"ada": ADA, "bob": BOB},
    rotas={
        "nights": Rota(
            zone="Europe/Paris", people=("ada", "bob"), turn="day", begins=date(2026, 1, 1), covers=When.AFTER_HOURS
        ),
        "days": Rota(zone="Europe/Paris", people=("bob",), begins=date(2026, 1, 1), covers=When.IN_HOURS),
        "weekend": Rota(
            zone="Europe/Paris", people=("bob",), begins=date(2026, 1, 1), covers=When.IN_HOURS,
            overrides=(Override(person="ada", since=NOW + HOUR, until=NOW + DAY),),
        ),
    },
    teams={"everybody": ("days", "nights"), "office": ("days",)},
    channels={
        name: AppriseChannel(kind="apprise", url=Secret(env="URL")) for name in ("sms", "mail", "calls", "phone")
    },
)  # fmt: skip
ROSTER = Roster(BOOK)


def step(minutes: float, action: Action = Action.TICKET, *to: str, **more: object) -> Step:
    return Step.model_validate({"after": minutes * MINUTE, "action": action, "to": to, **more})


def steps(*of: Step) -> EscalationPolicy:
    return EscalationPolicy(name="test", steps=of)


def _step(after: timedelta, action: Action, to: str, repeat: timedelta | None, when: When, waits: bool) -> Step:
    told: dict[str, object] = {"to": (to,), "repeat": repeat} if action is not Action.TICKET else {}
    return Step.model_validate({"after": after, "action": action, "when": when, "waits": waits, **told})


_steps = st.builds(
    _step,
    after=st.one_of(st.just(0), st.integers(0, 100)).map(lambda hours: hours * HOUR / 4),
    action=st.sampled_from(Action),
    to=st.sampled_from(["ada", "nights", "days", "weekend", "everybody", "office"]),
    repeat=st.sampled_from([None, None, 3 * HOUR, DAY]),
    when=st.sampled_from(When),
    waits=st.booleans(),
)
policies = st.lists(_steps, max_size=4).map(lambda some: steps(*sorted(some, key=lambda one: one.after)))
