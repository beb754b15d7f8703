"""What a root module comes to, before the edits and after them: everything that they change and should not, and whose
edits that were."""

import re
from collections.abc import Callable, Container, Iterable, Iterator, Mapping

import msgspec

from costguard.check import Examined
from costguard.fix import places
from costguard.fix.effects import everything_else, gained, is_for_tags
from costguard.fix.mends import ANY, Mend
from costguard.fix.places import Home
from costguard.fix.readers import Plain
from costguard.iac.source import Judged
from costguard.iac.source.configuration import instances
from costguard.iac.source.roots import Root
from costguard.model.finding import Finding, Verdict
from costguard.model.resource import Gap, Known, TagSet, Unknown, without_indexes

About = tuple[str, str, str]
"""An address, a surface, and a tag (or, of what is about all of them, a rule)."""


class State(msgspec.Struct, frozen=True):
    """What a root comes to."""

    judged: dict[str, Judged]
    others: dict[tuple[str, ...], Plain]
    findings: dict[About, Finding]
    gaps: frozenset[Gap]
    """Without lines, which an edit moves."""
    files: frozenset[str]


def state(examined: Examined) -> State:
    configuration = examined.configuration
    return State(
        judged={one.resource.address: one for one in configuration.judged},
        others=everything_else(configuration),
        findings={about(finding): finding for finding in examined.report.findings},
        gaps=frozenset(Gap(_LINE.sub("", gap.where), gap.why) for gap in configuration.inventory.gaps),
        files=frozenset(file.name for module in instances(configuration.root) for file in module.module.files),
    )


_LINE = re.compile(r":[0-9]+\Z")


def about(finding: Finding) -> About:
    return finding.resource.address, finding.surface, finding.tag or f"rule {finding.rule}"


What = tuple[str, ...]
"""Something of a root: an argument, a surface or one of its tags, or which instances there are."""
INSTANCES: What = ("instances",)


class Complaint(msgspec.Struct, frozen=True):
    """What is wrong after the edits, and whose edits may have done it. ``what`` is there where the mends are only
    suspects."""

    mends: list[Mend]
    why: str
    what: What | None = None


def different(before: State, after: State) -> Iterator[What]:
    """What isn't the same."""
    if before.judged.keys() != after.judged.keys():
        yield INSTANCES
    for address in before.judged.keys() & after.judged.keys():
        old = {surface.path: surface.tags for surface in before.judged[address].resource.surfaces}
        new = {surface.path: surface.tags for surface in after.judged[address].resource.surfaces}
        for path in old.keys() | new.keys():
            if path not in old or path not in new or bool(old[path].open) != bool(new[path].open):
                yield address, path
                continue
            for key in old[path].tags.keys() | new[path].tags.keys():
                if _value(old[path], key) != _value(new[path], key):
                    yield address, path, key
    for where in before.others.keys() | after.others.keys():
        if before.others.get(where) != after.others.get(where):
            yield where


def _value(tags: TagSet, key: str) -> Known | Unknown | None:
    return tags.tags[key].value if key in tags.tags else None


class Comparison:
    """One root before and after the edits."""

    def __init__(
        self,
        root: Root,
        before: State,
        after: State,
        mends: Iterable[Mend],
        is_right: Callable[[Judged, Finding, str], bool],
    ) -> None:
        self._before = before
        self._after = after
        self._is_right = is_right
        self._all = [mend for mend in mends if mend.choice is not None and mend.choice.spot.file.name in before.files]
        """Those whose edits this root may feel."""
        self._mine = [mend for mend in self._all if mend.root.folder == root.folder]
        self._planned: dict[str, dict[str, str | None]] = {}
        for mend in self._mine:
            effect = mend.choice.effect if mend.choice is not None else {}
            self._planned.setdefault(mend.finding.resource.address, {}).update(effect)
        self._renames = {
            (mend.finding.found or "", mend.finding.key or "")
            for mend in self._all
            if mend.finding.verdict is Verdict.MISSPELLED
        }
        self._written = {
            (key, value) for mend in self._all if mend.choice is not None for key, value in mend.choice.effect.items()
        }

    def complaints(self) -> Iterator[Complaint]:
        """All that is wrong."""
        for gap in sorted(self._after.gaps - self._before.gaps):
            yield Complaint(self._all, f"the edited source could not be read: {gap.why}")
        before, after = self._before.judged, self._after.judged
        if before.keys() != after.keys():
            other = min(before.keys() ^ after.keys())
            why = f"an edit there would change which resources there are ({other})"
            yield Complaint(self._all, why, INSTANCES)
            return
        for address in before:
            yield from self._tags(address)
        yield from self._others()
        yield from self._findings()

    def _tags(self, address: str) -> Iterator[Complaint]:
        before, after = self._before.judged[address], self._after.judged[address]
        old_surfaces = {surface.path: surface for surface in before.resource.surfaces}
        new_surfaces = {surface.path: surface for surface in after.resource.surfaces}
        for path in sorted(old_surfaces.keys() | new_surfaces.keys()):
            old, new = old_surfaces.get(path), new_surfaces.get(path)
            if old is None or new is None or bool(old.tags.open) != bool(new.tags.open):
                why = f"an edit there would change {path} of {address}"
                yield Complaint(self._all, why, (address, path))
                continue
            renamed = self._renamed(address, path, old.tags, new.tags)
            for key in sorted((old.tags.tags.keys() | new.tags.tags.keys()) - renamed):
                one, other = _value(old.tags, key), _value(new.tags, key)
                if one != other and not self._is_meant(address, path, key, one, other):
                    where = (
                        places.homes(before.evidence, old, key)
                        if other is None
                        else places.homes(after.evidence, new, key)
                    )
                    why = f"an edit there would also change {key} of {address}"
                    wrote = self._who_wrote(where, key)
                    yield Complaint(wrote, why) if wrote else Complaint(self._all, why, (address, path, key))

    def _who_wrote(self, where: Container[Home], key: str) -> list[Mend]:
        return [mend for mend in self._all if mend.choice and mend.choice.home in where and key in mend.choice.effect]

    def _renamed(self, address: str, path: str, old: TagSet, new: TagSet) -> set[str]:
        """The keys of entries that were renamed for others, where nobody could tell whether the right key was there."""
        undecided = {
            finding.key
            for finding in self._before.findings.values()
            if finding.verdict is Verdict.UNKNOWN and (finding.resource.address, finding.surface) == (address, path)
        }
        renamed: set[str] = set()
        for before, after in self._renames:
            gone = before in old.tags and before not in new.tags
            if gone and after in undecided and after in new.tags and after not in old.tags:
                renamed |= {before, after}
        return renamed

    def _is_meant(
        self, address: str, path: str, key: str, old: Known | Unknown | None, new: Known | Unknown | None
    ) -> bool:
        planned = self._planned.get(address, {})
        if key in planned:
            wanted = planned[key]
            if wanted is None:
                return new is None
            return new is not None and (wanted == ANY or (isinstance(new, Known) and new.text == wanted))
        judged = self._before.judged[address]
        if judged.resource.type == "module" and isinstance(old or new, Unknown):
            # A module that isn't here: what reaches it from the provider is what reaches everything else.
            return (key, None) in self._written if new is None else key in {name for name, _ in self._written}
        if old is not None or new is None:
            return False
        # Nobody could tell whether it was there; now it is, or may be, what the policy wants there.
        return any(
            finding.verdict is Verdict.UNKNOWN
            and (finding.resource.address, finding.surface, finding.key) == (address, path, key)
            and any(
                text is not None and self._is_right(judged, finding, text)
                for name, text in self._written
                if name == key and (isinstance(new, Unknown) or new.text == text)
            )
            for finding in self._before.findings.values()
        )

    def _others(self) -> Iterator[Complaint]:
        before, after = self._before.others, self._after.others
        for where in sorted(before.keys() | after.keys()):
            old, new = before.get(where), after.get(where)
            if old == new:
                continue
            more = gained(old, new) or {}
            # A module that isn't here is given the tags that all others get.
            if len(where) == 2 and _is_call(where[0]) and is_for_tags(where[1]) and self._are_written(more):
                continue
            yield Complaint(self._all, f"an edit there would also change {' '.join(where)}", where)

    def _are_written(self, entries: Mapping[str, Plain]) -> bool:
        return bool(entries) and all((key, value[1]) in self._written for key, value in entries.items())

    def _findings(self) -> Iterator[Complaint]:
        planned = {about(mend.finding): mend for mend in self._mine}
        for what, mend in planned.items():
            still = self._after.findings.get(what)
            effect = mend.choice.effect if mend.choice is not None else {}
            if still is not None and not (still.verdict is Verdict.UNKNOWN and ANY in effect.values()):
                yield Complaint([mend], f"it would still be {still.verdict}")
        for what, finding in self._after.findings.items():
            if what in self._before.findings:
                continue
            address, surface, tag = what
            mends = [mend for mend in self._mine if mend.finding.resource.address == address]
            if surface.endswith(f".{places.PROPAGATE}") and any(mend.finding.tag == tag for mend in mends):
                continue  # What was said of the group itself hid it until now.
            yield Complaint(mends or self._all, f"then {finding.message} ({address})")


def _is_call(address: str) -> bool:
    """Whether an address is that of a module and of nothing in it."""
    return without_indexes(address).split(".")[-2:-1] == ["module"]
