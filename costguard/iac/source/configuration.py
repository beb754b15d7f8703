"""A root module with all that it calls → resources with evidence, as Terraform would plan them."""

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from costguard import catalog
from costguard.iac.hcl import SyntaxProblem, parse, parse_expression
from costguard.iac.hcl.evaluate import Exhausted, evaluate
from costguard.iac.hcl.tree import Literal, Name
from costguard.iac.hcl.values import EvaluationError, Unknown, Value
from costguard.iac.source import null_label
from costguard.iac.source.evidence import Evidence, provider_defaults
from costguard.iac.source.instance import (
    GIVEN_NULL,
    TOO_LONG,
    Assumption,
    Budget,
    Each,
    ModuleHost,
    ModuleInstance,
    World,
)
from costguard.iac.source.module import Declared, Files, Module, read
from costguard.iac.source.places import Place, place
from costguard.iac.source.remote import Manifest, is_local
from costguard.model.finding import Finding
from costguard.model.resource import Gap, Inventory, Known, Resource, Surface, Tag, TagSet
from costguard.model.resource import Unknown as NotKnown

DEEPEST_CALL = 40
"""Modules within modules; Terraform itself has no limit, and nobody has more than ten."""

MOST_CALLS = 10_000
"""Instances of modules in one configuration: a few modules that call each other twice make any number."""

_FRAMES = 12_000


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What a run knows beside the files. ``variables`` are ``--var`` texts, as on Terraform's command line;
    ``environment`` holds ``TF_VAR_…`` and ``TF_AWS_DEFAULT_TAGS_…`` where they were asked for; ``inputs`` are values
    that a wrapper such as Terragrunt gives, and ``generated`` the files that it would write. ``planned`` are the values
    that a plan was made with: they go before everything. ``reusable`` says in half a sentence why variables and
    providers are somebody else's to give ("given by whoever calls this module")."""

    variables: Mapping[str, str] = {}
    var_files: tuple[Path, ...] = ()
    environment: Mapping[str, str] = {}
    assume: tuple[Assumption, ...] = ()
    inputs: Mapping[str, Value] = {}
    planned: Mapping[str, Value] = {}
    generated: Mapping[str, bytes] = {}
    reusable: str = ""


class Judged(msgspec.Struct, frozen=True):
    """A resource with what it was made from."""

    resource: Resource
    evidence: Evidence


class Configuration:
    """A root module, evaluated. ``inventory`` has one resource for each instance, addressed as in a plan."""

    def __init__(self, root: ModuleInstance, judged: list[Judged], gaps: list[Gap], notes: list[str]) -> None:
        self.root = root
        self.judged = judged
        self.inventory = Inventory(
            checkpoint="source",
            resources=tuple(one.resource for one in judged),
            gaps=tuple(sorted(set(gaps))),
            notes=tuple(sorted(set(notes))),
        )
        self._by_address: dict[str, Judged] | None = None

    def find(self, address: str) -> Judged | None:
        """The resource of an address, an instance's or — where instances aren't told apart — its block's."""
        if self._by_address is None:
            self._by_address = {one.resource.address: one for one in self.judged}
        return self._by_address.get(address)

    def place(self, finding: Finding) -> Place:
        """Where a person would edit for a finding about one of these resources, and the way that led there."""
        judged = self.find(finding.resource.address)
        assert judged is not None, finding.resource.address  # noqa: S101 - findings are about these resources
        surface = next(one for one in judged.resource.surfaces if one.path == finding.surface)
        try:
            return place(judged.evidence, surface, finding)
        except (Exhausted, RecursionError):
            block = judged.evidence.declared.location
            return Place(block, (), block, judged.evidence.module.module.folder)

    @property
    def moves(self) -> Mapping[str, str]:
        """What ``moved`` blocks say: the address now → the address before, without instance keys."""
        moves: dict[str, str] = {}
        for instance in instances(self.root):
            prefix = f"{instance.address}." if instance.address else ""
            for declared in instance.module.moved:
                texts = []
                for name in ("to", "from"):
                    found = declared.attribute(name)
                    texts.append("" if found is None else _text(declared, found[1].value_start, found[1].value_end))
                if all(texts):
                    moves[prefix + texts[0]] = prefix + texts[1]
        return moves


def _text(declared: Declared, start: int, end: int) -> str:
    return declared.file.source[start:end].decode("utf-8", "replace").strip().strip('"')


def _ancestors(instance: ModuleInstance) -> Iterator[ModuleInstance]:
    """The instance and those that lead to it, innermost first."""
    current: ModuleInstance | None = instance
    while current is not None:
        yield current
        current = current.parent


def instances(root: ModuleInstance) -> Iterator[ModuleInstance]:
    """The root and every module instance below it, callers first."""
    pending = [root]
    while pending:
        instance = pending.pop(0)
        yield instance
        for name in instance.module.calls:
            pending += instance.children(name).instances


def read_configuration(root: Path, settings: Settings | None = None, files: Files | None = None) -> Configuration:
    """Evaluates the configuration whose root module lies in ``root``.

    Never raises for what files contain: a file that can't be read or parsed is a gap, a value that can't be told is
    Unknown.
    """
    if sys.getrecursionlimit() < _FRAMES:
        sys.setrecursionlimit(_FRAMES)
    return _Reader(root, settings or Settings(), files or Files()).read()


class _Reader:
    def __init__(self, root: Path, settings: Settings, files: Files) -> None:
        self._folder = os.path.normpath(root)
        self._settings = settings
        self._files = files
        self._manifest = Manifest(self._folder)
        self._given: dict[str, Value] | None = None
        self._unread = ""
        self._called = 0
        self._gaps: list[Gap] = []
        self._notes: list[str] = []
        self._absent_calls: dict[str, list[str]] = {}
        self._uncatalogued: dict[str, int] = {}
        self._unjudged: dict[str, int] = {}

    def read(self) -> Configuration:
        settings = self._settings
        module = self._files.module(self._folder, settings.generated)
        host = ModuleHost(Path(self._folder))
        world = World(
            host=host,
            budget=Budget(),
            child=self._child,
            assume={assumption.reference: assumption.value for assumption in settings.assume},
            workspace=Unknown("terraform.workspace is chosen where Terraform runs"),
            reusable=settings.reusable,
            inputs=self._input,
            environment=settings.environment,
        )
        root = ModuleInstance(world, module)
        host.scope = root
        judged: list[Judged] = []
        seen: set[str] = set()
        for instance in instances(root):
            if instance.module.folder not in seen:
                seen.add(instance.module.folder)
                self._gaps += instance.module.gaps
            for (type_name, name), declared in instance.module.resources.items():
                every = instance.instances(type_name, name, declared)
                judged += [self._resource(instance, type_name, name, declared, each) for each in every]
            for name, call in instance.module.calls.items():
                children = instance.children(name)
                if not children.present:
                    judged += self._absent(instance, name, call, children.why)
        for why, addresses in self._absent_calls.items():
            more = f" and {len(addresses) - 1} more" if len(addresses) > 1 else ""
            self._notes.append(f"{min(addresses)}{more}: {why}")
        for type_name, count in sorted(self._uncatalogued.items()):
            self._notes.append(f"{type_name} is not in the catalogue; {_count(count)} judged by what the source shows")
        for provider, count in sorted(self._unjudged.items()):
            self._notes.append(f"provider {provider} is not one whose tags are judged; {_count(count)} left alone")
        return Configuration(root, judged, self._gaps, self._notes)

    # --- resources

    def _resource(self, instance: ModuleInstance, type_name: str, name: str, declared: Declared, each: Each) -> Judged:
        provider = instance.resource_provider(type_name, declared)
        kind = catalog.lookup(type_name)
        evidence = Evidence(instance, type_name, name, declared, each, provider, kind)
        cloud = catalog.cloud_of(provider.source)
        prefix = f"{instance.address}." if instance.address else ""
        address = f"{prefix}{type_name}.{name}{each.index}"
        try:
            surfaces = tuple(evidence.surfaces())
        except (Exhausted, RecursionError):
            surfaces = tuple(_undecided(kind, TOO_LONG))
        basis = ""
        if cloud is not None and kind is None:
            self._uncatalogued[type_name] = self._uncatalogued.get(type_name, 0) + 1
        if cloud is None and any(declared.attribute(tags) for tags in ("tags", "labels")):
            source = provider.source.rsplit("/", 1)[-1] or "unknown"
            self._unjudged[source] = self._unjudged.get(source, 0) + 1
        doubt = each.doubt or instance.doubt
        if doubt:
            basis = f"its instances are not told apart: {doubt}"
        resource = Resource(
            address=address,
            type=type_name,
            provider=provider.source.rsplit("/", 1)[-1] or "unknown",
            cloud=cloud,
            module=instance.address,
            surfaces=surfaces,
            location=declared.location,
            basis=basis,
        )
        return Judged(resource, evidence)

    def _absent(self, instance: ModuleInstance, name: str, call: Declared, why: str) -> Iterator[Judged]:
        """A module whose files aren't here: what its provider's defaults prove, the rest undecided."""
        for each in instance.instances("module", name, call):
            cloud_name = _cloud_of_source(_source(call)) or _only_provider(instance)
            provider = instance.provider(cloud_name) if cloud_name else None
            prefix = f"{instance.address}." if instance.address else ""
            address = f"{prefix}module.{name}{each.index}"
            if provider is None or catalog.cloud_of(provider.source) is None:
                self._absent_calls.setdefault(why, []).append(address)
                continue
            passed = call.expression("providers")
            defaults = TagSet({}, "") if passed is not None else provider_defaults(instance, provider)
            tags = {
                key: Tag(NotKnown(f"{address} may override what {tag.source} set: {why}"), tag.source)
                for key, tag in defaults.tags.items()
                if not isinstance(tag.value, Known) or tag.value.text.strip()
            }
            attribute = "labels" if catalog.cloud_of(provider.source) == "google" else "tags"
            kind = catalog.TaggableType("module", catalog.cloud_of(provider.source) or "aws", None)
            yield Judged(
                Resource(
                    address=address,
                    type="module",
                    provider=provider.source.rsplit("/", 1)[-1],
                    cloud=catalog.cloud_of(provider.source),
                    module=instance.address,
                    surfaces=(Surface(attribute, TagSet(tags, why)),),
                    location=call.location,
                    basis=why,
                ),
                Evidence(instance, "module", name, call, each, provider, kind),
            )

    # --- modules

    def _child(self, instance: ModuleInstance, call: Declared) -> tuple[Module | None, str]:
        source = call.expression("source")
        if not isinstance(source, Literal) or not isinstance(source.value, str):
            return None, "the source of the module is no plain text"
        text = source.value
        name = call.block.labels[0]
        if "\0" in text:
            return None, "the source of the module is no path"
        if len(instance.path) >= DEEPEST_CALL:
            return None, "the modules are nested too deeply; does one call itself?"
        if is_local(text):
            folder = os.path.normpath(f"{instance.module.folder or '.'}/{text}")
        else:
            version = call.expression("version")
            stated = version.value if isinstance(version, Literal) and isinstance(version.value, str) else ""
            found = self._manifest.folder((*instance.path, name), text, stated)
            if found is None and null_label.is_label(text):
                return self._files.model("cloudposse/label/null", null_label.model()), ""
            if found is None:
                return None, f"{text} is not here (`terraform init` fetches it)"
            folder = found
        if any(ancestor.module.folder == folder for ancestor in _ancestors(instance)):
            return None, "it calls itself, directly or through others"
        self._called += len(instance.instances("module", name, call))
        if self._called > MOST_CALLS:
            why = f"there are more than {MOST_CALLS:,} instances of modules, and the rest is left alone"
            self._gaps.append(Gap(f"{call.location.file}:{call.location.line}", why))
            return None, why
        module = self._files.module(folder)
        if module.empty:
            if is_local(text):
                self._gaps.append(
                    Gap(
                        f"{call.location.file}:{call.location.line}", f"module {name!r}: there is no module in {folder}"
                    )
                )
            return None, f"there is no module in {folder}"
        return module, ""

    # --- variables of the root

    def _input(self, instance: ModuleInstance, name: str, declared: Declared) -> Value:
        settings = self._settings
        if name in settings.planned:
            return _nulled(settings.planned[name])
        if self._given is None:
            self._given = {}
            self._read_inputs(instance)
        if name in settings.variables:
            return _nulled(self._from_text(settings.variables[name], declared, f"--var {name}", instance))
        if name in self._given:
            return _nulled(self._given[name])
        if self._unread:
            return Unknown(f"var.{name} may be given in {self._unread}, which could not be read")
        if name in settings.inputs:
            return _nulled(settings.inputs[name])
        text = settings.environment.get(f"TF_VAR_{name}")
        if text is not None:
            return _nulled(self._from_text(text, declared, f"TF_VAR_{name}", instance))
        return None

    def _from_text(self, text: str, declared: Declared, what: str, instance: ModuleInstance) -> Value:
        """A value as it is given on a command line: raw for what is a text, an expression for all else."""
        wanted = declared.expression("type")
        if isinstance(wanted, Literal):
            wanted = Name(wanted.start, wanted.end, str(wanted.value))  # The old way to write it.
        if wanted is None or (isinstance(wanted, Name) and wanted.name in ("string", "number", "bool")):
            return text
        try:
            return evaluate(parse_expression(text), _Nothing(instance))
        except (SyntaxProblem, EvaluationError) as error:
            return Unknown(f"{what} can't be evaluated: {error}")

    def _read_inputs(self, instance: ModuleInstance) -> None:
        assert self._given is not None  # noqa: S101 - set by the caller
        folder = Path(self._folder)
        names = [name for name in ("terraform.tfvars", "terraform.tfvars.json") if os.path.lexists(folder / name)]
        automatic = []
        try:
            automatic = sorted(
                entry.name
                for entry in os.scandir(self._folder or ".")
                if entry.name.endswith((".auto.tfvars", ".auto.tfvars.json")) and not entry.name.startswith(".")
            )
        except OSError:
            automatic = []
        for path in (*(folder / name for name in (*names, *automatic)), *self._settings.var_files):
            try:
                raw = read(path)
            except OSError as error:
                self._gaps.append(Gap(str(path), f"it can't be read: {error.strerror}"))
                self._unread = str(path)
                self._given.clear()
                continue
            file = parse(raw, str(path))
            for problem in file.problems:
                self._gaps.append(Gap(f"{path}:{problem.line}", problem.message))
            if file.problems:
                self._unread = str(path)
                self._given.clear()  # It goes before what was read so far.
            for name, attribute in file.body.attributes.items():
                try:
                    self._given[name] = evaluate(attribute.value, _Nothing(instance))
                except EvaluationError as error:
                    self._given[name] = Unknown(f"{path}: {name} can't be evaluated: {error}")


class _Nothing:
    """The scope of a ``.tfvars`` file: no names at all."""

    def __init__(self, instance: ModuleInstance) -> None:
        self.host = instance.host
        self._instance = instance

    def name(self, name: str) -> Value:
        raise EvaluationError(f"there is nothing called {name!r} in values for variables")

    def spend(self, steps: int) -> None:
        self._instance.spend(steps)


def _nulled(value: Value) -> Value:
    return GIVEN_NULL if value is None else value


def _undecided(kind: catalog.TaggableType | None, reason: str) -> Iterator[Surface]:
    if kind is not None and kind.own is not None:
        yield Surface(".".join(kind.own.path), TagSet({}, reason))


def _source(call: Declared) -> str:
    source = call.expression("source")
    return source.value if isinstance(source, Literal) and isinstance(source.value, str) else ""


def _cloud_of_source(source: str) -> str:
    """The provider that a registry address names: ``aws`` of ``terraform-aws-modules/vpc/aws``."""
    parts = source.split("//", 1)[0].split("/")
    if len(parts) in (3, 4) and catalog.cloud_of(parts[-1]) is not None:
        return parts[-1]
    for name in ("aws", "google", "azurerm"):
        if f"terraform-{name}-" in source:
            return name
    return ""


def _only_provider(instance: ModuleInstance) -> str:
    """The one cloud that a module works with, empty where there are several."""
    names = {name for name in instance.module.required if catalog.cloud_of(instance.module.required[name])}
    names |= {key.partition(".")[0] for key in instance.module.providers}
    names |= {type_name.partition("_")[0] for type_name, _ in instance.module.resources}
    names = {name for name in names if catalog.cloud_of(instance.module.required.get(name, name)) is not None}
    return names.pop() if len(names) == 1 else ""


def _count(number: int) -> str:
    return "1 resource is" if number == 1 else f"{number} resources are"
