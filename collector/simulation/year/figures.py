"""What a run of a job measures, night after night: its data grows, changes, and what befalls it shows."""

from dataclasses import dataclass, replace

from collector.simulation.year.chance import Chance
from collector.simulation.year.plan import JobPlan, Kind
from collector.simulation.year.truth import Episode, Fault, Harmless

# A figure that a log did not tell, or a parser did not find.
_FIGURE_MISSING = 0.01
# However busy: people open a few hundred files a day; a disk's page file, hibernation file and updates are some tens of
# gigabytes of a few hundred.
_MOST_WORK = 0.2


@dataclass(frozen=True)
class Figures:
    """Of one run; `slower` multiplies its usual duration, `seconds` takes its place."""

    bytes_total: int | None = None
    bytes_added: int | None = None
    files_total: int | None = None
    files_changed: int | None = None
    slower: float = 1.0
    seconds: float | None = None
    anew: bool = False  # into a repository that was empty before


class Data:
    """The data of one job as it is now."""

    def __init__(self, chance: Chance, job: JobPlan) -> None:
        self._chance = chance
        self._job = job
        self._total = job.habits.bytes_total
        self._files = job.habits.files_total
        self._encrypted = 0.0
        self._striking: Episode | None = None

    def run(self, work: float, episodes: list[Episode]) -> Figures:
        """What a run measures after so many days' work, with what has befallen it since the last one."""
        figures = self._usual(work)
        for one in episodes:
            figures = self._with(figures, one)
        return self._told(figures)

    def _usual(self, work: float) -> Figures:
        habits, chance = self._job.habits, self._chance
        whole = habits.changed >= 1
        share = 1.0 if whole else min(_MOST_WORK, habits.changed * work * chance.around(1, habits.spread))
        # What is worked on is larger or smaller than the average file.
        changed = self._total * (1.0 if whole else min(_MOST_WORK, share * chance.around(1, 0.3)))
        files = self._files if self._job.kind is Kind.DUMP else share * self._files
        self._grow(changed, files)
        return Figures(
            bytes_total=round(self._total),
            bytes_added=round(changed * habits.compress * chance.around(1, 0.08)),
            files_total=round(self._files),
            files_changed=round(files),
            slower=0.8 + 0.2 * min(3.0, chance.around(1, habits.spread)),
        )

    def _grow(self, changed: float, files: float) -> None:
        """New documents stay for years; a dump wavers with what is deleted and written."""
        habits = self._job.habits
        if self._job.kind is Kind.DUMP:
            self._total *= 1 + self._chance.normal(0.0005, 0.002)
            return
        self._total += habits.new_part * changed
        self._files += habits.new_part * files

    def _with(self, figures: Figures, episode: Episode) -> Figures:
        kind = episode.kind
        if kind is Harmless.IMAGING_IMPORT:
            return self._imported(figures, episode.amount)
        if kind is Harmless.COMPACTION:
            return self._compacted(figures, episode.amount)
        if kind is Harmless.NEW_REPOSITORY:
            return self._stored_anew(figures)
        if kind is Harmless.TOOL_UPGRADE:
            return self._upgraded(figures, episode.amount)
        if kind in (Fault.CREEPING, Fault.ONE_NIGHT):
            return self._struck(figures, episode)
        return _broken(self._chance, episode.amount) if kind is Fault.SILENT_FAILURE else figures

    def _imported(self, figures: Figures, size: float) -> Figures:
        """All of it new: large files that compress little; the whole grows by as much."""
        count = size / (self._chance.around(1.2e7, 0.4))
        self._total += size
        self._files += count
        return replace(
            figures,
            bytes_total=round(self._total),
            bytes_added=_plus(figures.bytes_added, size * self._chance.between(0.85, 1)),
            files_total=round(self._files),
            files_changed=_plus(figures.files_changed, count),
            slower=figures.slower * self._chance.between(1.5, 3.5),
        )

    def _compacted(self, figures: Figures, part: float) -> Figures:
        """A database writes itself anew without what was deleted: few files, many bytes, a little less at the end."""
        database = self._job.habits.database * self._total
        self._total -= database * self._chance.between(0.03, 0.25)
        return replace(
            figures,
            bytes_total=round(self._total),
            bytes_added=_plus(figures.bytes_added, database * part * self._job.habits.compress),
            files_changed=_plus(figures.files_changed, self._chance.whole(1, 6)),
            slower=figures.slower * (1 + part * self._job.habits.database * 3),
        )

    def _stored_anew(self, figures: Figures) -> Figures:
        added = self._total * min(1.0, self._job.habits.compress * self._chance.around(1, 0.05))
        slower = self._chance.between(1.8, 3.8)
        return replace(
            figures,
            bytes_added=round(added),
            files_changed=figures.files_total,
            slower=figures.slower * slower,
            anew=True,
        )

    def _upgraded(self, figures: Figures, amount: float) -> Figures:
        if amount < 0.6:
            return figures
        if amount > 0.85:
            return replace(self._stored_anew(figures), anew=False)
        every_file = figures.files_total if self._chance.happens(0.5) else figures.files_changed
        return replace(figures, files_changed=every_file, slower=figures.slower * self._chance.between(1.5, 3.5))

    def _struck(self, figures: Figures, attack: Episode) -> Figures:
        """Encrypted data neither compresses nor deduplicates; the whole hardly changes, notes are left in folders."""
        if attack is not self._striking:  # what an earlier attack took was restored since
            self._striking, self._encrypted = attack, 0.0
        share = min(attack.amount * self._chance.around(1, 0.1), 1 - self._encrypted)
        self._encrypted += share
        self._total *= 1 + 0.002 * share
        self._files *= 1 + self._chance.between(0, 0.01) * share
        return replace(
            figures,
            bytes_total=round(self._total),
            bytes_added=min(
                _plus(figures.bytes_added, share * self._total * self._chance.between(0.97, 1.01)),
                round(1.01 * self._total),
            ),
            files_total=round(self._files),
            files_changed=round(min(self._files, (figures.files_changed or 0) + share * self._files)),
            slower=figures.slower * (1 + 2 * share),
        )

    def _told(self, figures: Figures) -> Figures:
        """What the tool tells of it, less what was lost on the way."""
        habits = self._job.habits
        return replace(
            figures,
            bytes_total=self._kept(figures.bytes_total),
            bytes_added=self._kept(figures.bytes_added) if habits.tells_added else None,
            files_total=self._kept(figures.files_total) if habits.counts_files else None,
            files_changed=self._kept(figures.files_changed) if habits.counts_files else None,
        )

    def _kept(self, figure: int | None) -> int | None:
        return None if self._chance.mishap(_FIGURE_MISSING) else figure


def _plus(known: int | None, more: float) -> int:
    return round((known or 0) + more)


def _broken(chance: Chance, amount: float) -> Figures:
    """Green, and nothing behind it: an empty source, a share that was not mounted, a tool that gave up."""
    if amount < 1:
        return Figures(0, 0, 0, 0, seconds=chance.between(1, 15))
    if amount < 2:
        size, files = round(chance.around(2e5, 1.5)), chance.whole(1, 20)
        return Figures(size, chance.whole(0, size), files, chance.whole(0, files), seconds=chance.between(2, 20))
    return Figures(None, 0, None, 0, seconds=chance.between(1, 3))
