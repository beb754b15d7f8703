"""What the source of managed resources says of their tags, and how it is mended.

A live resource that Terraform manages is claimed by a state, and the state belongs to a root module: here that folder
is found, evaluated once, and asked. What is missing there becomes a patch for each repository, with all the proofs of
``costguard fix``; what its source leaves to others may be written live; and whoever owns the files has a say in who
owns the resource. Where the source isn't at hand, or speaks otherwise than the evidence, the reason is said.
"""

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path

import msgspec

from costguard.catalog.encoding import encode
from costguard.check import Asked, examine, selected
from costguard.config import Config, path_glob
from costguard.errors import CostguardError
from costguard.fix.plan import Plan, mending
from costguard.fix.values import About, Owners, Said, Unsaid, Values, codeowners
from costguard.fix.write import Change, patch
from costguard.iac.source import Files, Judged, Settings
from costguard.iac.source.left_alone import left_alone
from costguard.iac.source.roots import Root, Selection, repository
from costguard.iac.state import local_states
from costguard.model.change import Patch, Value
from costguard.model.finding import Finding, Verdict
from costguard.model.resource import Cloud, Gap, Known, Location, Manager, Resource, Surface, without_indexes
from costguard.policy import Policy
from costguard.policy.rules.require import Require
from costguard.reconcile.infer import Hint

TOOLS = frozenset({"terraform", "opentofu"})
"""The tools of managers whose definitions are read here."""

_WORKSPACE = " (workspace "
_DEPOSED = " (deposed object "
_MOST = 1 << 20
"""Bytes of source that are kept parsed while root modules are evaluated one after the other."""


class Wanted(msgspec.Struct, frozen=True):
    """A managed resource and the values that are sure for it."""

    resource: Resource
    values: tuple[Value, ...]


class _Instance(msgspec.Struct, frozen=True):
    """What the source says of one instance of a resource. ``files`` lead to it: that of its block first, that of the
    call in the root module last. ``alone`` are the keys of the policy's that the source leaves to others."""

    address: str
    type: str
    cloud: Cloud | None
    location: Location
    files: tuple[str, ...]
    surface: Surface | None
    alone: frozenset[str]
    undivided: bool
    """It stands for all instances of its block."""


class _Source(msgspec.Struct, frozen=True):
    """One root module, read."""

    root: Root
    selection: Selection
    instances: Mapping[str, _Instance]
    blocks: Mapping[str, _Instance]
    """Of the instances that stand for a whole block, by its address without indexes."""
    findings: Mapping[tuple[str, str], Finding]
    """On the resources' own tags, by address and tag."""
    gaps: tuple[Gap, ...]

    def find(self, address: str) -> _Instance | None:
        return self.instances.get(address) or self.blocks.get(without_indexes(address))


class _Found(msgspec.Struct, frozen=True):
    """A live resource in its source."""

    source: _Source
    instance: _Instance


class _Wish(msgspec.Struct, frozen=True):
    """A tag that is to be mended on an instance, for some live resources (which is one, where instances are told
    apart)."""

    about: About
    tag: str
    value: str
    ids: tuple[str, ...]


class Sources:
    """The source of all that is managed. ``states`` are the patterns of states with the folder that each is seen from,
    as a scan is judged with.

    Nothing is read before it is asked for. Raises :class:`DocumentError` for a configuration that fix can't work with.
    """

    def __init__(
        self,
        policy: Policy,
        config: Config | None,
        today: date,
        states: Sequence[tuple[Path, str]] = (),
        settings: Settings | None = None,
    ) -> None:
        self._config = config
        self._states = states
        self._asked = Asked(policy=policy, settings=settings or Settings(), config=config, today=today)
        self._rules = {rule.spelling.name: rule for rule in policy.rules if isinstance(rule, Require)}
        self._beside: Mapping[str, frozenset[str]] | None = None
        self._folders: dict[str, str | Unsaid] = {}
        self._selections: dict[str, Selection] = {}
        self._sources: dict[str, _Source | Unsaid] = {}
        self._owners: dict[str, Owners | None] = {}
        self._files = Files()
        self._spent = 0

    # --- what may be written live all the same

    def ignored(self, resource: Resource, keys: Collection[str]) -> frozenset[str]:
        """Those of the keys that every source of the resource provably leaves alone, so that what is written live
        stays. Whatever is in doubt isn't among them."""
        left = frozenset(keys)
        managers = _terraform(resource)
        for manager in managers:
            found = self._found(resource, manager)
            if isinstance(found, Unsaid) or found.source.gaps:
                return frozenset()
            left &= found.instance.alone
        return left if managers else frozenset()

    def already(self, resource: Resource, keys: Collection[str]) -> dict[str, str]:
        """Those of the keys that the source sets, each with a sentence on where and to what: they are brought back by
        applying it, and there is nothing to infer and nothing to patch."""
        found = self._only(resource)
        if isinstance(found, Unsaid):
            return {}
        said = {key: _set_there(found.source, found.instance, key) for key in keys}
        return {key: why for key, why in sorted(said.items()) if why}

    # --- who owns the source

    def codeowners(self, resource: Resource, rule: Require) -> Iterator[Hint]:
        """A :class:`~costguard.reconcile.infer.Witness`: what CODEOWNERS says of the files that a managed resource
        comes from. Those of the root module, where it is asked for, say more than those of a module for everybody."""
        if rule.spelling.name != self._owned_tag:
            return
        for manager in _terraform(resource):
            found = self._found(resource, manager)
            if isinstance(found, Unsaid):
                continue
            selection = found.source.selection
            owners = self._owners_of(selection)
            files = [os.path.relpath(file, selection.top) for file in reversed(found.instance.files)]
            said = [owners.of(file, rule) for file in files] if owners is not None else []
            values = [one for one in said if isinstance(one, Said)]
            if values:
                first = values[0]
                agreed = len({one.value for one in values}) == 1 and said[0] is first
                says = f"{first.by} says that {first.value} owns the source of it"
                yield Hint("codeowners", first.value, says, 1.0 if agreed else 0.5)

    @property
    def _owned_tag(self) -> str:
        stated = self._config.doc.fix.codeowners if self._config is not None else None
        return stated.tag if stated is not None else "owner"

    def _owners_of(self, selection: Selection) -> Owners | None:
        if selection.top not in self._owners:
            self._owners[selection.top] = codeowners(self._config_for(selection), Path(selection.top))
        return self._owners[selection.top]

    # --- patches

    def patches(self, wanted: Sequence[Wanted]) -> tuple[Patch, ...]:
        """One patch for each repository, those without a change for what is left there. A resource of which some values
        are mended and others aren't is both among ``mends`` and in ``left``. What has no source here is left in a patch
        of the repository ``""``."""
        drafts: dict[str, _Draft] = {}
        for one in wanted:
            found = self._only(one.resource)
            if isinstance(found, Unsaid):
                drafts.setdefault("", _Draft()).leave(one.resource.address, found.why)
                continue
            draft = drafts.setdefault(found.source.selection.top, _Draft(found.source.selection))
            for value in one.values:
                if value.after is not None:
                    draft.wish(one, found, value, self._rules.get(value.tag))
        return tuple(self._patch(drafts[top]) for top in sorted(drafts))

    def _patch(self, draft: "_Draft") -> Patch:
        wishes = draft.settled()
        if draft.selection is None or not wishes:
            return draft.patch("")
        selection = draft.selection
        top = Path(selection.top)
        roots = tuple(draft.roots[folder] for folder in sorted({about.root for about, _ in wishes}))

        def is_wanted(root: Root, finding: Finding) -> bool:
            return (
                finding.surface == draft.surfaces.get(About(root.folder, finding.resource.address))
                and (About(root.folder, finding.resource.address), finding.tag or "") in wishes
            )

        values = _Known(wishes, Values({}, self._config_for(selection), top, self._asked.policy))
        plan = mending(msgspec.structs.replace(selection, roots=roots), self._asked, values, is_wanted)
        for about, tag in _instances_of(plan):
            draft.mend(wishes[about, tag])
        for left in plan.left:
            for about in left.of:
                wish = wishes[about, left.finding.tag or ""]
                why = left.finding.message if left.finding.verdict is Verdict.UNKNOWN else left.why
                for id_ in wish.ids:
                    draft.leave(id_, f"{wish.tag}: {why}")
        diff = patch(Change(_seen_from(plan.top, change.path), change.old, change.new) for change in plan.changes)
        try:
            diff.encode()
        except UnicodeError:
            return draft.unmended("a file that is to be changed is no UTF-8: run costguard fix there")
        return draft.patch(diff)

    # --- from a live resource to its source

    def _only(self, resource: Resource) -> _Found | Unsaid:
        """The source of a resource; one that several configurations claim has none that could be mended."""
        managers = _terraform(resource)
        if len(managers) > 1:
            return Unsaid(f"{managers[0]} and {managers[1]} both manage it: only one of them may")
        return self._found(resource, managers[0]) if managers else Unsaid("no state has it")

    def _found(self, resource: Resource, manager: Manager) -> _Found | Unsaid:
        if _DEPOSED in manager.name:
            return Unsaid("it waits for Terraform to delete it: apply the configuration")
        folder = self._folder(manager.where)
        if isinstance(folder, Unsaid):
            return folder
        source = self._source(folder)
        if isinstance(source, Unsaid):
            return source
        instance = source.find(manager.name)
        if instance is None:
            why = f"; {source.gaps[0].where}: {source.gaps[0].why}" if source.gaps else ""
            return Unsaid(f"the source in {source.root.name} has no {manager.name} (any more){why}")
        if instance.type != resource.type:
            return Unsaid(
                f"it comes with {manager.name} ({instance.location.file}:{instance.location.line}), whose block says "
                "the tags of what it creates"
            )
        return _Found(source, instance)

    def _folder(self, where: str) -> str | Unsaid:
        if where not in self._folders:
            self._folders[where] = self._looked_up(where)
        return self._folders[where]

    def _looked_up(self, where: str) -> str | Unsaid:
        """The root module's folder of a configuration, as :func:`costguard.iac.state.configuration` calls it."""
        entry = self._entry(where)
        if entry is not None:
            return entry
        if self._beside is None:
            self._beside = _beside(self._states)
        folders = sorted(self._beside.get(where, ()))
        if len(folders) == 1:
            return folders[0]
        if folders:
            return Unsaid(
                f"{where} may be the state in {folders[0]} or in {folders[1]}: say which source is whose in "
                "costguard.yaml, under terraform.sources"
            )
        return Unsaid(
            f"where the source of {where} is isn't known: add it to terraform.sources in costguard.yaml, as "
            f"{{state: {_states_of(where)[0]}, folder: its root module}}"
        )

    def _entry(self, where: str) -> str | Unsaid | None:
        """What costguard.yaml says of it."""
        if self._config is None:
            return None
        names = _states_of(where)
        for index, entry in enumerate(self._config.doc.terraform.sources):
            glob = path_glob(f"/{entry.state.strip('/')}" if "://" not in entry.state else entry.state)
            if any(glob.match(name.removeprefix("./").strip("/")) for name in names):
                folder = os.path.realpath(self._config.folder / entry.folder)
                if Path(folder).is_dir():
                    return folder
                line = self._config.document.line(("terraform", "sources", index))
                return Unsaid(f"{self._config.document.file}:{line} says {entry.folder}, and no such folder is there")
        return None

    # --- root modules

    def _source(self, folder: str) -> _Source | Unsaid:
        if folder not in self._sources:
            self._sources[folder] = self._read(folder)
        return self._sources[folder]

    def _read(self, folder: str) -> _Source | Unsaid:
        try:
            selection = self._selection(folder)
        except CostguardError as error:
            return Unsaid(str(error))
        root = next((one for one in selection.roots if one.folder == folder), None)
        if root is None:
            shown = os.path.relpath(folder, selection.top)
            if self._config is not None and self._config.excludes(folder):
                return Unsaid(f"{shown} is left alone: {self._config.document.file} excludes it")
            return Unsaid(
                f"{shown} is no root module: it has no Terraform files, or others call it; say in costguard.yaml, "
                "under terraform.sources, which folder Terraform runs in"
            )
        # Terraform runs in it, so that nobody else calls it.
        root = msgspec.structs.replace(root, reusable=False)
        examined = examine(root, selection.folders, self._asked, self._files)
        self._spent += examined.size
        if self._spent > _MOST:
            self._files, self._spent = Files(), 0
        instances: dict[str, _Instance] = {}
        for judged in examined.configuration.judged:
            instances[judged.resource.address] = self._instance(judged, selection.top)
        own = {one.address: one.surface.path for one in instances.values() if one.surface is not None}
        return _Source(
            root=root,
            selection=selection,
            instances=instances,
            blocks={without_indexes(one.address): one for one in instances.values() if one.undivided},
            findings={
                (one.resource.address, one.tag or ""): one
                for one in examined.report.findings
                if one.surface == own.get(one.resource.address)
            },
            gaps=tuple(examined.configuration.inventory.gaps),
        )

    def _instance(self, judged: Judged, top: str) -> _Instance:
        resource, evidence = judged.resource, judged.evidence
        keys = {rule.spelling.on(resource.cloud) for rule in self._rules.values()}
        files = [evidence.declared.location.file]
        module = evidence.module
        while module.call is not None and module.parent is not None:
            files.append(module.call.location.file)
            module = module.parent
        return _Instance(
            address=resource.address,
            type=resource.type,
            cloud=resource.cloud,
            location=_within(evidence.declared.location, top),
            files=tuple(map(os.path.realpath, files)),
            surface=next((one for one in resource.surfaces if not one.created), None),
            alone=left_alone(evidence, keys),
            undivided=bool(evidence.each.doubt or evidence.module.doubt),
        )

    def _selection(self, folder: str) -> Selection:
        """All root modules of the repository that a folder is in: they are found in one walk. Outside of any, those of
        the folder alone."""
        top = repository(folder) or folder
        if top not in self._selections:
            selection = selected([top], self._asked)
            self._selections[top] = msgspec.structs.replace(selection, top=top)
        return self._selections[top]

    def _config_for(self, selection: Selection) -> Config | None:
        """The configuration, without a CODEOWNERS that is of another repository."""
        config = self._config
        if config is None or config.folder.resolve().is_relative_to(selection.top):
            return config
        doc = msgspec.structs.replace(config.doc, fix=msgspec.structs.replace(config.doc.fix, codeowners=None))
        return msgspec.structs.replace(config, doc=doc)


class _Draft:
    """The patch of one repository in the making."""

    def __init__(self, selection: Selection | None = None) -> None:
        self.selection = selection
        self.roots: dict[str, Root] = {}
        self.surfaces: dict[About, str] = {}
        self._wishes: dict[tuple[About, str], dict[str, list[str]]] = {}
        self._mends: dict[str, None] = {}
        self._left: dict[str, dict[str, None]] = {}

    def leave(self, id_: str, why: str) -> None:
        self._left.setdefault(id_, {})[why] = None

    def mend(self, wish: _Wish) -> None:
        self._mends.update(dict.fromkeys(wish.ids))

    def wish(self, one: Wanted, found: _Found, value: Value, rule: Require | None) -> None:
        """Takes a value up, or leaves it where the source says something else than that it is missing."""
        source, instance = found.source, found.instance
        finding = source.findings.get((instance.address, value.tag))
        why = _said_there(source, instance, finding, value, rule)
        if why or instance.surface is None or value.after is None:
            self.leave(one.resource.address, f"{value.tag}: {why or 'its block carries no tags'}")
            return
        about = About(source.root.folder, instance.address)
        self.roots[source.root.folder] = source.root
        self.surfaces[about] = instance.surface.path
        self._wishes.setdefault((about, value.tag), {}).setdefault(value.after, []).append(one.resource.address)

    def settled(self) -> dict[tuple[About, str], _Wish]:
        """What is wished of each instance, where all that it stands for wish the same."""
        settled: dict[tuple[About, str], _Wish] = {}
        for (about, tag), values in self._wishes.items():
            if len(values) == 1:
                [(value, ids)] = values.items()
                settled[about, tag] = _Wish(about, tag, value, tuple(ids))
                continue
            asked = " and ".join(sorted(values)[:2])
            for ids in values.values():
                for id_ in ids:
                    self.leave(id_, f"{tag}: {about.address} stands for several, which want {asked}")
        return settled

    def unmended(self, why: str) -> Patch:
        for id_ in self._mends:
            self.leave(id_, why)
        self._mends.clear()
        return self.patch("")

    def patch(self, diff: str) -> Patch:
        top = self.selection.top if self.selection is not None else ""
        left = {id_: "; ".join(whys) for id_, whys in sorted(self._left.items())}
        return Patch(repository=top, diff=diff, mends=tuple(sorted(self._mends)), left=left)


class _Known:
    """Says the values that are wished, where nothing that people have said of the files speaks against them."""

    def __init__(self, wishes: Mapping[tuple[About, str], _Wish], values: Values) -> None:
        self._wishes = wishes
        self._values = values

    def of(self, rule: Require, files: Iterable[str], about: About) -> Said | Unsaid:
        said = self._values.stated(rule, files)
        wish = self._wishes.get((about, rule.spelling.name))
        if wish is None or isinstance(said, Unsaid):
            return said or Unsaid("no value is sure for it")
        if said is not None and wish.value not in (said.value, encode("google", said.value)):
            return Unsaid(f"{said.by} says {said.value}, and the evidence says {wish.value}")
        return Said(wish.value, said.by if said is not None else "the evidence")


def _said_there(
    source: _Source, instance: _Instance, finding: Finding | None, value: Value, rule: Require | None
) -> str:
    """Why a value needn't or mustn't be written into the source; empty where it is to be."""
    where = f"{instance.location.file}:{instance.location.line}"
    if finding is None:
        there = _set_there(source, instance, value.key)
        if there:
            return there
        doubt = instance.surface.tags.doubt(value.key) if instance.surface is not None else ""
        if doubt:
            return f"what its source sets can't be told: {doubt} ({where})"
        return f"nothing asks for it in the source at {where}: an exemption, a suppression, or a rule for what is live"
    if finding.verdict is Verdict.UNKNOWN:
        return f"{finding.message} ({where})"
    text = _meant(instance, finding, rule) if rule is not None else None
    if text is not None and value.after not in (text, encode("google", text)):
        return f"its source means {text}, at {where}, and the evidence says {value.after}"
    return ""


def _meant(instance: _Instance, finding: Finding, rule: Require) -> str | None:
    """The value that a tag is certain to have once its key or its value is put right; None where that can't be told."""
    text = finding.found
    if text is not None and finding.verdict is Verdict.MISSPELLED and instance.surface is not None:
        tag = instance.surface.tags.tags.get(text)
        text = tag.value.text if tag is not None and isinstance(tag.value, Known) else None
    return text if text is None or rule.allows(text) else rule.certainly(text)


def _set_there(source: _Source, instance: _Instance, key: str) -> str:
    """That the source sets a key, and how that comes to be; empty where it doesn't."""
    tag = instance.surface.tags.tags.get(key) if instance.surface is not None else None
    if tag is None:
        return ""
    said = repr(tag.value.text) if isinstance(tag.value, Known) and not tag.value.sensitive else "a value"
    origin = "" if tag.source == "the resource" else f" (through {tag.source})"
    where = f"{instance.location.file}:{instance.location.line}"
    return f"its source sets {key} to {said} already{origin}, at {where}: apply {source.root.name}"


def _instances_of(plan: Plan) -> Iterator[tuple[About, str]]:
    for mended in plan.mended:
        for about in mended.of:
            yield about, mended.finding.tag or ""


def _terraform(resource: Resource) -> list[Manager]:
    return [one for one in resource.managers if one.tool in TOOLS]


def _beside(states: Sequence[tuple[Path, str]]) -> Mapping[str, frozenset[str]]:
    """For each configuration whose state is a file here, the folders that it may be the state of."""
    found: dict[str, set[str]] = {}
    for folder, pattern in states:
        if "://" in pattern:
            continue
        for one in local_states([pattern], Path("/") if pattern.startswith("/") else folder):
            if not isinstance(one, Gap):
                path, where = one
                inside = path.parent
                # Workspaces of the local backend: terraform.tfstate.d/NAME/terraform.tfstate.
                if _WORKSPACE in where and inside.parent.name == "terraform.tfstate.d":
                    inside = inside.parent.parent
                found.setdefault(where, set()).add(os.path.realpath(inside))
    return {where: frozenset(folders) for where, folders in found.items()}


def _states_of(where: str) -> list[str]:
    """The states that a configuration may have, as ``terraform.states`` would name them: the inverse of
    :func:`costguard.iac.state.configuration`."""
    place, _, rest = where.partition(_WORKSPACE)
    workspace = rest.removesuffix(")")
    if not workspace:
        return [f"{place}/terraform.tfstate", place]
    scheme, separator, path = place.partition("://")
    if not separator:
        return [f"{place}/terraform.tfstate.d/{workspace}/terraform.tfstate", place]
    bucket, _, key = path.partition("/")
    inside = f"{scheme}://{bucket}/env:/{workspace}/{key}".rstrip("/")
    return [f"{inside}/terraform.tfstate", inside, place]


def _within(where: Location, top: str) -> Location:
    """A place as everybody sees it who has the repository."""
    return msgspec.structs.replace(where, file=os.path.relpath(os.path.realpath(where.file), top))


def _seen_from(top: Path, path: Path) -> Path:
    return Path(os.path.relpath(os.path.realpath(path), top))
