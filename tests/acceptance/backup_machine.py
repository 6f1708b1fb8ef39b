"""A machine that backs up with the real borgmatic and the real borg, as a practice sets them up."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

# A patient's name in a file's name: what must never leave the practice.
PATIENT = "Dupont-Marie"
FILE = f"{PATIENT}.dcm"


@dataclass(frozen=True)
class BackupMachine:
    """Both programs and everything they write, in one folder."""

    borg: Path
    borgmatic: Path
    folder: Path

    @property
    def files(self) -> Path:
        return self.folder / "files"

    @property
    def repository(self) -> Path:
        return self.folder / "practice.borg"

    @property
    def programs(self) -> str:
        """For a PATH."""
        return f"{self.borg.parent}:{self.borgmatic.parent}"

    @property
    def environment(self) -> Mapping[str, str]:
        """Nothing of the caller's: neither his caches nor his proxies."""
        home = str(self.folder)
        return {"PATH": f"{self.programs}:{os.defpath}", "HOME": home, "BORG_BASE_DIR": home, "LC_ALL": "C.UTF-8"}

    def fill(self) -> None:
        self.files.mkdir(parents=True)
        (self.files / FILE).write_text("x-ray")

    def run(self, configuration: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """borgmatic with this configuration, to its end."""
        (self.folder / "config.yaml").write_text(configuration)
        return subprocess.run(
            [self.borgmatic, "--config", self.folder / "config.yaml", *arguments],
            cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False,
        )  # fmt: skip

    def create_repository(self, configuration: str) -> None:
        created = self.run(configuration, "repo-create", "--encryption", "none")
        assert created.returncode == 0, created.stdout + created.stderr
