"""Writes the new text of several files, all or none, and shows it as a patch.

Every new text is on disk before the first name points to it; a name then changes in one step, so that at no time a file
is half written. What fails on the way puts back what was changed already. A process that is killed between two names
can't do that: then some files are new and some old, each of them whole, and the next run goes on from there.
"""

import contextlib
import os
import re
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from costguard.errors import CostguardError


class WriteError(CostguardError):
    """Why nothing was written, or what was; with what to do about it."""


class Change(msgspec.Struct, frozen=True):
    """The text of a file, as it was read and as it is to be."""

    path: Path
    old: bytes
    new: bytes


def write(changes: Sequence[Change], within: Path, rename: Callable[[Path, Path], None] = os.replace) -> None:
    """Writes all the changes, or none. A file must lie in the folder ``within``, also where it is a link.

    Raises :class:`WriteError`.
    """
    targets = [_target(change, within) for change in changes]
    prepared: list[Path] = []
    try:
        for change, target in zip(changes, targets, strict=True):
            prepared.append(_prepared(change.path, target, change.new))
        for change in changes:
            _unchanged(change)
        _renamed(changes, prepared, targets, rename)
    finally:
        for path in prepared:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
    for folder in {target.parent for target in targets}:
        _synced(folder)


def _target(change: Change, within: Path) -> Path:
    """The file itself, where the path is a link to it."""
    _unchanged(change)
    try:
        target = change.path.resolve(strict=True)
        writable = is_writable(target)
    except (OSError, RuntimeError) as error:
        raise WriteError(f"{change.path} can't be written: {_why(error)}; nothing was written") from error
    if not target.is_relative_to(within.resolve()):
        raise WriteError(f"{change.path} is a link to {target}, outside {within}; nothing was written")
    if not writable:
        raise WriteError(f"{change.path} is read-only; nothing was written")
    return target


def is_writable(path: Path) -> bool:
    """Whether somebody may write a file, and this process too: to the superuser, a file that nobody may write is one
    that is meant to stay. Raises :class:`OSError` where it can't be told."""
    return bool(path.stat().st_mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH)) and os.access(path, os.W_OK)


def _unchanged(change: Change) -> None:
    try:
        now = change.path.read_bytes()
    except OSError as error:
        raise WriteError(f"{change.path} can't be read any more: {_why(error)}; nothing was written") from error
    if now != change.old:
        raise WriteError(f"{change.path} has changed since it was read; nothing was written, run costguard fix again")


def _prepared(path: Path, target: Path, text: bytes) -> Path:
    """A file with the text beside the target, with its owner and permissions."""
    try:
        before = target.stat()
        # No suffix of Terraform's: what a kill leaves behind must not count as a part of the module.
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".costguard", dir=target.parent)
        try:
            with open(descriptor, "wb") as file:  # noqa: PTH123 - it is open already
                file.write(text)
                file.flush()
                if (before.st_uid, before.st_gid) != (os.geteuid(), os.getegid()):
                    with contextlib.suppress(PermissionError):
                        os.fchown(file.fileno(), before.st_uid, before.st_gid)
                os.fchmod(file.fileno(), stat.S_IMODE(before.st_mode))
                os.fsync(file.fileno())
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(name)  # noqa: PTH108 - a name, as mkstemp gave it
            raise
    except OSError as error:
        raise WriteError(f"{path} can't be written: {_why(error)}; nothing was written") from error
    return Path(name)


def _renamed(
    changes: Sequence[Change], prepared: Sequence[Path], targets: Sequence[Path], rename: Callable[[Path, Path], None]
) -> None:
    done = 0
    try:
        for new, target in zip(prepared, targets, strict=True):
            rename(new, target)
            done += 1
    except BaseException as error:
        # An interrupt may come when the name has changed already and isn't counted yet.
        reached = done if isinstance(error, OSError) else done + 1
        stuck = list(_restored(changes[:reached], targets, rename))
        if stuck:
            raise WriteError(
                f"{changes[done].path} can't be written: {_why(error)}; and {', '.join(stuck)} could not be put back: "
                "undo the changes there with your version control"
            ) from error
        if isinstance(error, OSError):
            raise WriteError(f"{changes[done].path} can't be written: {_why(error)}; nothing was written") from error
        raise


def _restored(
    changes: Iterable[Change], targets: Sequence[Path], rename: Callable[[Path, Path], None]
) -> Iterator[str]:
    """Puts the old text back; the names of the files where that fails."""
    for change, target in zip(changes, targets, strict=False):
        try:
            rename(_prepared(change.path, target, change.old), target)
        except (OSError, WriteError):
            yield str(change.path)


def _synced(folder: Path) -> None:
    """Makes the renaming last through a crash, where the file system can be told to."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _why(error: BaseException) -> str:
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error) or type(error).__name__


def patch(changes: Iterable[Change]) -> str:
    """The changes as one patch for ``patch -p1`` and ``git apply``. Bytes that are no text come back with
    ``surrogateescape``."""
    return "".join(line for change in changes for line in _patched(change))


_WELL_ALIGNED = 5_000
"""Lines up to which a closing brace is matched like any other line: that takes the square of how many there are."""


def _patched(change: Change) -> Iterator[str]:
    from difflib import SequenceMatcher

    name = change.path.as_posix().lstrip("/")
    old, new = _lines(change.old), _lines(change.new)
    matcher = SequenceMatcher(None, old, new, autojunk=len(old) > _WELL_ALIGNED)
    for number, group in enumerate(matcher.get_grouped_opcodes()):
        if number == 0:
            yield f"--- {_named('a/' + name)}\n+++ {_named('b/' + name)}\n"
        yield f"@@ -{_range(group[0][1], group[-1][2])} +{_range(group[0][3], group[-1][4])} @@\n"
        for what, start, end, begin, stop in group:
            before = () if what == "insert" else old[start:end]
            after = () if what in ("delete", "equal") else new[begin:stop]
            for mark, line in (
                *((" " if what == "equal" else "-", line) for line in before),
                *(("+", line) for line in after),
            ):
                yield mark + line if line.endswith("\n") else f"{mark}{line}\n\\ No newline at end of file\n"


def _named(name: str) -> str:
    """A path as git writes it into a patch: in quotes where a character of it would end the line or the name."""
    if not _CONTROL.search(name):
        return name
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + _CONTROL.sub(lambda found: f"\\{ord(found[0]):03o}", escaped) + '"'


_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def new_lines(old: bytes, new: bytes) -> Callable[[int], int]:
    """Which line of the new text a line of the old one is, or what came in its place."""
    from difflib import SequenceMatcher

    before, after = _lines(old), _lines(new)
    codes = SequenceMatcher(None, before, after, autojunk=len(before) > _WELL_ALIGNED).get_opcodes()

    def line(number: int) -> int:
        for _, start, end, begin, stop in codes:
            if start < number <= end:
                return max(1, min(begin + number - start, stop))
        return number

    return line


def _range(start: int, end: int) -> str:
    """Lines from 1; of no lines the one before them."""
    length = end - start
    return f"{start + (length > 0)},{length}" if length != 1 else f"{start + 1}"


def _lines(text: bytes) -> list[str]:
    """The lines with their ends; only a line feed ends one."""
    parts = text.decode("utf-8", "surrogateescape").split("\n")
    return [f"{part}\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])
