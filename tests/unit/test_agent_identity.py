"""Who the agent is and how it counts."""

import time
from pathlib import Path
from uuid import RFC_4122, UUID

import pytest

from collector.agent.ground.errors import ConfigurationError
from collector.agent.ground.identity import endpoint_id, next_seq, only_agent
from collector.agent.heartbeat import uuid7


def test_uuid7_has_version_variant_and_its_milliseconds() -> None:
    made = uuid7(1_795_283_988_123)
    assert (made.version, made.variant) == (7, RFC_4122)
    assert made.int >> 80 == 1_795_283_988_123


def test_uuid7_sorts_by_time_and_never_repeats_within_a_millisecond() -> None:
    made = [uuid7(ms) for ms in range(1_000) for _ in range(3)]
    assert len(set(made)) == len(made)
    assert [one.int >> 80 for one in sorted(made)] == [one.int >> 80 for one in made]


def test_the_install_id_is_made_once_and_private(tmp_path: Path) -> None:
    first = endpoint_id(tmp_path)
    assert isinstance(first, UUID)
    assert endpoint_id(tmp_path) == first
    assert (tmp_path / "endpoint-id").stat().st_mode & 0o777 == 0o600


def test_a_damaged_install_id_is_not_replaced_by_another_machine(tmp_path: Path) -> None:
    endpoint_id(tmp_path)
    (tmp_path / "endpoint-id").write_text("\0\0")
    with pytest.raises(ConfigurationError, match="holds no UUID"):
        endpoint_id(tmp_path)


def test_the_count_starts_at_one_and_is_on_disk_before_it_is_used(tmp_path: Path) -> None:
    endpoint_id(tmp_path)
    assert next_seq(tmp_path) == 1
    assert (tmp_path / "seq").read_text() == "1\n"
    assert next_seq(tmp_path) == 2


@pytest.mark.parametrize("damage", ["", "\0", "x"])
def test_a_lost_count_goes_on_above_every_count_before(tmp_path: Path, damage: str) -> None:
    endpoint_id(tmp_path)
    (tmp_path / "seq").write_text(damage)
    assert next_seq(tmp_path) >= int(time.time()) - 1


def test_a_second_agent_on_the_same_state_is_refused(tmp_path: Path) -> None:
    with only_agent(tmp_path), pytest.raises(ConfigurationError, match="another agent"), only_agent(tmp_path):
        pass
    with only_agent(tmp_path):
        pass
