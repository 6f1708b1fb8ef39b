"""Secrets come from the environment or a file, and what is wrong with one is said without it."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from collector.model.channels import Secret
from collector.secrets import MissingSecretError, read_secret, read_signing_key

KEY = "whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0"


def said(secret: Secret, **environment: str) -> str:
    with pytest.raises(MissingSecretError) as raised:
        read_secret(secret, environment)
    return str(raised.value)


def test_it_is_read_from_the_environment_or_a_file_without_its_newline(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("s3cret\n")
    assert read_secret(Secret(env="DESK"), {"DESK": "s3cret"}) == "s3cret"
    assert read_secret(Secret(file=tmp_path / "token")) == "s3cret"


def test_where_it_is_missing_the_place_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text(" \n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    assert said(Secret(env="DESK"), OTHER="x") == "environment variable DESK is not set"
    assert said(Secret(env="DESK"), DESK=" ") == "environment variable DESK is empty"
    assert said(Secret(file=tmp_path / "none")) == f"file {tmp_path}/none cannot be read: No such file or directory"
    assert said(Secret(file=tmp_path)) == f"file {tmp_path} cannot be read: Is a directory"
    assert said(Secret(file=tmp_path / "empty")) == f"file {tmp_path}/empty is empty"
    assert said(Secret(file=tmp_path / "binary")) == f"file {tmp_path}/binary is not text in UTF-8"


def test_a_signing_key_is_checked_and_never_echoed() -> None:
    assert read_signing_key(Secret(env="DESK"), {"DESK": KEY}) == KEY
    for wrong in ("c2VjcmV0", "whsec_", "whsec_not base64", "whpk_c2VjcmV0"):
        with pytest.raises(MissingSecretError) as raised:
            read_signing_key(Secret(env="DESK"), {"DESK": wrong})
        assert "DESK is not whsec_ and base64" in str(raised.value)
        assert wrong not in str(raised.value).replace("whsec_ and", "")


@pytest.mark.parametrize(
    "given", [{}, {"env": "A", "file": "/b"}, {"env": "VIGIE_DESK"}, {"env": "vigie_desk"}, {"env": ""}]
)
def test_a_secret_has_one_place_that_no_setting_is_called(given: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Secret.model_validate(given)
