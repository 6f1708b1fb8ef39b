"""Bodies as they come in: of some the beginning is kept and the rest thrown away, however it comes."""

from typing import Any
from uuid import UUID

import pytest

from collector.intake.incoming import Bodies, GoneError, read_beginning

PRACTICE = UUID(int=1)
LIMIT = 1_000


class Held(Bodies):
    """Notes the most that was held at once, and what is left."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.most = 0

    def hold(self, practice_id: UUID, size: int, before: int = 0) -> None:
        super().hold(practice_id, size, before)
        self.now += size
        self.most = max(self.most, self.now)

    def release(self, practice_id: UUID, size: int) -> None:
        super().release(practice_id, size)
        self.now -= size


class Client:
    """Sends these pieces, and knows how many were taken."""

    def __init__(self, *pieces: bytes, stays: bool = True) -> None:
        self.left = list(pieces)
        self.stays = stays

    async def receive(self) -> dict[str, Any]:
        if not self.left:
            return {"type": "http.disconnect"}
        piece = self.left.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(self.left) or not self.stays}


@pytest.mark.parametrize(
    ("pieces", "kept"),
    [
        ([b""], b""),
        ([b"a" * LIMIT], b"a" * LIMIT),
        ([b"a" * (LIMIT + 1)], b"a" * LIMIT),
        ([b"a" * (LIMIT - 1), b"bc", b"d"], b"a" * (LIMIT - 1) + b"b"),
        ([b"a", b"", b"b"], b"ab"),
        ([b"x" * 700] * 5_000, b"x" * LIMIT),
    ],
)
async def test_beginning_is_kept_and_all_of_it_taken(pieces: list[bytes], kept: bytes) -> None:
    client, held = Client(*pieces), Held()
    assert await read_beginning(client.receive, LIMIT, held, PRACTICE) == kept
    assert client.left == []
    assert (held.now, held.most) == (0, len(kept))


async def test_client_that_goes_away_in_the_middle_leaves_nothing_held() -> None:
    held = Held()
    with pytest.raises(GoneError):
        await read_beginning(Client(b"a", stays=False).receive, LIMIT, held, PRACTICE)
    assert held.now == 0
