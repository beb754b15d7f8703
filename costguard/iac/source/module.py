"""A folder of Terraform files as one module: what it declares, with override files laid over it.

It knows which files belong to a module and which top-level blocks there are; it evaluates nothing.
"""

import errno
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import msgspec

from costguard.iac.hcl import parse
from costguard.iac.hcl.tree import Attribute, Block, Body, Expression, File, Literal, Object
from costguard.model.resource import Gap, Location

LABELS = {
    "resource": 2,
    "data": 2,
    "ephemeral": 2,
    "module": 1,
    "provider": 1,
    "variable": 1,
    "output": 1,
    "check": 1,
    "locals": 0,
    "terraform": 0,
    "moved": 0,
    "import": 0,
    "removed": 0,
}
"""How many labels each block of a Terraform file has."""

_SUFFIXES = (".tf", ".tofu", ".tf.json", ".tofu.json")


class Layer(msgspec.Struct, frozen=True):
    """One body and the file that it stands in."""

    file: File
    body: Body


class Declared(msgspec.Struct, frozen=True):
    """A block of a module, with what override files say of it: the last layer counts first."""

    file: File
    block: Block
    layers: tuple[Layer, ...]

    @property
    def location(self) -> Location:
        return location(self.file, self.block.start, self.block.end)

    def attribute(self, name: str) -> tuple[File, Attribute] | None:
        """The attribute and the file that it stands in."""
        return find(self.layers, name)

    def expression(self, name: str) -> Expression | None:
        found = find(self.layers, name)
        return found[1].value if found is not None else None


def find(layers: tuple[Layer, ...], name: str) -> tuple[File, Attribute] | None:
    """An attribute of a body in layers."""
    for layer in reversed(layers):
        attribute = layer.body.attributes.get(name)
        if attribute is not None:
            return layer.file, attribute
    return None


def blocks(layers: tuple[Layer, ...], name: str) -> list[tuple[File, Block]]:
    """The nested blocks of a type, those that ``dynamic`` blocks make among them. An override that has any of the type,
    in either form, replaces them all."""
    for layer in reversed(layers):
        there = [*layer.body.blocks(name)]
        there += [block for block in layer.body.blocks("dynamic", 1) if block.labels == (name,)]
        if there:
            return [(layer.file, block) for block in sorted(there, key=lambda block: block.start)]
    return []


def nested(layers: tuple[Layer, ...], name: str) -> tuple[Layer, ...]:
    """The bodies of a nested block that may stand there once and is merged (``lifecycle``), as layers."""
    return tuple(Layer(layer.file, block.body) for layer in layers for block in layer.body.blocks(name))


class Module(msgspec.Struct, frozen=True):
    """What the files of one folder declare. ``gaps`` are the files that could not be read."""

    folder: str
    files: tuple[File, ...]
    variables: dict[str, Declared]
    locals: dict[str, tuple[File, Attribute]]
    outputs: dict[str, Declared]
    resources: dict[tuple[str, str], Declared]
    data: dict[tuple[str, str], Declared]
    calls: dict[str, Declared]
    providers: dict[str, Declared]
    """By local name, and by ``name.alias``."""
    required: dict[str, str]
    """The source address of each provider that ``required_providers`` names, by local name."""
    moved: tuple[Declared, ...]
    gaps: tuple[Gap, ...]
    unread_provider: bool
    """Whether a file that could not be read may configure a provider."""

    @property
    def empty(self) -> bool:
        return not self.files and not self.gaps


class Files:
    """The modules of a run, each read once however many others call it. ``generated`` are files that are not on disk
    (Terragrunt writes them), by folder and name; ``instead`` has text that counts in place of what is on disk."""

    def __init__(self, instead: Mapping[str, bytes] | None = None) -> None:
        self._modules: dict[str, Module] = {}
        self._instead = {_absolute(name): text for name, text in (instead or {}).items()}

    def module(self, folder: str, generated: Mapping[str, bytes] | None = None) -> Module:
        """The module in a folder (a path, as messages will call it). A folder that isn't there is an empty one."""
        key = _absolute(folder)
        if generated:
            return _read(folder, self._instead, generated)
        module = self._modules.get(key)
        if module is None:
            module = self._modules[key] = _read(folder, self._instead, {})
        return module

    def model(self, name: str, file: File) -> Module:
        """A module that costguard itself brings, in place of one whose files aren't here."""
        if name not in self._modules:
            self._modules[name] = _assemble(name, [file], [], [], unread_provider=False)
        return self._modules[name]

    def forget(self) -> None:
        """Drops what was read, for the sake of memory."""
        self._modules.clear()


def _absolute(path: str) -> str:
    return os.path.abspath(path)  # noqa: PTH100 - pathlib's resolve() asks the disk about every part


def _read(folder: str, instead: Mapping[str, bytes], generated: Mapping[str, bytes]) -> Module:
    files: list[File] = []
    overrides: list[File] = []
    gaps: list[Gap] = []
    unread_provider = False
    try:
        names = _names(folder, generated)
    except (OSError, ValueError) as error:
        names = _listed((), generated)
        unread_provider = True
        gaps.append(Gap(folder, f"it can't be read: {getattr(error, 'strerror', error)}"))
    for name in names:
        path = f"{folder}/{name}" if folder not in ("", ".") else name
        try:
            raw = generated[name] if name in generated else instead.get(_absolute(path))
            if raw is None:
                raw = read(Path(path))
        except OSError as error:
            gaps.append(Gap(path, f"it can't be read: {error.strerror}"))
            unread_provider = True
            continue
        file = parse(raw, path)
        gaps += [Gap(f"{path}:{problem.line}", problem.message) for problem in file.problems]
        if file.problems:
            unread_provider = unread_provider or b"provider" in raw
        else:
            (overrides if _is_override(name) else files).append(file)
    return _assemble(folder, files, overrides, gaps, unread_provider=unread_provider)


def read(path: Path) -> bytes:
    """The content of a file. Raises :class:`OSError` also for a pipe or a device, which may never end."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(errno.EINVAL, "it is not a regular file")
    return path.read_bytes()


def module_files(folder: str) -> list[str]:
    """The names of the files that Terraform (or OpenTofu, where there are files of its own) reads in a folder."""
    try:
        return _names(folder, {})
    except (OSError, ValueError):
        return []


def _names(folder: str, generated: Mapping[str, bytes]) -> list[str]:
    """As :func:`module_files`. Raises :class:`OSError` for a folder that is there and can't be looked into."""
    present: list[str] = []
    try:
        with os.scandir(folder or ".") as entries:
            present = [entry.name for entry in entries if entry.name.endswith(_SUFFIXES) and not _is_folder(entry)]
    except (FileNotFoundError, NotADirectoryError):
        pass
    return _listed(present, generated)


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False  # A link that leads in a circle; reading it says so.


def _listed(present: Iterable[str], generated: Mapping[str, bytes]) -> list[str]:
    names = {name for name in {*present, *generated} if name.endswith(_SUFFIXES) and not _ignored(name)}
    # OpenTofu reads main.tofu in place of main.tf.
    hidden = {name.replace(".tofu", ".tf") for name in names if ".tofu" in name}
    return sorted(names - hidden)


def _ignored(name: str) -> bool:
    """Hidden files and what editors leave behind (Terraform's configs.IsIgnoredFile)."""
    return name.startswith(".") or name.endswith("~") or (name.startswith("#") and name.endswith("#"))


def _is_override(name: str) -> bool:
    stem = name.partition(".")[0] if name.count(".") == 1 else name.rsplit(".tf", 1)[0].rsplit(".tofu", 1)[0]
    return stem == "override" or stem.endswith("_override")


def location(file: File, start: int, end: int) -> Location:
    """A span as a place in its file."""
    return Location(file.name, file.line(start), file.line(max(end - 1, start)))


def _assemble(
    folder: str, files: list[File], overrides: list[File], gaps: list[Gap], *, unread_provider: bool
) -> Module:
    module = Module(folder, (*files, *overrides), {}, {}, {}, {}, {}, {}, {}, {}, (), (), unread_provider)
    moved: list[Declared] = []
    for file in files:
        for kind in file.body.block_types():
            labels = LABELS.get(kind)
            if labels is None:
                continue
            for block in file.body.blocks(kind, labels):
                if len(block.labels) == labels:
                    _declare(module, moved, Declared(file, block, (Layer(file, block.body),)))
    for file in overrides:
        for kind in file.body.block_types():
            labels = LABELS.get(kind)
            if labels is None:
                continue
            for block in file.body.blocks(kind, labels):
                if len(block.labels) == labels:
                    _override(module, moved, Declared(file, block, (Layer(file, block.body),)))
    return msgspec.structs.replace(module, moved=tuple(moved), gaps=tuple(gaps))


def _declare(module: Module, moved: list[Declared], declared: Declared) -> None:
    """The first of two declarations of one name counts: Terraform refuses the second."""
    block = declared.block
    match block.type:
        case "resource":
            module.resources.setdefault((block.labels[0], block.labels[1]), declared)
        case "data":
            module.data.setdefault((block.labels[0], block.labels[1]), declared)
        case "module":
            module.calls.setdefault(block.labels[0], declared)
        case "provider":
            module.providers.setdefault(provider_key(declared), declared)
        case "variable":
            module.variables.setdefault(block.labels[0], declared)
        case "output":
            module.outputs.setdefault(block.labels[0], declared)
        case "locals":
            for name, attribute in block.body.attributes.items():
                module.locals.setdefault(name, (declared.file, attribute))
        case "terraform":
            for name, source in _required(block):
                module.required.setdefault(name, source)
        case "moved":
            moved.append(declared)


def _override(module: Module, moved: list[Declared], declared: Declared) -> None:
    block = declared.block
    match block.type:
        case "locals":
            for name, attribute in block.body.attributes.items():
                module.locals[name] = (declared.file, attribute)
            return
        case "terraform":
            module.required.update(_required(block))
            return
        case "moved":
            moved.append(declared)
            return
    tables: dict[str, dict[str, Declared]] = {
        "module": module.calls,
        "provider": module.providers,
        "variable": module.variables,
        "output": module.outputs,
    }
    if block.type in ("resource", "data"):
        pairs = module.resources if block.type == "resource" else module.data
        pair = (block.labels[0], block.labels[1])
        pairs[pair] = _over(pairs.get(pair), declared)
    elif block.type in tables:
        table = tables[block.type]
        name = provider_key(declared) if block.type == "provider" else block.labels[0]
        table[name] = _over(table.get(name), declared)


def _over(base: Declared | None, declared: Declared) -> Declared:
    if base is None:
        return declared
    return Declared(base.file, base.block, (*base.layers, *declared.layers))


def provider_key(declared: Declared) -> str:
    """``aws`` or ``aws.alias``."""
    alias = declared.expression("alias")
    if isinstance(alias, Literal) and isinstance(alias.value, str):
        return f"{declared.block.labels[0]}.{alias.value}"
    return declared.block.labels[0]


def _required(block: Block) -> Iterator[tuple[str, str]]:
    """(local name, source address) of every provider that is required; the old form has only a version."""
    for wanted in block.body.blocks("required_providers"):
        for name, attribute in wanted.body.attributes.items():
            value = attribute.value
            source = ""
            if isinstance(value, Object):
                for item in value.items:
                    if isinstance(item.key, Literal) and item.key.value == "source" and isinstance(item.value, Literal):
                        source = str(item.value.value)
            yield name, source or name
