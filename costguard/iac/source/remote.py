"""Modules that are fetched: where ``terraform init`` put them."""

import re
from pathlib import Path

import msgspec

from costguard.iac.source.module import read


class _Entry(msgspec.Struct, frozen=True):
    key: str = msgspec.field(name="Key", default="")
    source: str = msgspec.field(name="Source", default="")
    version: str = msgspec.field(name="Version", default="")
    folder: str = msgspec.field(name="Dir", default="")


class _Modules(msgspec.Struct, frozen=True):
    modules: tuple[_Entry, ...] = msgspec.field(name="Modules", default=())


def is_local(source: str) -> bool:
    """Whether a module's source is a folder beside its caller (Terraform: it begins with ``./`` or ``../``)."""
    return source.startswith(("./", "../", ".\\", "..\\"))


_REGISTRY = "registry.terraform.io/"
_EXACT = re.compile(r"=?\s*v?([0-9]+\.[0-9]+\.[0-9]+)")


class Manifest:
    """``.terraform/modules/modules.json`` of a root module, read when it is first asked."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._entries: dict[str, _Entry] | None = None

    def folder(self, path: tuple[str, ...], source: str, version: str) -> str | None:
        """The folder of the module that the calls in ``path`` lead to; None where it wasn't fetched, or where what was
        fetched is from another source, or not of the version that is asked for (one that is stated exactly)."""
        if self._entries is None:
            self._entries = {}
            try:
                raw = read(Path(self._root, ".terraform", "modules", "modules.json"))
                self._entries = {entry.key: entry for entry in msgspec.json.decode(raw, type=_Modules).modules}
            except (OSError, msgspec.DecodeError):
                pass  # It wasn't initialised, or not by a version that is understood: then nothing is here.
        entry = self._entries.get(".".join(path))
        if entry is None or not entry.folder:
            return None
        wanted = _EXACT.fullmatch(version.strip())
        if _named(entry.source) != _named(source) or (wanted and entry.version and wanted[1] != entry.version):
            return None
        folder = Path(self._root, entry.folder)
        return str(folder) if folder.is_dir() else None


def _named(source: str) -> str:
    """A source as a manifest and a call both may write it. What Terraform rewrites (git@…) is left as it stands, and
    compared by what doesn't change: the last part of the path."""
    plain = source.removeprefix(_REGISTRY)
    if plain.count("/") >= 2 and not re.search(r"::|://|@|^[^/]+\.[a-z]+/", plain):
        return plain
    return plain.partition("?")[0].rstrip("/").rpartition("/")[2].removesuffix(".git")
