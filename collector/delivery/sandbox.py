"""Templates of what is written, our own or the provider's: none may hang, fill the memory or reach our insides."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from jinja2 import FileSystemLoader, StrictUndefined, Template
from jinja2.sandbox import ImmutableSandboxedEnvironment

from collector.model.channels import Language

OURS = Path(__file__).parent / "templates"
SUFFIX = ".txt"
# Lines of a template that are run; ours take a few hundred, and so many are a twentieth of a second.
MOST_STEPS = 20_000
# Characters; ours reach half of it where every name is as long as may be.
LONGEST = 100_000
# Those that could make a huge text of a small one in a single step are not there.
_FILTERS = frozenset({
    "capitalize", "count", "d", "default", "first", "int", "join", "last", "length", "list", "lower", "map", "reject",
    "rejectattr", "round", "select", "selectattr", "sort", "string", "title", "trim", "truncate", "unique", "upper",
    "wordcount",
})  # fmt: skip


class UnwrittenError(Exception):
    """A template asks for more than a text needs."""


class _Sandbox(ImmutableSandboxedEnvironment):
    """Values to read and print: no methods of texts, and no arithmetic that could fill the memory."""

    intercepted_binops = frozenset({"*", "**", "%"})

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:  # noqa: ANN401 - Jinja's own
        if operator == "**" or not (isinstance(left, int) and isinstance(right, int)):
            raise UnwrittenError(f"{operator} is not for templates")
        return super().call_binop(context, operator, left, right)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:  # noqa: ANN401 - Jinja's own
        return not isinstance(obj, (str, int)) and super().is_safe_attribute(obj, attr, value)


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
    environment.filters = {name: made for name, made in environment.filters.items() if name in _FILTERS}
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

    def step(frame: FrameType, event: str, argument: object) -> Any:  # noqa: ANN401, ARG001 - Python's own
        nonlocal left
        if not frame.f_code.co_filename.endswith(SUFFIX):
            return None
        left -= 1
        if left < 0:
            raise UnwrittenError(f"more than {MOST_STEPS} steps")
        return step

    before = sys.gettrace()
    sys.settrace(step)
    try:
        yield
    finally:
        sys.settrace(before)
