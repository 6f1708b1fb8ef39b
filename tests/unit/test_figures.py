"""What is read from the output of backup tools: real ones of several versions, and whatever anybody may send."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.intake.figures import Figures, read_figures
from collector.model.heartbeat import Backup, RunStatus
from tests.factories import NOW

SAMPLES = Path(__file__).parents[1] / "samples"

BORG_STATS = """\
Pinging Healthchecks start
Creating archive at "/srv/backup/nas::srv-2026-11-21T21:29:31"
------------------------------------------------------------------------------
Repository: /srv/backup/nas
Archive name: srv-2026-11-21T21:29:31
Number of files: 4
Utilization of max. archive size: 0%
------------------------------------------------------------------------------
                       Original size      Compressed size    Deduplicated size
This archive:              200.99 kB            200.91 kB                897 B
All archives:              600.31 kB            600.30 kB            202.63 kB

                       Unique chunks         Total chunks
Chunk index:                       9                   14
------------------------------------------------------------------------------
Pinging Healthchecks finish
"""
BORG_IEC = """\
local: Number of files: 2
local:                        Original size      Compressed size    Deduplicated size
local: This archive:             195.85 KiB           195.82 KiB                508 B
"""
BORG_2 = """\
Archive name: docs
Number of files: 12
Original size: 1.50 GB
Deduplicated size: 25.00 MB
"""
RESTIC_TEXT = """\
no parent snapshot found, will read all files

Files:           2 new,     3 changed,     7 unmodified
Dirs:            1 new,     0 changed,     0 unmodified
Added to the repository: 196.324 KiB (196.115 KiB stored)

processed 12 files, 195.315 KiB in 0:00
snapshot f6889428 saved
"""
RESTIC_OLD = "Added to the repo: 1.250 MiB\n\nprocessed 2 files, 1.5 GiB in 1:02:03\n"


def sample(name: str) -> str:
    return (SAMPLES / name).read_text()


@pytest.mark.parametrize(
    ("text", "figures"),
    [
        (sample("borg/borg_create_json.json"), Figures("borg", 200_503, 503, 2)),
        (sample("borg/borg_create_warning.json"), Figures("borg", 200_519, 525, 2)),
        (sample("borgmatic/borgmatic_create_json.json"), Figures("borg", 201_019, 614, 4)),
        (BORG_STATS, Figures("borg", 200_990, 897, 4)),
        (BORG_IEC, Figures("borg", 200_550, 508, 2)),
        (BORG_2, Figures("borg", 1_500_000_000, 25_000_000, 12)),
        (sample("restic/restic_backup.jsonl"), Figures("restic", 200_006, 201_059, 2, 2)),
        (sample("restic/restic-0.18.0_backup.jsonl"), Figures("restic", 200_006, 201_059, 2, 2)),
        (sample("restic/restic-0.19.1_backup.jsonl"), Figures("restic", 200_006, 201_059, 2, 2)),
        (sample("restic/restic_backup_warn.jsonl"), Figures("restic", 200_006, 0, 2, 0)),
        (RESTIC_TEXT, Figures("restic", 200_003, 201_036, 12, 5)),
        (RESTIC_OLD, Figures("restic", 1_610_612_736, 1_310_720, 2, None)),
        (sample("restic/restic_check.txt"), None),
        (sample("borg/borg_create_missingrepo_logjson.stderr"), None),
        ("", None),
        ("the backup went well", None),
    ],
)
def test_figures_of_real_output_are_read(text: str, figures: Figures | None) -> None:
    assert read_figures(text) == figures


def test_document_that_was_cut_off_behind_its_figures_is_read() -> None:
    whole = sample("borg/borg_create_json.json")
    assert read_figures("starting\n" + whole[: whole.index('"cache"')]) == Figures("borg", 200_503, 503, 2)


def test_last_archive_of_several_counts() -> None:
    assert read_figures(BORG_STATS.replace("897 B", "12 B") + BORG_IEC) == Figures("borg", 200_550, 508, 2)


MOST = 2**63 - 1


@pytest.mark.parametrize(
    ("number", "read"),
    [(str(MOST), MOST), (str(MOST + 1), None), ("9" * 5_000, None), ("-1", None), ("1e400", None), ("true", None)],
)
def test_number_that_the_store_cannot_hold_is_no_figure(number: str, read: int | None) -> None:
    line = f'{{"message_type":"summary","data_added":1,"total_bytes_processed":{number}}}'
    found = read_figures(line)
    assert (found.bytes_total if found else None) == read


@pytest.mark.parametrize(
    ("written", "read"), [("8 EB", 8 * 10**18), ("9 EiB", None), ("1 YiB", None), ("0 B", 0), ("1.5 kB", 1_500)]
)
def test_size_that_the_store_cannot_hold_is_no_figure(written: str, read: int | None) -> None:
    found = read_figures(f"processed 1 files, {written} in 0:01")
    assert found is not None
    assert found.bytes_total == read


HOSTILE = [
    '{"stats":' * 11_000,
    '"stats":{' * 11_000,
    '"stats"' + " " * 100_000,
    '"stats":{"nfiles":' + "9" * 100_000,
    "This archive:" + " " * 100_000,
    ("This archive:" + "1" * 15 + ".") * 4_000,
    "Added to the repo: " * 5_000 + "processed 1 files, 1 B",
    '"message_type":"summary"' * 4_000,
    '"message_type":"summary"\n' * 4_000,
    "[" * 50_000 + '"message_type":"summary"',
    '{"message_type":"summary","a":' + "[" * 50_000 + "]" * 50_000 + "}",
    "Files: " + "1" * 100_000,
    "Number of files: " * 6_000,
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_has_no_total(text: str) -> None:
    """Read once from left to right; looked through again at every word, 100 kB would take this test minutes."""
    found = read_figures(text)
    assert found is None or found.bytes_total in (None, 1)


WORDS = st.sampled_from(
    ['"stats":{', '"nfiles":', "9" * 30, "-1", "}", "{", " ", "\n", "This archive:", " 1.5 kB", "processed 3 files,",
     '"message_type":"summary"', "Files:", " 2 new,", " 0 changed,", " 0 unmodified", '"original_size":', "²", "\ud800"]
)  # fmt: skip


@given(st.lists(WORDS | st.text(max_size=5), max_size=30).map("".join))
def test_whatever_is_read_fits_the_contract_and_nothing_raises(text: str) -> None:
    found = read_figures(text)
    if found:
        Backup(
            job="a", tool=found.tool, status=RunStatus.SUCCESS, finished_at=NOW, bytes_total=found.bytes_total,
            bytes_added=found.bytes_added, files_total=found.files_total, files_changed=found.files_changed,
        )  # fmt: skip
