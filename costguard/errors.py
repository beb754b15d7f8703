"""The exception tree and the exit codes.

Every error that a person can mend is a :class:`CostguardError`: its text is a sentence that says what, where and
what to do next, and its ``exit_code`` is what the process ends with. Anything else that escapes is a bug (exit 4).
"""

from collections.abc import Iterable
from enum import IntEnum

import msgspec


class ExitCode(IntEnum):
    """The contract with pipelines. ``INCOMPLETE`` outranks ``FINDINGS``: a report with holes is never just that."""

    CLEAN = 0
    FINDINGS = 1
    USAGE = 2
    INCOMPLETE = 3
    BUG = 4
    INTERRUPTED = 130


class CostguardError(Exception):
    """What went wrong, where, and what to do about it, in one sentence or a few lines."""

    exit_code = ExitCode.USAGE


class UsageError(CostguardError):
    """The command line asks for something that can't be."""


class InputError(CostguardError):
    """A file that was to be judged is not what it should be: unreadable, malformed, or of another tool."""


class JournalError(CostguardError):
    """What was to be done, or was done, can't be written down; so nothing more is done."""

    exit_code = ExitCode.INCOMPLETE


class Problem(msgspec.Struct, frozen=True, order=True):
    """One mistake in a document: where it stands and what is wrong with it.

    ``path`` is the place inside the document (``tags.owner.value``); ``line`` counts from 1, 0 where the mistake
    is in the file as a whole.
    """

    file: str
    line: int
    path: str
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.path}: {self.message}" if self.path else f"{place}: {self.message}"


class DocumentError(CostguardError):
    """A policy or configuration document has mistakes; all of them are here, in the order of the file."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        count = len(self.problems)
        head = "" if count == 1 else f"{count} mistakes:\n"
        super().__init__(head + "\n".join(map(str, self.problems)))
