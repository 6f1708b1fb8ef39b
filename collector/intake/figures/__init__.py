"""What a backup tool's own output says of a run: a few numbers are read, the rest is never kept."""

from collector.intake.figures.borg import read_borg
from collector.intake.figures.figures import Figures
from collector.intake.figures.restic import read_restic

__all__ = ["Figures", "read_figures"]


def read_figures(text: str) -> Figures | None:
    """The figures of the last run that the text tells of, in the words of any tool that we know."""
    return read_borg(text) or read_restic(text)
