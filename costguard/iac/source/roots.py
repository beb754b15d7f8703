"""Which root modules a run judges: from the paths that a person or pre-commit names to folders.

A *root module* is a folder with Terraform files that Terraform can be run in, as far as its files tell: no other folder
of the repository calls it as a local module, or it has what only a root has (a backend, a ``terraform.tfvars``). A
module that is called is judged where it is called, with what its callers pass; one that nobody calls is a root, and its
variables are what they are. A Terragrunt unit is a root, too.

Hides how callers are found: a repository of thousands of files is searched for the bytes of a local source, and only a
file that has them is parsed, to tell a call from a comment.
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from io import FileIO
from pathlib import Path

import msgspec

from costguard.errors import UsageError
from costguard.iac.hcl.tree import Body, File, Literal
from costguard.iac.terragrunt import NAME as TERRAGRUNT
from costguard.iac.terragrunt import Unit, Units
from costguard.model.resource import Gap

SUFFIXES = (".tf", ".tofu", ".tf.json", ".tofu.json")
_CONFIGURATION = "costguard.yaml"
_VARIABLES = (".tfvars", ".tfvars.json")
_CACHES = frozenset((".git", ".terraform", ".terragrunt-cache", "node_modules"))
"""Nothing in these was written here: what is in them is never judged, whoever asks."""

_LOCAL = re.compile(rb'\bsource"?\s*[=:]\s*"(\.\.?/[^"\n]*)"')
_BACKEND = re.compile(rb'(?:backend|cloud)(?:\s*["{]|"\s*:)')
# These begin with their letters alone, which is what makes looking for them fast.
_PROVIDER = re.compile(rb'provider(?:[ \t]+"|"\s*:)')
_VARIABLE = re.compile(rb'variable(?:[ \t]+"|"\s*:)')

Parse = Callable[[bytes, str], File]


class Root(msgspec.Struct, frozen=True, order=True):
    """A root module: its ``name`` is its folder as seen from the top of the repository (``.`` for the top itself), its
    ``folder`` the path to it. ``whole``: everything found in it was asked for; else only what touches one of
    :attr:`Selection.folders`. ``reusable``: nobody calls it here, and it has variables and nothing that only a root has
    (a backend, variables files, a provider's configuration): it is written to be called from elsewhere. ``unit`` is
    how Terragrunt runs it, where it does."""

    name: str
    folder: str
    whole: bool
    reusable: bool = False
    unit: Unit | None = None


class Selection(msgspec.Struct, frozen=True):
    """What a run judges. ``top`` is the repository's folder; ``folders`` are the module folders that were asked for.
    ``everything``: that is all which the repository holds, so what wasn't found isn't there. ``files``: how many
    Terraform files the roots themselves have."""

    top: str
    roots: tuple[Root, ...]
    folders: frozenset[str]
    everything: bool
    files: int = 0
    gaps: tuple[Gap, ...] = ()
    notes: tuple[str, ...] = ()


def select(paths: Sequence[str], parse: Parse, environment: Mapping[str, str] | None = None) -> Selection:
    """The root modules that the paths belong to. Folders stand for all that is in them, files for the module that they
    are a part of: a variables file or a template belongs to the nearest folder upward that has Terraform files.

    Raises :class:`UsageError` for a path that is nothing and never was, and for paths of several repositories.
    """
    given = [_Given.of(path) for path in paths]
    tops = sorted({repository(one.folder) or "" for one in given})
    if len(tops) > 1:
        named = " and ".join(top or "no repository" for top in tops[:2])
        raise UsageError(f"the paths lie in different repositories ({named}); check one at a time")
    scope = tops[0] if tops and tops[0] else _common(given)
    top = scope if tops and tops[0] else _shown_from(scope)
    tree = _Tree(scope, [one.folder for one in given], parse, Units(top, environment))
    folders: set[str] = set()
    notes = []
    for one in given:
        mine = tree.modules_of(one)
        folders.update(mine)
        if one.gone and not mine:
            notes.append(f"{one.path}: there is no such file, and no module that it could have been a part of")
    roots = sorted(
        Root(_relative(folder, top), folder, folder in folders, tree.is_reusable(folder), tree.unit(folder))
        for folder in tree.roots_of(folders)
    )
    return Selection(
        top=top,
        roots=tuple(roots),
        folders=frozenset(folders),
        everything=any(one.tree and one.folder == top for one in given) and not tree.gaps,
        files=sum(tree.size(root.folder) for root in roots),
        gaps=tuple(sorted(tree.gaps)),
        notes=tuple(sorted(set(notes))),
    )


class _Given(msgspec.Struct, frozen=True):
    """One path of the command line: a folder to be judged with all in it (``tree``), or a file by the folder that it is
    in. ``gone``: the file isn't there any more."""

    path: str
    folder: str
    file: str
    tree: bool
    gone: bool = False

    @classmethod
    def of(cls, path: str) -> "_Given":
        if not path or "\0" in path:
            raise UsageError("the name of a path is empty; is a variable of the script unset?")
        try:
            real = str(Path(path).resolve())
        except (OSError, RuntimeError) as error:
            raise UsageError(f"{path} can't be read: {error}") from error
        if Path(real).is_dir():
            return cls(path, real, "", tree=True)
        # A link to a file belongs to the folder that the link is in: that is where Terraform reads it.
        absolute = Path(path).absolute()
        folder = str(absolute.parent.resolve())
        file = f"{folder}/{absolute.name}"
        if Path(file).exists() or Path(file).is_symlink():
            return cls(path, folder, file, tree=False)
        if path.endswith((*SUFFIXES, *_VARIABLES, ".tftpl", ".hcl")):
            return cls(path, folder, file, tree=False, gone=True)
        raise UsageError(f"{path} doesn't exist")


class _Folder(msgspec.Struct):
    """What a folder has: the names of its Terraform files; whether there are variables files that Terraform loads by
    itself, Terragrunt's file, a provider's configuration, and variables."""

    files: list[str]
    tfvars: bool = False
    terragrunt: bool = False
    provider: bool = False
    variable: bool = False


class _Tree:
    """The folders of a repository that have Terraform files, and who calls whom."""

    def __init__(self, top: str, also: Iterable[str], parse: Parse, units: Units) -> None:
        self._parse = parse
        self._parsed: dict[str, File] = {}
        self.gaps: list[Gap] = []
        self._folders: dict[str, _Folder] = {}
        self._walked: set[str] = set()
        self._links: dict[str, set[str]] = {}
        """For a file that links point to: the folders of the links."""
        self._top = top
        for start in dict.fromkeys((top, *also)):
            if not self._is_cached(start) and Path(start).is_dir():
                self._walk(start)
        self._callers: dict[str, dict[str, list[str]]] = {}
        """For a folder that may be called: who may call it, and in which files."""
        self._marked: dict[str, list[str]] = {}
        """Folders with the words of a root, and the files that have them."""
        for folder, found in self._folders.items():
            for name in found.files:
                self._scan(folder, f"{folder}/{name}")
        self._units: dict[str, Unit] = {}
        for folder in [folder for folder, found in self._folders.items() if found.terragrunt]:
            unit = units.unit(folder)
            if unit is not None:
                self._units[folder] = unit
                if unit.module not in ("", folder):
                    self._callers.setdefault(unit.module, {}).setdefault(folder, [])
            elif not self._folders[folder].files:
                del self._folders[folder]  # It is only there for others to include.

    def modules_of(self, given: _Given) -> set[str]:
        """The module folders that a path stands for."""
        if given.tree:
            inside = given.folder.rstrip("/") + "/"
            return {folder for folder in self._folders if folder == given.folder or folder.startswith(inside)}
        if self._is_cached(given.folder):
            return set()
        found = set(self._links.get(given.file, ()))
        found |= {folder for folder, unit in self._units.items() if given.file in unit.reads}
        if found and given.file.endswith(".hcl"):
            return found
        if given.file.endswith(SUFFIXES) and (given.folder in self._callers or given.folder in self._folders):
            return found | {given.folder}  # Also the folder of a module that is gone: its callers are still there.
        for folder in (given.folder, *map(str, Path(given.folder).parents)):
            if folder in self._folders:
                return found | {folder}
        return found

    def roots_of(self, folders: Iterable[str]) -> set[str]:
        """The roots among the folders and among all that call them, directly or not."""
        roots: set[str] = set()
        asked = set(folders)
        seen: set[str] = set()
        todo = sorted(asked, reverse=True)
        while todo:
            folder = todo.pop()
            if folder in seen:
                continue
            seen.add(folder)
            if folder in self._folders and self._is_root(folder):
                roots.add(folder)
            # Whoever is asked for anyway is looked at in their turn, so their calls needn't be proven here.
            outside = [one for one in self._callers.get(folder, ()) if one not in asked and one not in seen]
            todo += sorted((one for one in outside if self._calls(one, folder)), reverse=True)
        return roots | self._broken_circles(seen, roots)

    def _broken_circles(self, seen: set[str], roots: set[str]) -> set[str]:
        """Modules that only call each other have no root, and must be judged all the same: the first of each circle."""
        first: set[str] = set()
        settled = set(roots)
        for folder in sorted(seen & self._folders.keys()):
            path: list[str] = []
            at: str | None = folder
            while at is not None and at not in settled and at not in path:
                path.append(at)
                at = next((one for one in sorted(self._callers.get(at, ())) if self._calls(one, at)), None)
            if at is not None and at in path:
                first.add(min(path[path.index(at) :]))
            settled.update(path)
        return first

    def is_reusable(self, root: str) -> bool:
        """Whether a root is written to be called, as far as can be told."""
        found = self._folders[root]
        return found.variable and not found.provider and not self._says_that_it_is_a_root(root)

    def unit(self, root: str) -> Unit | None:
        return self._units.get(root)

    def size(self, folder: str) -> int:
        return len(self._folders[folder].files)

    def _says_that_it_is_a_root(self, folder: str) -> bool:
        found = self._folders[folder]
        return found.tfvars or folder in self._units or any(map(self._has_backend, self._marked.get(folder, ())))

    def _is_root(self, folder: str) -> bool:
        if self._says_that_it_is_a_root(folder):
            return True
        return not any(self._calls(caller, folder) for caller in self._callers.get(folder, ()))

    def _calls(self, caller: str, folder: str) -> bool:
        """Whether the folder really calls the other: the bytes may stand in a comment. Of a file that can't be parsed
        the bytes are believed; the run is incomplete on its account anyway. A unit calls the module that it runs."""
        if caller in self._units and self._units[caller].module == folder:
            return True
        return any(
            self._file(path).problems or folder in _local_calls(self._file(path).body, caller)
            for path in self._callers[folder][caller]
        )

    def _has_backend(self, path: str) -> bool:
        return any(
            block.body.blocks("backend", 1) or block.body.blocks("cloud")
            for block in self._file(path).body.blocks("terraform")
        )

    def _file(self, path: str) -> File:
        if path not in self._parsed:
            self._parsed[path] = self._parse(_read(path), path)
        return self._parsed[path]

    def _scan(self, folder: str, path: str) -> None:
        try:
            raw = _read(path)
        except OSError:
            return  # Whoever judges the folder will say so.
        if b'"./' in raw or b'"../' in raw:
            for found in set(_LOCAL.findall(raw)):
                called = _resolved(folder, found.decode("utf-8", "surrogateescape"))
                if called != folder:
                    files = self._callers.setdefault(called, {}).setdefault(folder, [])
                    if path not in files:
                        files.append(path)
        if (b"backend" in raw or b"cloud" in raw) and _BACKEND.search(raw):
            self._marked.setdefault(folder, []).append(path)
        mine = self._folders[folder]
        mine.provider = mine.provider or _begins_a_line(_PROVIDER, raw)
        mine.variable = mine.variable or _begins_a_line(_VARIABLE, raw)

    def _is_cached(self, folder: str) -> bool:
        inside = Path(folder)
        return inside.is_relative_to(self._top) and not _CACHES.isdisjoint(inside.relative_to(self._top).parts)

    def _walk(self, start: str) -> None:
        todo = [start]
        while todo:
            folder = todo.pop()
            if folder in self._walked:
                continue
            self._walked.add(folder)
            try:
                with os.scandir(folder) as entries:
                    found = self._look(folder, entries, todo)
            except OSError as error:
                self.gaps.append(Gap(folder, f"the folder can't be read: {error.strerror}"))
                continue
            if found.files or found.terragrunt:
                self._folders[folder] = found

    def _look(self, folder: str, entries: Iterable[os.DirEntry[str]], todo: list[str]) -> _Folder:
        found = _Folder([])
        for entry in entries:
            name = entry.name
            if name[0] == ".":
                continue
            if entry.is_dir(follow_symlinks=False):
                if name not in _CACHES:
                    todo.append(entry.path)
            elif name.endswith(SUFFIXES):
                if entry.is_symlink():
                    self._links.setdefault(os.path.realpath(entry.path), set()).add(folder)
                if entry.is_file():
                    found.files.append(name)
            elif name.endswith(_VARIABLES):
                stem = name.removesuffix(".json")
                found.tfvars |= stem == "terraform.tfvars" or stem.endswith(".auto.tfvars")
            elif name == TERRAGRUNT:
                found.terragrunt = entry.is_file()
        # OpenTofu reads main.tofu in place of main.tf, so what the latter calls isn't called.
        shadowed = {name.replace(".tofu", ".tf") for name in found.files if ".tofu" in name}
        found.files = sorted(name for name in found.files if name not in shadowed)
        return found


def local_source(block_body: Body) -> str | None:
    """The local folder that a module call names (``../modules/a``), None where it is none."""
    source = block_body.attributes.get("source")
    if source is None or not isinstance(source.value, Literal) or not isinstance(source.value.value, str):
        return None
    text = source.value.value
    return text if text.startswith(("./", "../")) else None


def _local_calls(body: Body, folder: str) -> Iterator[str]:
    for block in body.blocks("module", 1):
        source = local_source(block.body)
        if source is not None:
            yield _resolved(folder, source)


def _resolved(folder: str, source: str) -> str:
    """Where a local source leads to. Terraform goes through the name and not through the links in it, but two names of
    one folder must meet."""
    return os.path.realpath(f"{folder}/{source}")


def _begins_a_line(pattern: re.Pattern[bytes], raw: bytes) -> bool:
    """Whether the pattern is found where a block can begin, and not within a comment of the line."""
    for found in pattern.finditer(raw):
        if not raw[raw.rfind(b"\n", 0, found.start()) + 1 : found.start()].strip(b' \t"{[,'):
            return True
    return False


def _read(path: str) -> bytes:
    with FileIO(path) as file:
        return file.readall()


def repository(folder: str) -> str | None:
    """The repository that a folder is in: the nearest ``.git`` upward, else the nearest ``costguard.yaml``."""
    configured = None
    for one in (Path(folder), *Path(folder).parents):
        if (one / ".git").exists():
            return str(one)
        if configured is None and (one / _CONFIGURATION).is_file():
            configured = str(one)
    return configured


def _common(given: Sequence[_Given]) -> str:
    return os.path.commonpath([one.folder for one in given]) if given else str(Path.cwd())


def _shown_from(scope: str) -> str:
    """Outside a repository names start at the working directory, where that holds what is judged."""
    here = str(Path.cwd())
    return here if scope == here or scope.startswith(here.rstrip("/") + "/") else scope


def _relative(folder: str, top: str) -> str:
    """A name that can be written anywhere, also of a folder whose bytes are no text."""
    return os.fsencode(os.path.relpath(folder, top).replace(os.sep, "/")).decode("utf-8", "backslashreplace")
