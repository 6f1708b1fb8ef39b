"""A YAML file as plain values in which every place can be found again; each scalar is text, as it was written."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from collector.configuration.faults import Fault, FaultyError, Place, Steps, field_of

# Aliases can make a small file large: 2,000 practices of ten jobs each have 200,000 values.
MOST_VALUES = 2_000_000
DEEPEST = 50
_NOTHING = ("", "~", "null", "Null", "NULL")


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Types come from the models: here 14:00 is no number of minutes, and `no` is a word."""

    yaml_implicit_resolvers: ClassVar[dict[str, list[object]]] = {}


@dataclass(frozen=True)
class Document:
    """`place` finds what the steps lead to, or its key, as far as they go; `faults` were found in reading."""

    file: str
    data: object
    place: Callable[[Steps, bool], Place | None]
    faults: tuple[Fault, ...] = ()

    def fault(self, steps: Steps, message: str, suggestion: str | None = None, *, of_key: bool = False) -> Fault:
        return Fault(self.file, self.place(steps, of_key), field_of(steps), message, suggestion)


def read_yaml(file: str, text: str) -> Document:
    """Raises FaultyError for what is no YAML; what else is wrong stands in the document."""
    try:
        root = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(mark.line + 1, mark.column + 1) if mark else None
        problem = str(error.problem or error.context)
        indented = mark is not None and _begins_with_tab(text, mark.line)
        way_out = _way_out(problem, indented=indented)
        raise FaultyError([Fault(file, place, "", f"this is no YAML: {problem}", way_out)]) from None
    except yaml.YAMLError as error:
        raise FaultyError([Fault(file, None, "", f"this is no YAML: {str(error).splitlines()[0]}")]) from None
    if root is None:
        raise FaultyError([Fault(file, None, "", "the file is empty")])
    reading = _Reading(file)
    data = reading.value(root, ())
    if reading.bottomless:
        raise FaultyError(reading.faults)
    return Document(file, data, lambda steps, of_key: _place(root, steps, of_key=of_key), tuple(reading.faults))


def _begins_with_tab(text: str, line: int) -> bool:
    return "".join(text.split("\n")[line : line + 1]).lstrip(" ").startswith("\t")


def _way_out(problem: str, *, indented: bool) -> str | None:
    """Of what people write most often that YAML cannot read."""
    if "cannot start any token" in problem:
        return "indent with spaces, not with tabs" if indented else "put quotes around this text"
    if "mapping values are not allowed" in problem:
        return "put quotes around a text that holds a colon, and begin the keys of one level in the same column"
    return None


class _Reading:
    """Nodes made into values. What an alias repeats is made once, and counted as often as it stands."""

    def __init__(self, file: str) -> None:
        self.faults: list[Fault] = []
        self.bottomless = False
        self._file = file
        self._made: dict[Node, tuple[object, int]] = {}
        self._within: list[Node] = []
        self._count = 0

    def value(self, node: Node, steps: Steps) -> object:
        if node in self._made:
            value, size = self._made[node]
            self._grow(size, node, steps)
            return value
        if node in self._within:
            self._bottomless(node, steps, "this alias repeats what it stands in")
            return None
        if len(self._within) >= DEEPEST:
            self._bottomless(node, steps, f"nested deeper than {DEEPEST} levels")
            return None
        before = self._count
        self._within.append(node)
        value = self._new(node, steps)
        self._within.pop()
        self._grow(1, node, steps)
        self._made[node] = value, self._count - before
        return value

    def _new(self, node: Node, steps: Steps) -> object:
        if isinstance(node, MappingNode):
            return self._mapping(node, steps)
        if isinstance(node, SequenceNode):
            return [self.value(item, (*steps, number)) for number, item in enumerate(node.value)]
        plain = isinstance(node, ScalarNode) and not node.style  # None, or "" by the faster loader
        return None if plain and node.value in _NOTHING else node.value

    def _mapping(self, node: MappingNode, steps: Steps) -> dict[str, object]:
        made: dict[str, object] = {}
        lines: dict[str, int] = {}
        for key, value in node.value:
            if not isinstance(key, ScalarNode):
                self._refuse(key, steps, "a key must be a word")
            elif key.value in lines:
                self._refuse(key, (*steps, key.value), f"written twice; first in line {lines[key.value]}")
            else:
                lines[key.value] = key.start_mark.line + 1
                made[key.value] = self.value(value, (*steps, key.value))
        return made

    def _grow(self, size: int, node: Node, steps: Steps) -> None:
        if self._count <= MOST_VALUES < self._count + size:
            self._bottomless(
                node, steps, f"the file holds more than {MOST_VALUES:,} values, aliases counted as repeated"
            )
        self._count += size

    def _bottomless(self, node: Node, steps: Steps, message: str) -> None:
        """Nothing may walk through such values."""
        self.bottomless = True
        self._refuse(node, steps, message)

    def _refuse(self, node: Node, steps: Steps, message: str) -> None:
        mark = node.start_mark
        self.faults.append(Fault(self._file, Place(mark.line + 1, mark.column + 1), field_of(steps), message))


def _place(node: Node, steps: Steps, *, of_key: bool) -> Place:
    key = node
    for step in steps:
        found = _step(node, step)
        if found is None:
            break
        key, node = found
    mark = (key if of_key else node).start_mark
    return Place(mark.line + 1, mark.column + 1)


def _step(node: Node, step: str | int) -> tuple[Node, Node] | None:
    if isinstance(node, SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step], node.value[step]
    if isinstance(node, MappingNode):
        return next(((key, value) for key, value in node.value if key.value == step), None)
    return None
