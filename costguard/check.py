"""Judges Terraform source: paths → root modules → one report, each fault said once and where a person would mend it.

A block in a module is judged in every context that calls it; here the contexts become one finding again. What accepts
findings (suppressions, a baseline) is applied to the instances, before that. Hides how the work is shared between
processes: the report is the same for any number of them, and for any order of the paths.
"""

import gc
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from functools import cache
from pathlib import Path

import msgspec

from costguard import __version__
from costguard.baseline import Entry, Settled, as_old, settle
from costguard.config import AssumeDoc, Config
from costguard.engine import evaluate, fingerprint
from costguard.iac.hcl import parse
from costguard.iac.hcl.values import from_data
from costguard.iac.source import Assumption, Configuration, Files, Judged, Settings, read_configuration
from costguard.iac.source.configuration import instances
from costguard.iac.source.instance import ModuleInstance
from costguard.iac.source.places import Place
from costguard.iac.source.roots import SUFFIXES, Root, Selection, select
from costguard.iac.source.suppressions import Suppression, apply, names_of, remarks, suppressions
from costguard.iac.terragrunt import CALL, UNKNOWN, UNKNOWN_TEXT, Unit
from costguard.iac.terragrunt import NAME as TERRAGRUNT
from costguard.model.finding import (
    FINDINGS_SCHEMA,
    Finding,
    Report,
    ResourceStatus,
    Status,
    Summary,
    Tool,
)
from costguard.model.resource import Gap, Location
from costguard.policy import Policy

NAMED = 5
"""Of the other instances that a finding stands for, so many are named."""

MOST_NOTES = 200

_WORTH_SHARING = 150
"""Files from which a second process saves more than it costs."""
_ROOM = 500_000
"""Bytes of source that a process evaluates before it forgets what it has read, and collects its garbage."""
_GIVEN_BY_CALLER = "given by whoever calls this module"

_WORST = (Status.VIOLATING, Status.UNKNOWN, Status.EXEMPT, Status.COMPLIANT, Status.UNTAGGABLE)
_RANK = {status: rank for rank, status in enumerate(_WORST)}


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What is the same for every root of a run. ``accepted`` is the baseline, None without one; ``accept_new``: what it
    doesn't have is accepted, too."""

    policy: Policy
    settings: Settings
    today: date
    config: Config | None = None
    with_resources: bool = False
    accepted: frozenset[Entry] | None = None
    accept_new: bool = False
    jobs: int = 1


class Checked(msgspec.Struct, frozen=True):
    """The report, and what became of the baseline where there was one."""

    report: Report
    settled: Settled | None


def check(paths: Sequence[str], asked: Asked) -> Checked:
    """Judges the root modules that the paths belong to. Raises :class:`UsageError` for paths that can't be."""
    selection = selected(paths, asked)
    total = _Total()
    for seen in _judged(selection, asked):
        total.add(seen)
    total.gaps.update(selection.gaps)
    total.notes.update(selection.notes)
    settled = None
    if asked.accepted is not None:
        settled = _settle(asked.accepted, total, selection, asked)
        if asked.accept_new:
            everything = frozenset((*settled.old, *settled.new))
            settled = Settled(everything, (), tuple(sorted({*settled.kept, *settled.new})), settled.mended)
    return Checked(total.report(asked, settled), settled)


def selected(paths: Sequence[str], asked: Asked) -> Selection:
    """The root modules that the paths belong to, without those that ``costguard.yaml`` excludes."""
    selection = select(paths, parse, asked.settings.environment or None)
    config = asked.config
    if config is None or not config.doc.check.exclude:
        return selection
    roots = tuple(root for root in selection.roots if not config.excludes(root.folder))
    left = len(selection.roots) - len(roots)
    if not left:
        return selection
    note = f"{left} root module{'s are' if left > 1 else ' is'} not judged: {config.document.file} excludes them"
    return msgspec.structs.replace(selection, roots=roots, notes=(*selection.notes, note))


def assumptions(config: Config | None, folder: str) -> tuple[Assumption, ...]:
    """What a configuration assumes, for the root module in a folder, of values that the source doesn't show."""
    stated = config.doc.assume if config is not None else None
    parts = stated if isinstance(stated, list) else [AssumeDoc(values=stated or {})]
    return tuple(
        Assumption(reference, from_data(value))
        for part in parts
        if config is not None and config.covers(part.within, folder)
        for reference, value in part.values.items()
    )


_Key = tuple[Location | None, Location | None, str, str, str | None, str, str]


_Member = tuple[str, str, int]


class _Group(msgspec.Struct):
    """The instances of one fault: each has its root, its address, and which of the variants it is (the messages may
    differ by what was found)."""

    variants: list[Finding]
    members: list[_Member]
    shown: bool


class _Block(msgspec.Struct):
    """The worst that is known of a resource block, and how many instances it has."""

    status: ResourceStatus
    where: tuple[str, str]
    instances: int = 1


class _Seen(msgspec.Struct):
    """What judging one root brought."""

    root: str
    groups: dict[tuple[_Key, bool], _Group] = {}
    blocks: dict[Location | None, _Block] = {}
    gaps: tuple[Gap, ...] = ()
    notes: tuple[str, ...] = ()
    shared_notes: tuple[str, ...] = ()
    suppressions: tuple[Suppression, ...] = ()
    used: frozenset[Location] = frozenset()
    formerly: dict[str, str] = {}


# --- one root


class Examined(msgspec.Struct, frozen=True):
    """One root, judged: a finding for each instance, without what ``suppressions`` cover. ``used`` are the places of
    those that cover something; ``size`` is how many bytes of source were evaluated."""

    configuration: Configuration
    report: Report
    places: "Places"
    suppressions: tuple[Suppression, ...]
    used: frozenset[Location]
    size: int


def examine(root: Root, folders: frozenset[str], asked: Asked, files: Files) -> Examined:
    """Judges one root. ``folders`` are those that were asked for, as :class:`Selection` has them."""
    settings = msgspec.structs.replace(asked.settings, assume=assumptions(asked.config, root.folder))
    if root.reusable and not settings.variables and not settings.var_files:
        settings = msgspec.structs.replace(settings, reusable=_GIVEN_BY_CALLER)
    folder = root.folder
    if root.unit is not None:
        folder = root.unit.module or folder
        settings = _of_unit(root.unit, settings, files)
    configuration = read_configuration(Path(_shown(folder)), settings, files)
    modules = {instance.module.folder: instance.module for instance in instances(configuration.root)}
    sources = [file for module in modules.values() for file in module.files]
    found = {one.at: one for file in sources for one in suppressions(file)}
    places = Places(configuration, root.unit, folders)
    report = evaluate(asked.policy, configuration.inventory, asked.today, with_resources=True)
    report, used = apply(report, places.all_of, list(found.values()), asked.today)
    size = sum(len(file.source) for file in sources)
    return Examined(configuration, report, places, tuple(found.values()), used, size)


def _of_unit(unit: Unit, settings: Settings, files: Files) -> Settings:
    """What a run of Terragrunt adds to the settings of the command line."""
    names = list(files.module(_shown(unit.module)).variables) if unit.module else []
    return msgspec.structs.replace(
        settings,
        inputs=unit.values(names),
        generated=unit.files(),
        assume=(*settings.assume, Assumption(UNKNOWN, UNKNOWN_TEXT)),
        var_files=(*map(Path, unit.var_files), *settings.var_files),
        reusable="",
    )


class _Judge:
    """Judges one root after the other, and keeps the modules that they share as long as there is room for them."""

    def __init__(self, folders: frozenset[str], asked: Asked) -> None:
        self._folders = folders
        self._asked = asked
        self._files = Files()
        self._spent = 0

    def root(self, root: Root) -> _Seen:
        seen = self._judge(root)
        if self._spent > _ROOM:
            self._files.forget()
            self._spent = 0
            gc.collect()  # A configuration is full of circles, and the command line has switched the collector off.
        return seen

    def _judge(self, root: Root) -> _Seen:
        seen_here = examine(root, self._folders, self._asked, self._files)
        configuration, report, places = seen_here.configuration, seen_here.report, seen_here.places
        self._spent += seen_here.size
        inventory = configuration.inventory
        seen = _Seen(
            root=root.name,
            gaps=tuple(map(places.gap, inventory.gaps)) + (root.unit.gaps if root.unit is not None else ()),
            notes=inventory.notes if root.whole else (),
            shared_notes=report.notes[len(inventory.notes) :],
            # Of a folder that was asked for, every context is judged; of any other, some other context may need them.
            suppressions=tuple(one for one in seen_here.suppressions if _folder(one.at.file) in self._folders),
            used=seen_here.used,
            formerly={} if self._asked.accepted is None else _formerly(report.findings, configuration),
        )
        visible: set[str] = set()
        for finding in report.findings:
            place = places.of(finding)
            shown = root.whole or places.touches(finding)
            if shown:
                visible.add(finding.resource.address)
            ref = msgspec.structs.replace(finding.resource, root=root.name)
            located = msgspec.structs.replace(finding, resource=ref, location=place.location, chain=place.chain)
            key = (
                place.location,
                place.block,
                finding.surface,
                finding.rule,
                finding.tag,
                finding.verdict,
                finding.level,
            )
            _join(seen.groups, (key, shown), [located], [(root.name, finding.resource.address, 0)])
        assert not isinstance(report.resources, msgspec.UnsetType)  # noqa: S101 - asked for above
        for status in report.resources:
            judged = configuration.find(status.address)
            block = places.block(judged) if judged is not None else None
            if root.whole or status.address in visible or (judged is not None and places.reached(judged)):
                _add(seen.blocks, block, _Block(status, (root.name, status.address)))
        return seen


def _join(
    groups: dict[tuple[_Key, bool], _Group],
    key: tuple[_Key, bool],
    variants: Sequence[Finding],
    members: Iterable[_Member],
) -> None:
    """Adds instances of a fault to those that are there; ``members`` count in ``variants``."""
    group = groups.get(key)
    if group is None:
        group = groups[key] = _Group([], [], key[1])
    places = []
    for variant in variants:
        same = (
            at
            for at, other in enumerate(group.variants)
            if (other.message, other.remedy, other.chain) == (variant.message, variant.remedy, variant.chain)
        )
        at = next(same, -1)
        if at < 0:
            at = len(group.variants)
            group.variants.append(variant)
        places.append(at)
    group.members += [(root, address, places[variant]) for root, address, variant in members]


def _add(blocks: dict[Location | None, _Block], place: Location | None, one: _Block) -> None:
    known = blocks.get(place)
    if known is None:
        blocks[place] = one
        return
    number = known.instances + one.instances
    worse = min(known, one, key=lambda block: (_RANK[block.status.status], block.where))
    blocks[place] = _Block(worse.status, worse.where, number)


class Places:
    """Where the findings of one configuration stand, and what they hang on."""

    def __init__(self, configuration: Configuration, unit: Unit | None, folders: frozenset[str]) -> None:
        self._configuration = configuration
        self._unit = unit
        self._folders = folders
        self._known: dict[str, Place] = {}

    def of(self, finding: Finding) -> Place:
        """The place as a person finds it: in a file that Terragrunt writes, it is where that file comes from."""
        place = self._source(finding)
        if self._unit is None:
            return place
        by = f"the unit at {self._unit.place.file}:{self._unit.place.line}"
        chain = (by, *map(self._step, place.chain))
        return Place(self._found(place.location), chain, self._found(place.block), place.folder)

    def block(self, judged: Judged) -> Location | None:
        where = judged.resource.location
        return where if where is None else self._found(where)

    def _found(self, where: Location) -> Location:
        if self._unit is None:
            return where
        folder, _, name = where.file.rpartition("/")
        if _real(folder) != (self._unit.module or self._unit.folder):
            return where
        if name == CALL and not self._unit.module:
            return self._unit.place
        written = self._unit.written.get(name)
        return where if written is None else written.place(where)

    def gap(self, gap: Gap) -> Gap:
        """A gap, where it can be found."""
        return Gap(self._line(gap.where), gap.why)

    def _step(self, step: str) -> str:
        """A step of a chain, ``provider aws at m/provider.tf:1``, as it can be found."""
        what, at, where = step.rpartition(" at ")
        return f"{what} at {self._line(where)}" if at else step

    def _line(self, where: str) -> str:
        file, _, line = where.rpartition(":")
        if self._unit is None or not line.isdecimal():
            return where
        found = self._found(Location(file, int(line), int(line)))
        return f"{found.file}:{found.line}"

    def _source(self, finding: Finding) -> Place:
        place = self._known.get(finding.fingerprint)
        if place is None:
            place = self._known[finding.fingerprint] = self._configuration.place(finding)
        return place

    def all_of(self, finding: Finding) -> Iterator[Location]:
        """Every place at which a suppression would cover the finding."""
        place = self._source(finding)
        yield place.location
        yield place.block
        judged = self._configuration.find(finding.resource.address)
        if judged is not None:
            for instance in _callers(judged):
                if instance.call is not None:
                    yield instance.call.location

    def touches(self, finding: Finding) -> bool:
        """Whether what was asked for has to do with the finding."""
        judged = self._configuration.find(finding.resource.address)
        return _folder(self.of(finding).location.file) in self._folders or (judged is not None and self.reached(judged))

    def reached(self, judged: Judged) -> bool:
        """Whether the resource's module, or one that leads there, was asked for."""
        if self._unit is not None and self._unit.folder in self._folders:
            return True
        return any(_real(instance.module.folder) in self._folders for instance in _callers(judged))


def _callers(judged: Judged) -> Iterator[ModuleInstance]:
    instance: ModuleInstance | None = judged.evidence.module
    while instance is not None:
        yield instance
        instance = instance.parent


def _formerly(findings: Iterable[Finding], configuration: Configuration) -> dict[str, str]:
    """The address that each resource with a finding had before it was moved, and the one before that."""
    moves = configuration.moves
    before: dict[str, str] = {}
    todo = [finding.resource.address for finding in findings] if moves else []
    while todo:
        address = todo.pop()
        if address not in before:
            old = _moved(address, moves)
            if old is not None:
                before[address] = old
                todo.append(old)
    return before


def _moved(address: str, moves: Mapping[str, str]) -> str | None:
    """The address before the nearest move of the resource, or of a module that it is in."""
    end = len(address)
    while end > 0:
        head = address[:end]
        if head in moves:
            return moves[head] + address[end:]
        end = max(address.rfind(".", 0, end), address.rfind("[", 0, end))
    return None


# --- all roots


class _Total:
    """What all roots brought, put together."""

    def __init__(self) -> None:
        self.complete: set[str] = set()
        self.groups: dict[tuple[_Key, bool], _Group] = {}
        self.blocks: dict[Location | None, _Block] = {}
        self.gaps: set[Gap] = set()
        self.notes: set[str] = set()
        self.suppressions: set[Suppression] = set()
        self.unsure: set[Location] = set()
        """Suppressions in an incomplete root: that there is nothing for them to cover isn't known."""
        self.used: set[Location] = set()
        self.formerly: dict[tuple[str, str], str] = {}
        self._own_notes: dict[str, list[str]] = {}

    def add(self, seen: _Seen) -> None:
        for key, group in seen.groups.items():
            _join(self.groups, key, group.variants, group.members)
        for place, block in seen.blocks.items():
            _add(self.blocks, place, block)
        self.gaps.update(seen.gaps)
        self.notes.update(seen.shared_notes)
        for note in seen.notes:
            self._own_notes.setdefault(note, []).append(seen.root)
        self.suppressions.update(seen.suppressions)
        self.used.update(seen.used)
        self.formerly.update({(seen.root, now): before for now, before in seen.formerly.items()})
        if seen.gaps:
            self.unsure.update(one.at for one in seen.suppressions)
        else:
            self.complete.add(seen.root)

    def report(self, asked: Asked, settled: Settled | None) -> Report:
        findings: list[Finding] = []
        for (_, shown), group in self.groups.items():
            if shown:
                findings += _one_finding_each(group, settled)
        findings.sort(key=_order)
        statuses = dict.fromkeys(Status, 0)
        for block in self.blocks.values():
            statuses[block.status.status] += 1
        listed = sorted(self.blocks.values(), key=lambda block: block.where)
        return Report(
            schema=FINDINGS_SCHEMA,
            tool=Tool(name="costguard", version=__version__),
            checkpoint="source",
            complete=not self.gaps,
            summary=Summary(
                resources=len(self.blocks),
                compliant=statuses[Status.COMPLIANT],
                violating=statuses[Status.VIOLATING],
                unknown=statuses[Status.UNKNOWN],
                exempt=statuses[Status.EXEMPT],
                untaggable=statuses[Status.UNTAGGABLE],
                findings=len(findings),
            ),
            findings=tuple(findings),
            resources=tuple(map(_listed, listed)) if asked.with_resources else msgspec.UNSET,
            gaps=tuple(sorted(self.gaps)),
            notes=_first(sorted({*self.notes, *self._told(), *self._remarks(asked)})),
        )

    def _told(self) -> Iterator[str]:
        """Each note once; one of a few roots among many says of which."""
        for note, roots in self._own_notes.items():
            first = min(roots)
            yield note if first == "." else f"{first}: {note}" if len(roots) == 1 else f"{note} ({_roots(roots)})"

    def _remarks(self, asked: Asked) -> Iterator[str]:
        sure = self.used | self.unsure
        yield from remarks(self.suppressions, sure, names_of(asked.policy), asked.today)


def _first(notes: Sequence[str]) -> tuple[str, ...]:
    """The notes, as far as anybody reads them."""
    more = len(notes) - MOST_NOTES
    return (*notes[:MOST_NOTES], f"and {more:,} more remarks") if more > 0 else tuple(notes)


def _roots(roots: Sequence[str]) -> str:
    return f"in {len(roots)} root modules, the first is {min(roots)}"


def _one_finding_each(group: _Group, settled: Settled | None) -> Iterator[Finding]:
    """The finding for the instances of a fault: one for those that are accepted debt and one for those that aren't."""
    new: list[_Member] = []
    old: list[_Member] = []
    for member in group.members:
        accepted = settled is not None and _entry(group, member) in settled.old
        (old if accepted else new).append(member)
    if new:
        yield _finding(group, sorted(new))
    if old:
        yield as_old(_finding(group, sorted(old)))


def _finding(group: _Group, members: Sequence[_Member]) -> Finding:
    root, address, variant = members[0]
    first = group.variants[variant]
    founds = dict.fromkeys(group.variants[other].found for _, _, other in members)
    others = [f"{found!r}" for found in founds if found is not None and found != first.found]
    also = [other if where == root else f"{where}: {other}" for where, other, _ in members[1 : NAMED + 1]]
    return msgspec.structs.replace(
        first,
        resource=msgspec.structs.replace(first.resource, address=address, root=root),
        message=first.message + (f"; other instances have {', '.join(others[:NAMED])}" if others else ""),
        fingerprint=fingerprint(first.rule, f"{root}\0{address}", first.surface, first.tag),
        instances=len(members),
        also=tuple(also),
    )


def _entry(group: _Group, member: _Member) -> Entry:
    root, address, variant = member
    one = group.variants[variant]
    return Entry(root=root, address=address, rule=one.rule, surface=one.surface, tag=one.tag, verdict=one.verdict)


def _order(finding: Finding) -> tuple[str, int, str, str, str, str, str, str, str]:
    """By the file to be edited, then its lines; the rest makes it total."""
    place, ref = finding.location, finding.resource
    where = (place.file, place.line) if place else ("", 0)
    what = (finding.surface, finding.tag or "", finding.rule, finding.verdict, str(finding.new))
    return (*where, ref.root or "", ref.address, *what)


def _listed(block: _Block) -> ResourceStatus:
    root, _ = block.where
    said = (
        block.status.note,
        f"in {root}" if root != "." else "",
        f"the worst of {block.instances} instances" if block.instances > 1 else "",
    )
    return msgspec.structs.replace(block.status, note="; ".join(part for part in said if part) or None)


def _settle(accepted: frozenset[Entry], total: _Total, selection: Selection, asked: Asked) -> Settled:
    rules = {rule.id for rule in asked.policy.rules}
    saw_everything = selection.everything and not total.gaps

    def judged(entry: Entry) -> bool:
        # A run over the whole repository doesn't look into hidden folders; who names one judges it.
        hidden = any(part.startswith(".") for part in entry.root.split("/") if part != ".")
        return entry.rule in rules and ((saw_everything and not hidden) or entry.root in total.complete)

    found = {_entry(group, member) for group in total.groups.values() for member in group.members}
    return settle(
        accepted,
        found,
        formerly=total.formerly,
        judged=judged,
        exists=lambda root: _has_files(f"{selection.top}/{root}"),
    )


def _has_files(folder: str) -> bool:
    try:
        with os.scandir(folder) as entries:
            return any(entry.name.endswith((*SUFFIXES, TERRAGRUNT)) for entry in entries)
    except OSError:
        return False


# --- how the work is shared


def _judged(selection: Selection, asked: Asked) -> Iterator[_Seen]:
    roots = selection.roots
    jobs = min(asked.jobs or _processors(), len(roots))
    if jobs < 2 or sys.platform != "linux" or (not asked.jobs and selection.files < _WORTH_SHARING):
        yield from map(_Judge(selection.folders, asked).root, roots)
        return
    from multiprocessing import get_context

    # Neighbours share modules, so a process gets a run of them; several runs each, because some take much longer.
    size = max(1, len(roots) // (jobs * 8))
    runs = [roots[at : at + size] for at in range(0, len(roots), size)]
    global _judge_here  # What a forked process inherits needn't be sent to it.
    _judge_here = _Judge(selection.folders, asked)
    with get_context("fork").Pool(jobs) as pool:
        for seen in pool.imap_unordered(_judge_run, runs):
            yield from seen


_judge_here: _Judge | None = None


def _judge_run(run: Sequence[Root]) -> list[_Seen]:
    assert _judge_here is not None  # noqa: S101 - set before the fork
    return list(map(_judge_here.root, run))


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _real(folder: str) -> str:
    return _resolved(os.path.normpath(f"{Path.cwd()}/{folder}" if not folder.startswith("/") else folder))


@cache
def _resolved(absolute: str) -> str:
    return os.path.realpath(absolute)


def _folder(file: str) -> str:
    return _real(file.rpartition("/")[0])


def _shown(folder: str) -> str:
    """The path to a folder as messages name it: seen from the working directory, where it is in there."""
    here = str(Path.cwd())
    return os.path.relpath(folder, here) if f"{folder}/".startswith(f"{here.rstrip('/')}/") else folder
