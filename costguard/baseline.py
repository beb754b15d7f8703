"""Accepted debt: findings that warn instead of blocking.

The gate accepts what a saved report has (:func:`apply`). ``costguard check`` keeps a file of its own, the *baseline*:
one line for each (root module, address, rule, surface, tag, verdict), so that a review can read it and two branches
meet in lines. It only ever shrinks by itself: :func:`settle` decides what of it still holds.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Literal

import msgspec

from costguard.errors import InputError
from costguard.model.finding import Finding, Level, Report, Verdict

BaselineSchema = Literal["costguard/baseline/v1"]
BASELINE_SCHEMA: BaselineSchema = "costguard/baseline/v1"


class Entry(msgspec.Struct, frozen=True, order=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One accepted fault. ``root`` is the root module's folder as seen from the top of the repository, and ``address``
    starts at that root. Neither a file nor a line is in it: both may change."""

    root: str
    address: str
    rule: str
    surface: str
    tag: str | None = None
    verdict: Verdict

    def __str__(self) -> str:
        where = self.address if self.root == "." else f"{self.root}: {self.address}"
        return f"{where}: {self.tag or self.rule} {self.verdict}"


class Baseline(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The file that ``costguard check --write-baseline`` writes: faults that are accepted as old debt."""

    schema: BaselineSchema
    findings: tuple[Entry, ...]


class Settled(msgspec.Struct, frozen=True):
    """What a run makes of a baseline. ``old`` are the faults of the run that it accepts, ``new`` those that it doesn't;
    ``kept`` is what it holds from now on and ``mended`` what it no longer does."""

    old: frozenset[Entry]
    new: tuple[Entry, ...]
    kept: tuple[Entry, ...]
    mended: tuple[Entry, ...]


def settle(
    accepted: Iterable[Entry],
    found: Iterable[Entry],
    *,
    formerly: Mapping[tuple[str, str], str],
    judged: Callable[[Entry], bool],
    exists: Callable[[str], bool],
) -> Settled:
    """Matches what a run found with what is accepted.

    A fault is accepted by the entry that is the same; else by one of the address that its resource had before it moved
    (``formerly``: root and address → the older address); else by one of the same address in a root that no longer
    ``exists``, which was moved to another folder. Each entry accepts one fault, and becomes the entry of that fault.

    An entry that accepts nothing is mended where the run would have seen its fault (``judged``). Every other one
    stays.
    """
    present = set(found)
    entries = set(accepted)
    old = present & entries
    left = entries - old
    for entry in sorted(present - old):
        for before in _formerly(entry, formerly):
            if before in left:
                left.remove(before)
                old.add(entry)
                break
    homeless: dict[Entry, list[Entry]] = {}
    gone: dict[str, bool] = {}
    for entry in sorted(left, reverse=True):
        if entry.root not in gone:
            gone[entry.root] = not exists(entry.root)
        if gone[entry.root]:
            homeless.setdefault(_without_root(entry), []).append(entry)
    for entry in sorted(present - old):
        candidates = homeless.get(_without_root(entry))
        if candidates:
            left.remove(candidates.pop())
            old.add(entry)
    mended = {entry for entry in left if judged(entry)}
    return Settled(
        frozenset(old), tuple(sorted(present - old)), tuple(sorted(old | (left - mended))), tuple(sorted(mended))
    )


def _formerly(entry: Entry, formerly: Mapping[tuple[str, str], str]) -> Iterable[Entry]:
    """The entry as it was before each move, the latest first; moves that go in a circle end."""
    seen = {entry.address}
    address = formerly.get((entry.root, entry.address))
    while address is not None and address not in seen:
        seen.add(address)
        yield msgspec.structs.replace(entry, address=address)
        address = formerly.get((entry.root, address))


def _without_root(entry: Entry) -> Entry:
    return msgspec.structs.replace(entry, root="")


def read(raw: bytes, name: str) -> frozenset[Entry]:
    """The entries of a baseline file. Raises :class:`InputError` that says what is wrong with it, where."""
    try:
        if isinstance(head := msgspec.json.decode(raw, type=_Head).schema, str) and head != BASELINE_SCHEMA:
            raise InputError(
                f"{name} is no baseline of costguard check: its schema is {head!r} and not {BASELINE_SCHEMA!r}; "
                "--write-baseline writes one"
            )
        return frozenset(msgspec.json.decode(raw, type=Baseline).findings)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{name} is no baseline of costguard check: {error}; --write-baseline writes one") from error


class _Head(msgspec.Struct):
    schema: object = None


def render(entries: Collection[Entry]) -> bytes:
    """A baseline file: one line for each entry, in order, so that equal debt is equal bytes."""
    lines = [msgspec.json.encode(entry).decode("utf-8") for entry in sorted(entries)]
    body = ",".join(f"\n  {line}" for line in lines)
    return f'{{\n "schema": "{BASELINE_SCHEMA}",\n "findings": [{body}\n ]\n}}\n'.encode()


def apply(report: Report, accepted: Report) -> Report:
    """The report with every finding that ``accepted`` has marked as old debt."""
    return msgspec.structs.replace(report, findings=tuple(map(acceptance(accepted), report.findings)))


def acceptance(accepted: Report) -> Callable[[Finding], Finding]:
    """Marks a finding as old debt where ``accepted`` has it.

    It has one with the same fingerprint and the same verdict: debt that was undecided isn't accepted as missing.
    """
    known = {(finding.fingerprint, finding.verdict) for finding in accepted.findings}

    def accept(finding: Finding) -> Finding:
        return as_old(finding) if finding.new and (finding.fingerprint, finding.verdict) in known else finding

    return accept


def as_old(finding: Finding) -> Finding:
    """The finding as accepted debt: it is reported, and never blocks."""
    level = Level.WARNING if finding.level is Level.ERROR else finding.level
    return msgspec.structs.replace(finding, new=False, level=level)
