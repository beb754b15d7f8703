"""Renders a report, pure: a report and a style in, text out, the same bytes for the same input.

Each format is one module with one function ``render(report, style)``, which gives the text in pieces. It is imported
only when it is asked for, because the gate's start-up is counted in milliseconds.
"""

from collections.abc import Callable, Iterable
from importlib import import_module
from typing import TYPE_CHECKING

import msgspec

from costguard.errors import UsageError
from costguard.model.finding import Report

if TYPE_CHECKING:
    from mmap import mmap


class Style(msgspec.Struct, frozen=True):
    """How the reader wants it. Only ``terminal`` minds; ``verbosity`` is -1 (quiet), 0 or 1 (verbose)."""

    color: bool = False
    width: int = 100
    verbosity: int = 0


Renderer = Callable[[Report, Style], Iterable[str]]


class Format(msgspec.Struct, frozen=True):
    """A format's module and what it is for, as ``--help`` says it."""

    module: str
    purpose: str


FORMATS: dict[str, Format] = {
    "terminal": Format("terminal", "for a person at a terminal"),
    "json": Format("json_report", "for programs; any other format can be rendered from it later"),
    "sarif": Format("sarif", "SARIF 2.1.0, for code scanning"),
    "junit": Format("junit", "JUnit XML, for the test page of a CI server"),
    "github": Format("github", "annotations of GitHub Actions"),
    "gitlab": Format("gitlab", "GitLab code quality"),
    "markdown": Format("markdown", "for a pull-request comment or a step summary"),
}

_DEFAULT = Style()


def render(report: Report, format: str, style: Style = _DEFAULT) -> str:  # noqa: A002 - the CLI's own word for it.
    """The report as text that ends with one line end, or nothing at all where there is nothing to say."""
    return "".join(pieces(report, format, style))


def pieces(report: Report, format: str, style: Style = _DEFAULT) -> Iterable[str]:  # noqa: A002 - as above.
    """The same text, of which never more than a part is held where it is JSON."""
    if format not in FORMATS:
        raise UsageError(f"{format!r} is not a format; the formats are {', '.join(FORMATS)}")
    renderer: Renderer = import_module(f"costguard.reports.{FORMATS[format].module}").render
    return renderer(report, style)


def read(raw: "bytes | mmap", name: str) -> Report:
    """A saved JSON report. Raises :class:`~costguard.errors.InputError` that says what is wrong, where."""
    from costguard.reports.json_report import read as read_json

    return read_json(raw, name)
