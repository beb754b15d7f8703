"""Modules that are fetched: where ``terraform init`` put them."""

from pathlib import Path

import msgspec


class _Entry(msgspec.Struct, frozen=True):
    key: str = msgspec.field(name="Key", default="")
    folder: str = msgspec.field(name="Dir", default="")


class _Modules(msgspec.Struct, frozen=True):
    modules: tuple[_Entry, ...] = msgspec.field(name="Modules", default=())


def is_local(source: str) -> bool:
    """Whether a module's source is a folder beside its caller (Terraform: it begins with ``./`` or ``../``)."""
    return source.startswith(("./", "../", ".\\", "..\\"))


class Manifest:
    """``.terraform/modules/modules.json`` of a root module, read when it is first asked."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._folders: dict[str, str] | None = None

    def folder(self, path: tuple[str, ...]) -> str | None:
        """The folder of the module that the calls in ``path`` lead to; None where it wasn't fetched."""
        if self._folders is None:
            self._folders = {}
            try:
                raw = Path(self._root, ".terraform", "modules", "modules.json").read_bytes()
                for entry in msgspec.json.decode(raw, type=_Modules).modules:
                    self._folders[entry.key] = entry.folder
            except (OSError, msgspec.DecodeError):
                pass  # It wasn't initialised, or not by a version that is understood: then nothing is here.
        found = self._folders.get(".".join(path))
        if not found:
            return None
        folder = Path(self._root, found)
        return str(folder) if folder.is_dir() else None
