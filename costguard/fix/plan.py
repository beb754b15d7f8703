"""Findings of a check → the edits that mend them, proven by judging the edited source.

For each fault the places where it could be mended are tried in the order of what a careful engineer would prefer. All
edits together are made in memory, and every root module that they reach is judged again: nothing may have changed but
the tags that were to change. What else would change sends the mend that caused it to its next place; a fault for which
no place is left stays, and the reason is said. Nothing here writes a file.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import msgspec

from costguard import catalog
from costguard.baseline import Entry
from costguard.catalog.encoding import encode
from costguard.check import Asked, Examined, examine, selected
from costguard.fix import places
from costguard.fix.edits import EditError, check, edit
from costguard.fix.mends import ANY, Choice, Edited, Mend, wanted
from costguard.fix.places import Nowhere, Spot
from costguard.fix.proof import Comparison, Complaint, State, What, different, state
from costguard.fix.values import About, Said, Says, Unsaid
from costguard.fix.verify import doubt
from costguard.fix.write import Change, is_writable, new_lines
from costguard.iac.hcl import parse
from costguard.iac.hcl.tree import File
from costguard.iac.source import Files, Judged
from costguard.iac.source.instance import ModuleInstance
from costguard.iac.source.places import editable, surface_parts
from costguard.iac.source.roots import Root, Selection, select
from costguard.iac.terragrunt import NAME as TERRAGRUNT
from costguard.model.finding import Finding, Verdict
from costguard.model.resource import Cloud, Gap, Known, Location
from costguard.policy import Policy
from costguard.policy.patterns import pattern
from costguard.policy.rules.require import Require

PASSES = 6
"""So often it is planned what else can be mended now; the second time nothing is usual."""
TRIALS = 100
"""So often some of the edits are judged alone, to find out which of them disturbs."""
ROUNDS = 40
"""So often edits are judged before what still disturbs is left alone; two or three times are usual."""

_FOR_A_PERSON: Mapping[Verdict, str] = {
    Verdict.UNKNOWN: "what isn't known is not mended",
    Verdict.FORBIDDEN: "whether it can go is for a person to say",
}


class Left(msgspec.Struct, frozen=True):
    """A finding that stays, where it is now and where it will be when the changes are written, and why. ``of`` are the
    instances that have it."""

    finding: Finding
    location: Location
    then: Location
    why: str
    of: tuple[About, ...]

    @property
    def instances(self) -> int:
        return len(self.of)


class Mended(msgspec.Struct, frozen=True):
    """A finding that the changes mend, where it is now and where that will be when they are written, and who says the
    value that is written (empty where the fault itself says it). ``of`` are the instances that have it."""

    finding: Finding
    location: Location
    then: Location
    by: str
    of: tuple[About, ...]

    @property
    def instances(self) -> int:
        return len(self.of)


class Plan(msgspec.Struct, frozen=True):
    """What is to be written, and what that comes to: ``present`` are the findings of all instances as they are,
    ``remaining`` as they would be. ``top`` is the folder of the repository."""

    changes: tuple[Change, ...]
    mended: tuple[Mended, ...]
    left: tuple[Left, ...]
    present: tuple[Finding, ...]
    remaining: tuple[Finding, ...]
    top: Path
    gaps: tuple[Gap, ...] = ()


def plan(paths: Sequence[str], asked: Asked, values: Callable[[Path], Says]) -> Plan:
    """Plans the mending of all that a check of the paths reports. ``values`` gives what says values, for the folder of
    the repository. Raises :class:`UsageError` for paths that can't be."""
    selection = selected(paths, asked)
    return mending(selection, asked, values(Path(selection.top)))


def mending(
    selection: Selection, asked: Asked, said: Says, only: Callable[[Root, Finding], bool] = lambda _root, _finding: True
) -> Plan:
    """Plans the mending of what is found in the roots that are selected, of ``only`` some findings. What else there is
    stays as it is, and is not among ``left``."""
    roots: Sequence[Root] = selection.roots
    texts: dict[str, tuple[bytes, bytes]] = {}
    mended: list[_Said] = []
    left: dict[str, list[_Said]] = {}
    present: dict[str, list[Finding]] = {}
    remaining: dict[str, list[Finding]] = {}
    located: dict[tuple[str, str], Location] = {}
    gaps: frozenset[Gap] = frozenset(selection.gaps)
    for number in range(PASSES):
        planner = _Planner(selection, asked, said, only, {name: new for name, (_, new) in texts.items()})
        edited = planner.plan(roots)
        if number == 0:
            present, located = planner.present, planner.located
            gaps |= planner.gaps
        mended += planner.mended()
        left |= planner.left(roots)
        remaining |= planner.remaining(roots)
        if not edited:
            break
        for one in edited:
            texts[one.file.name] = (texts.get(one.file.name, (one.file.source,))[0], one.text)
        # What is out of the way now may let another mend be proven, and a second run would find it.
        reached = {root.folder for root in planner.reached(texts)}
        roots = [root for root in selection.roots if root.folder in reached]

    def now(one: _Said) -> Location:
        return located.get((one.folder, one.finding.fingerprint), one.location)

    def then(one: _Said) -> Location:
        where = now(one)
        if where.file not in texts:
            return where
        if where.file not in lines:
            lines[where.file] = new_lines(*texts[where.file])
        return msgspec.structs.replace(where, line=lines[where.file](where.line))

    lines: dict[str, Callable[[int], int]] = {}
    return Plan(
        changes=tuple(_changes(texts)),
        mended=tuple(Mended(one.finding, now(one), then(one), one.said, of) for one, of in _joined(mended)),
        left=tuple(
            Left(one.finding, now(one), one.location, one.said, of)
            for one, of in _joined(one for several in left.values() for one in several)
        ),
        present=tuple(finding for found in present.values() for finding in found),
        remaining=tuple(finding for found in remaining.values() for finding in found),
        top=Path(os.path.realpath(selection.top)),
        gaps=tuple(sorted(gaps)),
    )


def _changes(texts: Mapping[str, tuple[bytes, bytes]]) -> Iterator[Change]:
    """Each file once, also where it is read under several names."""
    files: set[str] = set()
    for name, (old, new) in sorted(texts.items()):
        file = os.path.realpath(name)
        if file not in files:
            files.add(file)
            yield Change(Path(name), old, new)


class _Said(msgspec.Struct, frozen=True):
    """What became of one finding in the root of a folder, and why or by whom."""

    folder: str
    finding: Finding
    location: Location
    said: str


def _joined(found: Iterable[_Said]) -> Iterator[tuple[_Said, tuple[About, ...]]]:
    """What is said of several instances of one fault, once, in the order of the source; and of which."""
    instances: dict[tuple[object, ...], tuple[_Said, list[About]]] = {}
    for one in found:
        finding = one.finding
        key = (one.location, finding.surface, finding.rule, finding.tag, finding.verdict, one.said)
        _, several = instances.setdefault(key, (one, []))
        several.append(About(one.folder, finding.resource.address))

    def order(said: tuple[_Said, object]) -> tuple[str, int, str, str, str]:
        one, _ = said
        return one.location.file, one.location.line, one.finding.surface, one.finding.tag or "", one.said

    for one, several in sorted(instances.values(), key=order):
        yield one, tuple(several)


class _Planner:
    """Plans what can be proven at once. ``texts`` has what was edited before, by the name under which it is read."""

    def __init__(
        self,
        selection: Selection,
        asked: Asked,
        values: Says,
        only: Callable[[Root, Finding], bool],
        texts: Mapping[str, bytes],
    ) -> None:
        self._selection = selection
        self._asked = asked
        self._values = values
        self._only = only
        self._rules = _rules(asked.policy)
        self._texts = texts
        self._files = Files(texts)
        self._top = os.path.realpath(selection.top)
        self._examined: dict[str, Examined] = {}
        self._units: dict[ModuleInstance, str] = {}
        """What runs a root module that Terragrunt runs."""
        self._closures: dict[str, str] = {}
        self._feelings: dict[object, frozenset[What]] = {}
        self._states: dict[str, State] = {}
        self._mends: list[Mend] = []
        self._left: dict[str, list[_Said]] = {}
        self._after: dict[str, list[Finding]] = {}
        self._doubts: dict[tuple[str, bytes], str] = {}
        self.present: dict[str, list[Finding]] = {}
        """What is found in each root, by its folder."""
        self.located: dict[tuple[str, str], Location] = {}
        """Where each of them is to be mended, by the folder and the fingerprint."""
        self.gaps: set[Gap] = set()

    def plan(self, roots: Iterable[Root]) -> "list[Edited]":
        for root in roots:
            self._read(root)
        order = {rule: number for number, rule in enumerate(self._rules)}
        self._mends.sort(key=lambda mend: order[mend.finding.rule, mend.finding.tag or ""])  # as the policy has them
        self._prefer()
        return self._proven()

    def mended(self) -> Iterator[_Said]:
        for mend in self._mends:
            if mend.choice is not None:
                yield _Said(mend.root.folder, mend.finding, mend.location, mend.choice.by)

    def left(self, roots: Iterable[Root]) -> dict[str, list[_Said]]:
        left = {root.folder: list(self._left.get(root.folder, ())) for root in roots}
        for mend in self._mends:
            if mend.choice is None:
                left[mend.root.folder].append(_Said(mend.root.folder, mend.finding, mend.location, mend.why))
        return left

    def remaining(self, roots: Iterable[Root]) -> dict[str, list[Finding]]:
        return {root.folder: self._after.get(root.folder, self.present[root.folder]) for root in roots}

    # --- what is to be mended

    def _read(self, root: Root) -> None:
        examined = self._examine(root)
        self.gaps.update(examined.configuration.inventory.gaps)
        kept = False
        self.present[root.folder] = list(self._asked_for(root, examined))
        for finding in self.present[root.folder]:
            if not self._only(root, finding):
                continue
            judged = examined.configuration.find(finding.resource.address)
            assert judged is not None  # noqa: S101 - findings are about these resources
            location = examined.places.of(finding).location
            self.located[root.folder, finding.fingerprint] = location
            surface = next(one for one in judged.resource.surfaces if one.path == finding.surface)
            why = self._mend(Mend(root, finding, judged, surface, location, []))
            if why:
                self._left.setdefault(root.folder, []).append(_Said(root.folder, finding, location, why))
            else:
                kept = True
        if kept:
            self._examined[root.folder] = examined

    def _examine(self, root: Root) -> Examined:
        examined = examine(root, self._selection.folders, self._asked, self._files)
        if root.unit is not None:
            self._units[examined.configuration.root] = f"{root.folder}/{TERRAGRUNT}"
        return examined

    def _asked_for(self, root: Root, examined: Examined) -> Iterator[Finding]:
        for finding in examined.report.findings:
            if (root.whole or examined.places.touches(finding)) and not self._is_accepted(root, finding):
                yield finding

    def _is_accepted(self, root: Root, finding: Finding) -> bool:
        if self._asked.accepted is None:
            return False
        entry = Entry(
            root=root.name,
            address=finding.resource.address,
            rule=finding.rule,
            surface=finding.surface,
            tag=finding.tag,
            verdict=finding.verdict,
        )
        return entry in self._asked.accepted

    def _mend(self, mend: Mend) -> str:
        """Takes the mend up, or says why there is none."""
        finding = mend.finding
        if finding.verdict in _FOR_A_PERSON:
            return _FOR_A_PERSON[finding.verdict]
        rule = self._rules.get((finding.rule, finding.tag or ""))
        if rule is None or finding.key is None:
            return "it is about the tags as a whole"
        match finding.verdict:
            case Verdict.MISSING:
                spots = places.additions(mend.judged.evidence, mend.surface, finding.key)
            case Verdict.MISSPELLED:
                spots = self._renaming(mend, rule)
            case _:
                spots = places.settings(mend.judged.evidence, mend.surface, finding.key)
        if isinstance(spots, Nowhere):
            return spots.why
        if finding.verdict is Verdict.INVALID and self._certain(mend, rule) is None:
            return "which value is meant is not certain"
        whys: list[str] = []
        for spot in spots:
            choice = self._choice(mend, rule, spot)
            if isinstance(choice, Choice):
                mend.choices.append(choice)
            else:
                whys.append(choice)
        mend.why = "" if mend.choices else whys[-1] if whys else "there is no place in this repository for it"
        if mend.choices or (finding.verdict is Verdict.MISSING and _inherits(mend)):
            self._mends.append(mend)
            return ""
        return mend.why

    def _renaming(self, mend: Mend, rule: Require) -> Iterator[Spot] | Nowhere:
        found = mend.finding.found
        if found is None:
            return Nowhere("what is there is secret")
        value = mend.surface.tags.tags[found].value
        certain = None
        if isinstance(value, Known) and not rule.allows(value.text):
            certain = rule.certainly(value.text)
            if certain is None:
                return Nowhere(f"the value of {found} is not allowed either")
        return places.renaming(mend.judged.evidence, mend.surface, found, certain)

    def _certain(self, mend: Mend, rule: Require) -> str | None:
        certain = None if mend.finding.found is None else rule.certainly(mend.finding.found)
        # As the finding says it: on Google, what no label can hold is encoded.
        return encode("google", certain) if certain and mend.judged.resource.cloud == "google" else certain

    def _choice(self, mend: Mend, rule: Require, spot: Spot) -> Choice | str:
        """The place with what is to be written there; or why it is none."""
        why = self._closed(spot)
        if why:
            return why
        finding = mend.finding
        if spot.defaults and finding.verdict is Verdict.MISSING:
            absent = places.reaches_absent(mend.judged.evidence.provider)
            if absent:
                return f"the defaults of its provider reach {absent}, which isn't here"
        key = finding.key or ""
        by = ""
        match finding.verdict:
            case Verdict.MISSPELLED:
                found = finding.found or ""
                tag = mend.surface.tags.tags[found].value
                value = ANY
                if isinstance(tag, Known):
                    value = tag.text if rule.allows(tag.text) else rule.certainly(tag.text) or tag.text
                effect: dict[str, str | None] = {found: None, key: value}
            case Verdict.INVALID:
                value = self._certain(mend, rule) or ""
                effect = {key: value}
            case _:
                said = self._said(rule, mend, spot)
                if isinstance(said, Unsaid):
                    return said.why
                value, by = said.value, said.by
                effect = {key: value}
        try:
            operations = spot.operations(key, value)
            check(spot.file, operations)
        except EditError as error:
            return str(error)
        return Choice(spot, operations, effect, by, spot.home)

    def _said(self, rule: Require, mend: Mend, spot: Spot) -> Said | Unsaid:
        """The value for what is written at the spot. Where that is, and all that calls it, has a say; what stands in a
        module that is called from there has not."""
        resource = mend.judged.resource
        files = (spot.file.name, *self._way(mend.judged, spot.module))
        said = self._values.of(rule, files, About(mend.root.folder, resource.address))
        cloud = resource.cloud
        if isinstance(said, Said) and cloud is not None and not _fits(said.value, cloud):
            return Unsaid(f"{said.by} says {said.value!r}, which can't be a value on {cloud}")
        return said

    def _way(self, judged: Judged, module: ModuleInstance) -> list[str]:
        """The files that lead to a resource, as far as they are in ``module`` or in what calls it."""
        above: set[ModuleInstance] = set()
        one: ModuleInstance | None = module
        while one is not None:
            above.add(one)
            one = one.parent
        files: list[str] = []
        file = judged.evidence.declared.location.file
        one = judged.evidence.module
        while one is not None:
            if one in above:
                files.append(file)
            file = one.call.location.file if one.call is not None else self._units.get(one, "")
            one = one.parent
        return [*files, file] if file else files

    def _closed(self, spot: Spot) -> str:
        """Why a file is not to be edited; empty where it may be."""
        name = spot.file.name
        if name not in self._closures:
            self._closures[name] = (
                self._closure(spot.file) if editable(spot.module) else f"{name} was fetched or vendored"
            )
        return self._closures[name]

    def _closure(self, file: File) -> str:
        path = os.path.realpath(file.name)
        if not path.startswith(self._top.rstrip("/") + "/"):
            return f"{file.name} is outside of the repository"
        if file.name in self._texts:
            return ""
        try:
            there = Path(path).read_bytes() == file.source
        except OSError:
            there = False
        if not there:
            return f"{file.name} is generated"
        if not is_writable(Path(path)):
            return f"{file.name} is read-only"
        if not os.access(Path(path).parent, os.W_OK):
            return f"the folder of {file.name} is read-only"
        return ""

    # --- which places are preferred

    def _prefer(self) -> None:
        """Orders the places: one that serves several resources first; a provider's defaults where that saves edits."""
        users: dict[tuple[object, ...], set[Location]] = {}
        for mend in self._mends:
            for choice in mend.choices:
                users.setdefault(self._where(mend, choice), set()).add(_block(mend))
        groups: dict[tuple[str, str, str], list[Mend]] = {}
        for mend in self._mends:
            if mend.finding.verdict is not Verdict.MISSING:
                continue
            here = mend.judged.evidence.module

            def comes_first(choice: Choice, mend: Mend = mend, here: ModuleInstance = here) -> bool:
                spot = choice.spot
                return spot.plain or spot.module is not here or len(users[self._where(mend, choice)]) > 1

            sources = [choice for choice in mend.choices if choice.spot.shared]
            first = [choice for choice in sources if comes_first(choice)]
            own = [choice for choice in mend.choices if not choice.spot.shared]
            mend.choices = [*first, *own, *(choice for choice in sources if choice not in first)]
            if _inherits(mend):
                key = (mend.root.folder, mend.judged.evidence.provider.key, mend.finding.key or "")
                groups.setdefault(key, []).append(mend)
        for group in groups.values():
            self._prefer_defaults(group)

    def _prefer_defaults(self, group: Sequence[Mend]) -> None:
        """One place for all of a provider's resources that lack the tag, where each has an edit of its own otherwise;
        for what can't be edited itself, the last resort."""
        offers: dict[Mend, list[Choice]] = {}
        for mend in group:
            evidence = mend.judged.evidence
            rule = self._rules[mend.finding.rule, mend.finding.tag or ""]
            found = [self._choice(mend, rule, spot) for spot in places.provider_defaults(evidence.provider, evidence)]
            offers[mend] = [choice for choice in found if isinstance(choice, Choice)]
        effects = {tuple(choice.effect.items()) for choices in offers.values() for choice in choices}
        blocks = {_block(mend) for mend in group}
        now = {self._where(mend, mend.choices[0]) if mend.choices else ("", id(mend)) for mend in group}
        preferred = all(offers.values()) and len(effects) == 1 and len(blocks) > 1 and len(now) > 1
        for mend, choices in offers.items():
            if preferred or not mend.choices:
                mend.choices[:0] = choices

    def _where(self, mend: Mend, choice: Choice) -> tuple[object, ...]:
        return (*choice.spot.key, mend.finding.key, *choice.effect.values())

    # --- the proof

    def _proven(self) -> "list[Edited]":
        """The edits after which nothing else is different."""
        for _ in range(ROUNDS):
            self._settle()
            edits = self._edits()
            if not edits:
                break
            disturbed = self._disturbed(edits)
            for mend, why in disturbed.items():
                mend.refuse(why)
            doubts = {} if disturbed else dict(self._doubtful(edits))
            for name, why in doubts.items():
                self._refuse(name, why)
            if not disturbed and not doubts:
                return list(edits.values())
        for mend in self._mends:
            mend.choices.clear()
            mend.why = mend.why or "no set of edits could be proven to change nothing else"
        self._after = {}
        return []

    def _settle(self) -> None:
        """Sends on what asks for two values at one place."""
        while True:
            asked: dict[tuple[object, ...], dict[object, list[Mend]]] = {}
            for mend in self._mends:
                if mend.choice is not None:
                    key = (*mend.choice.spot.key, mend.finding.key)
                    what = tuple(mend.choice.effect.items())
                    asked.setdefault(key, {}).setdefault(what, []).append(mend)
            contested = [wishes for wishes in asked.values() if len(wishes) > 1]
            if not contested:
                return
            for wishes in contested:
                for mends in wishes.values():
                    for mend in mends:
                        mend.refuse(f"it would need different values at {_named(mend)}")

    def _edits(self) -> dict[str, Edited]:
        """The files that get a new text, by the name under which each was read."""
        while True:
            edits: dict[str, Edited] = {}
            refused = False
            for name, (file, operations) in wanted(self._mends).items():
                try:
                    edits[name] = Edited(file, edit(file, operations), operations)
                except EditError as error:
                    self._refuse(name, str(error))
                    refused = True
            if not refused:
                return edits

    def _refuse(self, name: str, why: str) -> None:
        """Sends on all that is mended in a file."""
        for mend in self._mends:
            if mend.choice is not None and mend.choice.spot.file.name == name:
                mend.refuse(why)

    def _doubtful(self, edits: Mapping[str, Edited]) -> Iterator[tuple[str, str]]:
        """The texts that can't be written, and why."""
        names: dict[str, str] = {}
        for name, edited in edits.items():
            other = names.setdefault(os.path.realpath(name), name)
            if other != name and edits[other].text != edited.text:
                yield name, f"{other} is the same file under another name"
            key = (name, edited.text)
            if key not in self._doubts:
                self._doubts[key] = doubt(edited.file, edited.text, edited.operations)
            if self._doubts[key]:
                yield name, self._doubts[key]

    def _disturbed(self, edits: Mapping[str, Edited]) -> dict[Mend, str]:
        """The mends whose edits change what they should not, or don't mend; each with the reason."""
        files = Files({**self._texts, **{name: edited.text for name, edited in edits.items()}})
        blamed: dict[Mend, str] = {}
        self._after = {}
        for root in self.reached(edits):
            before = self._state(root)
            examined = examine(root, self._selection.folders, self._asked, files)
            self._after[root.folder] = list(self._asked_for(root, examined))
            after = state(examined)
            for complaint in Comparison(root, before, after, self._mends, partial(self._is_right, root)).complaints():
                for mend in self._to_blame(root, before, complaint):
                    other = mend.root.folder != root.folder
                    blamed.setdefault(
                        mend, f"{complaint.why} in the root module {root.name}" if other else complaint.why
                    )
        return blamed

    def _to_blame(self, root: Root, before: State, complaint: Complaint) -> list[Mend]:
        """The mends that are to blame: of several suspects, those whose edits do the same without the others."""
        suspects: dict[object, list[Mend]] = {}
        for mend in complaint.mends:
            if mend.choice is not None:
                suspects.setdefault(mend.choice.spot.key, []).append(mend)
        if complaint.what is None or len(suspects) < 2:
            return complaint.mends
        return self._guilty(root, before, list(suspects.values()), complaint.what) or complaint.mends

    def _guilty(self, root: Root, before: State, suspects: Sequence[list[Mend]], what: What) -> list[Mend]:
        """Those among the suspects, place by place, that do it, by halves."""
        everyone = [mend for mends in suspects for mend in mends]
        felt = self._felt(root, before, everyone)
        if felt is None:
            return everyone
        if what not in felt:
            return []
        if len(suspects) == 1:
            return everyone
        middle = len(suspects) // 2
        halves = (suspects[:middle], suspects[middle:])
        return [mend for half in halves for mend in self._guilty(root, before, half, what)] or everyone

    def _felt(self, root: Root, before: State, mends: Iterable[Mend]) -> frozenset[What] | None:
        """What the edits of some mends alone change in a root; None where too much was tried already."""
        edits = wanted(mends)
        key = (root.folder, tuple((name, operations) for name, (_, operations) in edits.items()))
        if key not in self._feelings:
            if len(self._feelings) >= TRIALS:
                return None
            texts = {name: edit(file, operations) for name, (file, operations) in edits.items()}
            after = state(examine(root, self._selection.folders, self._asked, Files({**self._texts, **texts})))
            self._feelings[key] = frozenset(different(before, after))
        return self._feelings[key]

    def reached(self, names: Iterable[str]) -> Iterator[Root]:
        """Every root that the changed files are a part of, those that nobody asked for among them."""
        known = {root.folder: root for root in self._selection.roots}
        for root in select(sorted(names), parse, self._asked.settings.environment or None).roots:
            yield known.get(root.folder, root)

    def _state(self, root: Root) -> State:
        if root.folder not in self._states:
            examined = self._examined.get(root.folder)
            if examined is None:
                examined = self._examine(root)
            self._states[root.folder] = state(examined)
        return self._states[root.folder]

    def _is_right(self, root: Root, judged: Judged, finding: Finding, value: str) -> bool:
        """Whether a tag that couldn't be decided would be given this value, too."""
        rule = self._rules.get((finding.rule, finding.tag or ""))
        if rule is None:
            return False
        about = About(root.folder, judged.resource.address)
        said = self._values.of(rule, self._way(judged, judged.evidence.module), about)
        return isinstance(said, Said) and said.value == value


def _rules(policy: Policy) -> dict[tuple[str, str], Require]:
    return {(rule.id, rule.spelling.name): rule for rule in policy.rules if isinstance(rule, Require)}


def _inherits(mend: Mend) -> bool:
    """Whether the defaults of a provider reach the surface."""
    kind = mend.judged.evidence.kind
    if kind is None:
        return False
    path = tuple(name for name, _ in surface_parts(mend.surface.path))
    declared = kind.created if mend.surface.created else (kind.own,) if kind.own is not None else ()
    return any(one.path == path and one.inherits for one in declared)


def _block(mend: Mend) -> Location:
    return mend.judged.evidence.declared.location


def _fits(value: str, cloud: Cloud) -> bool:
    limits = catalog.LIMITS[cloud]
    short = len(value) <= limits.value_length and (not limits.octets or len(value.encode()) <= limits.octets)
    return short and pattern(f"^(?:{limits.value_pattern})$").search(value) is not None


def _named(mend: Mend) -> str:
    spot = mend.choice.spot if mend.choice is not None else None
    return "" if spot is None else f"{spot.file.name}:{spot.file.line(spot.key[2])}"
