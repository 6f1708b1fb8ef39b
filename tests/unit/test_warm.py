"""What is remembered: shared while asked, bounded, forgotten when told, and never from before it was told."""

import asyncio
from collections.abc import Callable, Collection

import pytest

from collector.intake import warm
from collector.intake.hearing import Hearing
from collector.intake.warm import Warm
from collector.store.connect import StoreAwayError


class Vouching(Hearing):
    """Hears what the test says, and vouches for everything, or for nothing."""

    def __init__(self, good: bool = True) -> None:
        super().__init__("postgresql://nowhere")
        self.good = good

    def vouches_for(self, asked_at: float) -> bool:  # noqa: ARG002 - as the one that it stands for
        return self.good


class Store:
    """Answers `<key><version>`, and nothing to keys that begin with x; counts what it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.version = 1
        self.answering = asyncio.Event()
        self.answering.set()
        self.meanwhile: Callable[[], None] = lambda: None

    async def ask(self, key: str) -> str | None:
        self.asked.append(key)
        found = None if key.startswith("x") else f"{key}{self.version}"
        self.meanwhile()
        await self.answering.wait()
        return found


def told_by(key: str, value: str | None) -> Collection[str]:
    return (f"key:{key}", "practice:1") if value else (f"key:{key}",)


def remembering(store: Store, hearing: Hearing | None = None) -> Warm[str, str | None]:
    return Warm(store.ask, told_by, hearing or Vouching())


@pytest.mark.parametrize(("key", "value"), [("a", "a1"), ("x", None)])
async def test_what_is_warm_is_not_asked_again(key: str, value: str | None) -> None:
    store = Store()
    held = remembering(store)
    assert [await held.get(key) for _ in range(3)] == [value] * 3
    assert held.at_hand(key) == value
    assert store.asked == [key]


async def test_what_nobody_vouches_for_is_asked_again() -> None:
    store = Store()
    hearing = Vouching(good=False)
    held = remembering(store, hearing)
    await held.get("a")
    assert held.at_hand("a") is None
    await held.get("a")
    assert store.asked == ["a", "a"]
    hearing.good = True
    assert held.at_hand("a") == "a1"


@pytest.mark.parametrize(
    ("told", "kept"),
    [("key:a", [None, "b1"]), ("practice:1", [None, None]), (None, [None, None]), ("key:c", ["a1", "b1"])],
)
async def test_what_is_told_is_forgotten_and_nothing_else(told: str | None, kept: list[str | None]) -> None:
    held = remembering(Store())
    for key in ("a", "b"):
        await held.get(key)
    held.forget(told)
    assert [held.at_hand(key) for key in ("a", "b")] == kept


async def test_that_there_is_none_is_forgotten_when_there_is() -> None:
    store = Store()
    held = remembering(store)
    await held.get("x")
    held.forget("practice:1")
    await held.get("x")
    held.forget("key:x")
    await held.get("x")
    assert store.asked == ["x", "x"]


async def test_who_asks_the_same_at_once_shares_a_look_up() -> None:
    store = Store()
    store.answering.clear()
    held = remembering(store)
    waiting = [asyncio.create_task(held.get("a")) for _ in range(50)]
    await asyncio.sleep(0)
    store.answering.set()
    assert await asyncio.gather(*waiting) == ["a1"] * 50
    assert store.asked == ["a"]


async def test_one_who_goes_away_takes_no_answer_from_the_others() -> None:
    store = Store()
    store.answering.clear()
    held = remembering(store)
    gone, stays = asyncio.create_task(held.get("a")), asyncio.create_task(held.get("a"))
    await asyncio.sleep(0)
    gone.cancel()
    store.answering.set()
    assert await stays == "a1"


async def test_a_look_up_that_news_overtook_is_asked_again() -> None:
    store = Store()
    held = remembering(store)

    def changes() -> None:
        store.meanwhile = lambda: None
        store.version = 2
        held.forget("key:a")

    store.meanwhile = changes
    assert await held.get("a") == held.at_hand("a") == "a2"
    assert store.asked == ["a", "a"]


async def test_under_ceaseless_news_an_answer_is_given_and_not_kept() -> None:
    store = Store()
    held = remembering(store)
    store.meanwhile = lambda: held.forget("key:b")
    assert await held.get("a") == "a1"
    assert held.at_hand("a") is None


async def test_the_least_used_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warm, "MOST_HELD", 2)
    held = remembering(Store())
    for key in ("a", "b", "a", "c"):
        await held.get(key)
    assert [held.at_hand(key) for key in ("a", "b", "c")] == ["a1", None, "c1"]
    held.forget("practice:1")
    assert [held.at_hand(key) for key in ("a", "b", "c")] == [None] * 3


async def test_only_so_many_look_ups_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warm, "MOST_ASKED", 2)
    store = Store()
    store.answering.clear()
    held = remembering(store)
    waiting = [asyncio.create_task(held.get(key)) for key in ("a", "b")]
    await asyncio.sleep(0)
    with pytest.raises(StoreAwayError):
        await held.get("c")
    store.answering.set()
    assert await asyncio.gather(*waiting) == ["a1", "b1"]
    assert await held.get("c") == "c1"


async def test_a_failed_look_up_is_told_to_all_and_not_kept() -> None:
    store = Store()
    held = remembering(store)

    def fails() -> None:
        raise ConnectionRefusedError

    store.meanwhile = fails
    answers = await asyncio.gather(held.get("a"), held.get("a"), return_exceptions=True)
    assert [type(answer) for answer in answers] == [StoreAwayError] * 2
    store.meanwhile = lambda: None
    assert await held.get("a") == "a1"


async def test_a_look_up_without_an_answer_comes_to_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warm, "LOOK_UP_S", 0.01)
    store = Store()
    store.answering.clear()
    with pytest.raises(StoreAwayError):
        await remembering(store).get("a")
