"""What stands in rules.yaml, and what it makes of one practice: defaults, groups in their order, overrides."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from collector.configuration.fleet import Form, PracticeName, Word
from collector.model.heartbeat import JobName
from collector.model.rule_settings import RuleSettings
from collector.model.subject import Subject, job_subject

Set = Mapping[str, object]


class GroupForm(Form):
    """Settings of every practice that has these labels."""

    name: Word | None = None
    """What plans and explanations call it."""
    match: Annotated[Mapping[Word, Word], Field(min_length=1)]
    """The labels that a practice must have, all of them."""
    rules: RuleSettings = RuleSettings()


class OverrideForm(Form):
    """Settings of one practice, or of one job of it."""

    practice: PracticeName
    job: JobName | None = None
    """On every machine that reports a job of this name."""
    rules: RuleSettings = RuleSettings()


class RulesForm(Form):
    """What is set of the rules, wherever it differs from how Vigie comes."""

    defaults: RuleSettings = RuleSettings()
    """Of every practice."""
    groups: tuple[GroupForm, ...] = ()
    """By label; of two that match a practice the later one wins."""
    overrides: tuple[OverrideForm, ...] = ()


@dataclass(frozen=True)
class Layer:
    """Some settings, and who says so; `key` tells it from every other."""

    key: tuple[str, int]
    said_by: str
    settings: Set


class Rulebook:
    """rules.yaml prepared for many practices: those with the same layers share one result."""

    def __init__(self, form: RulesForm) -> None:
        self._settled: dict[tuple[tuple[str, int], ...], RuleSettings] = {}
        self._defaults = Layer(("defaults", 0), "defaults", written(form.defaults))
        self._groups = [
            (group, Layer(("group", number), f"group {group_name(group)}", written(group.rules)))
            for number, group in enumerate(form.groups)
        ]
        self._own: dict[str, dict[str | None, list[Layer]]] = defaultdict(lambda: defaultdict(list))
        for number, one in enumerate(form.overrides):
            said_by = f"override of {one.practice}" + (f", job {one.job}" if one.job else "")
            layer = Layer(("override", number), said_by, written(one.rules))
            self._own[one.practice][one.job].append(layer)

    def layers(self, practice: str, labels: Mapping[str, str], job: str | None = None) -> tuple[Layer, ...]:
        """What applies, the weakest first."""
        groups = [layer for group, layer in self._groups if matches(group, labels)]
        own = self._own.get(practice, {})
        layers = [self._defaults, *groups, *own.get(None, [])]
        return (*layers, *own.get(job, [])) if job else tuple(layers)

    def settings(self, practice: str, labels: Mapping[str, str]) -> RuleSettings:
        return self._settle(self.layers(practice, labels))

    def job_settings(self, practice: str, labels: Mapping[str, str]) -> dict[Subject, RuleSettings]:
        """Of each job that has an override of its own."""
        jobs = [job for job in self._own.get(practice, {}) if job is not None]
        return {job_subject(None, job): self._settle(self.layers(practice, labels, job)) for job in jobs}

    def _settle(self, layers: tuple[Layer, ...]) -> RuleSettings:
        key = tuple(layer.key for layer in layers)
        if key not in self._settled:
            laid: Set = RuleSettings().model_dump()
            for layer in layers:
                laid = overlaid(laid, layer.settings)
            self._settled[key] = RuleSettings.model_validate(laid)
        return self._settled[key]


def written(settings: RuleSettings) -> Set:
    """Only what was set, by rule and field."""
    return settings.model_dump(exclude_unset=True)


def overlaid(below: Set, above: Set) -> Set:
    """Field by field, and within a field that has parts (by level, by severity) part by part."""
    laid = dict(below)
    for key, value in above.items():
        under = laid.get(key)
        laid[key] = overlaid(under, value) if isinstance(under, Mapping) and isinstance(value, Mapping) else value
    return laid


def leaves(settings: Set, steps: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], object]]:
    """Each single value with the way to it."""
    for key, value in settings.items():
        way = (*steps, str(key))
        if isinstance(value, Mapping):
            yield from leaves(value, way)
        else:
            yield way, value


def group_name(group: GroupForm) -> str:
    return group.name or ", ".join(f"{label}={value}" for label, value in group.match.items())


def matches(group: GroupForm, labels: Mapping[str, str]) -> bool:
    return all(labels.get(label) == value for label, value in group.match.items())
