"""Keys: minted, parsed and matched; the secret shows in the token alone."""

import pytest

from collector.model.credential import Credential, Holder

KEY_ID, SECRET = "0123456789abcdef", "ab" * 32
TOKEN = f"vgp_{KEY_ID}_{SECRET}"


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
