"""Keys: minted, parsed and matched; the secret shows in the token alone."""

from uuid import UUID

import pytest

from collector.model.credential import Credential, Holder

KEY_ID, SECRET = "0123456789abcdef", "ab" * 32
TOKEN = f"vgp_{KEY_ID}_{SECRET}"
JOB_TOKEN = "6f1c7b1e-3a55-4a0e-9d53-0f8f6f5b2a11"


@pytest.mark.parametrize("holder", list(Holder))
def test_minted_key_is_parsed_from_its_token(holder: Holder) -> None:
    minted = Credential.mint(holder)
    assert Credential.parse(str(minted)) == minted


def test_no_two_minted_keys_share_anything() -> None:
    keys = [Credential.mint(Holder.PRACTICE) for _ in range(100)]
    assert len({key.key_id for key in keys}) == len({key.secret for key in keys}) == 100


@pytest.mark.parametrize(
    "token",
    [
        "",
        TOKEN[:-1],
        TOKEN + "a",
        TOKEN + "\n",
        " " + TOKEN,
        TOKEN.upper(),
        TOKEN.replace("vgp", "vgx"),
        TOKEN.replace("_", "-"),
        TOKEN[:-1] + "g",
        TOKEN[:-1] + "\u0661",  # a digit, of another script
        "Bearer " + TOKEN,
        JOB_TOKEN.upper(),
        JOB_TOKEN.replace("-", ""),
        JOB_TOKEN + "\n",
        "{" + JOB_TOKEN + "}",
    ],
)
def test_token_of_another_shape_is_none(token: str) -> None:
    assert Credential.parse(token) is None


def test_key_matches_the_hash_of_its_own_secret_only() -> None:
    key = Credential(Holder.PRACTICE, KEY_ID, SECRET)
    assert key.matches(key.secret_hash)
    assert not key.matches(Credential(Holder.PRACTICE, KEY_ID, "ac" * 32).secret_hash)
    assert not key.matches(b"")
    assert len(key.secret_hash) == 32


def test_secret_is_hidden_where_a_key_is_shown() -> None:
    key = Credential.parse(TOKEN)
    assert str(key) == TOKEN
    for shown in (repr(key), repr([key]), f"{key!r}"):
        assert SECRET not in shown
        assert KEY_ID in shown


def test_a_jobs_key_is_a_uuid_and_its_id_tells_nothing_of_it() -> None:
    minted = Credential.mint(Holder.JOB)
    assert str(UUID(str(minted))) == str(minted)
    assert minted.key_id not in str(minted)


def test_a_jobs_key_is_found_by_its_url_alone() -> None:
    key = Credential.parse(JOB_TOKEN)
    assert key is not None
    assert key.holder is Holder.JOB
    assert key == Credential.parse(JOB_TOKEN)
    other = Credential.parse(JOB_TOKEN[:-1] + "2")
    assert other is not None
    assert other.key_id != key.key_id
    assert JOB_TOKEN not in repr(key)
