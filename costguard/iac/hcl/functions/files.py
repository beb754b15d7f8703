"""Functions of paths and files. Only files of the configuration itself are read."""

import os.path

from costguard.iac.hcl.functions.signature import Function, Host, function
from costguard.iac.hcl.types import STRING
from costguard.iac.hcl.values import Value


def _cleaned(path: str) -> str:
    """The shortest path that means the same, as Go's filepath.Clean has it."""
    if not path:
        return "."
    found = os.path.normpath(path)
    # POSIX lets two leading slashes stand; Go doesn't.
    return "/" + found.lstrip("/") if path.startswith("/") else found


def _basename(path: str) -> Value:
    if not path:
        return "."
    return path.rstrip("/").rpartition("/")[2] or "/"


def _dirname(path: str) -> Value:
    head, slash, _ = path.rpartition("/")
    return _cleaned(head + slash)


def _abspath(host: Host, path: str) -> Value:
    return _cleaned(path if path.startswith("/") else f"{host.root}/{path}")


FUNCTIONS: dict[str, Function] = {
    "abspath": function(_abspath, STRING, host=True),
    "basename": function(_basename, STRING),
    "dirname": function(_dirname, STRING),
}
