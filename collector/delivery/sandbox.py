"""Templates of what is written, our own or the provider's: none may hang, fill the memory or reach our insides.

They choose and print, and keep nothing: no step can double what the one before it made. What a single step makes is
bounded, since no filter gives more than a text may be long, and nothing multiplies.
"""

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from types import FrameType
from typing import Any

from jinja2 import FileSystemLoader, StrictUndefined, Template, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from collector.model.channels import Language

OURS = Path(__file__).parent / "templates"
SUFFIX = ".txt"
# Lines of a template that are run; ours take a few hundred, and so many are a twentieth of a second.
MOST_STEPS = 20_000
# Of the processor's time, where few steps take long each; ours take a few hundredths. Deliveries wait meanwhile.
MOST_S = 0.5
# Characters, or members of a list; ours reach half of it where every name is as long as may be.
LONGEST = 100_000
_ALLOWED = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.If, nodes.For, nodes.Include, nodes.Name, nodes.Const,
    nodes.Getattr, nodes.Getitem, nodes.Slice, nodes.List, nodes.Tuple, nodes.Filter, nodes.Test, nodes.Call,
    nodes.Keyword, nodes.CondExpr, nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Neg, nodes.Add,
    nodes.Sub, nodes.Concat,
)  # fmt: skip
# Those that could make a huge text of a small one in a single step are not there.
_FILTERS = frozenset({
    "capitalize", "count", "d", "default", "first", "int", "last", "length", "list", "lower", "map", "reject",
    "rejectattr", "round", "select", "selectattr", "sort", "string", "title", "trim", "truncate", "unique", "upper",
    "wordcount",
})  # fmt: skip


class UnwrittenError(Exception):
    """A template asks for more than a text needs."""


class _Sandbox(ImmutableSandboxedEnvironment):
    """Values to read and print: no methods of texts or numbers, which could fill the memory."""

    def _generate(self, source: nodes.Template, *arguments: Any, **named: Any) -> str:  # noqa: ANN401 - Jinja's own
        for node in source.find_all(nodes.Node):
            if not isinstance(node, _ALLOWED) or (isinstance(node, nodes.For) and node.recursive):
                raise UnwrittenError(f"line {node.lineno}: {type(node).__name__.lower()} is not for templates")
        return super()._generate(source, *arguments, **named)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:  # noqa: ANN401 - Jinja's own
        return not isinstance(obj, (str, int)) and super().is_safe_attribute(obj, attr, value)


def _bounded(made_by: Callable[..., Any]) -> Callable[..., Any]:
    """A filter that gives no more than a text may be long."""

    @wraps(made_by)
    def bounded(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - Jinja's own
        made = made_by(*arguments, **named)
        if isinstance(made, (str, list)) and len(made) > LONGEST:
            raise UnwrittenError(f"a filter gave more than {LONGEST} characters or members")
        return made

    return bounded


def _join(pieces: Iterable[object], between: str = "") -> str:
    """Counted before it is made: many pieces with much between them are a great deal at once."""
    texts = [str(piece) for piece in pieces]
    if sum(len(text) + len(between) for text in texts) > LONGEST:
        raise UnwrittenError(f"joined, it is longer than {LONGEST} characters")
    return between.join(texts)


def sandbox(language: Language, folder: Path | None = None) -> ImmutableSandboxedEnvironment:
    """A file of the provider's folder goes before ours of the same name."""
    folders = [one / language for one in (folder, OURS) if one]
    environment = _Sandbox(
        loader=FileSystemLoader(folders),
        undefined=StrictUndefined,
        autoescape=False,  # plain text
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.clear()
    environment.filters = {name: _bounded(environment.filters[name]) for name in _FILTERS} | {"join": _join}
    return environment


def fill(template: Template, words: Mapping[str, object]) -> str:
    """The text, as far as it goes. Raises UnwrittenError, or whatever the template does."""
    text = ""
    with _counted_steps():
        for piece in template.generate(words):
            text += piece
            if len(text) > LONGEST:
                raise UnwrittenError(f"longer than {LONGEST} characters")
    return text


@contextmanager
def _counted_steps() -> Iterator[None]:
    """Python steps through a template's lines as through code: that is where a loop without end is stopped."""
    left = MOST_STEPS
    until = time.thread_time() + MOST_S

    def step(frame: FrameType, event: str, argument: object) -> Any:  # noqa: ANN401, ARG001 - Python's own
        nonlocal left
        if not frame.f_code.co_filename.endswith(SUFFIX):
            return None
        left -= 1
        if left < 0:
            raise UnwrittenError(f"more than {MOST_STEPS} steps")
        if time.thread_time() > until:
            raise UnwrittenError(f"more than {MOST_S:g} s")
        return step

    before = sys.gettrace()
    sys.settrace(step)
    try:
        yield
    finally:
        sys.settrace(before)
