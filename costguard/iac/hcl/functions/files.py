"""Functions of paths and files. Only files of the configuration itself are read.

A file that isn't there is unknown rather than an error: it may be made before Terraform runs.
"""

import os
import re
from collections.abc import Callable
from pathlib import Path

from costguard.iac.hcl.functions.encoding import hasher, to_base64
from costguard.iac.hcl.functions.signature import Function, Host, Parameter, Undecided, function
from costguard.iac.hcl.functions.strings import composed
from costguard.iac.hcl.types import ANY, STRING
from costguard.iac.hcl.values import EvaluationError, PartialMap, Set, Unknown, Value, kind

_LARGEST_FILE = 8_000_000
_MOST_FILES = 20_000


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
    return _cleaned(path if path.startswith("/") else f"{host.root.absolute()}/{path}")


def _located(host: Host, path: str) -> Path:
    """Where the path leads, which is inside the configuration."""
    if path.startswith("~") or "\0" in path:
        raise Undecided("a path outside the configuration")
    found = host.path(path)
    if found is None:
        raise Undecided("a path outside the configuration")
    return found


def _bytes(host: Host, path: str) -> bytes:
    found = _located(host, path)
    try:
        if not found.is_file():
            raise Undecided("the file isn't in the source")
        with found.open("rb") as stream:
            data = stream.read(_LARGEST_FILE + 1)
    except (OSError, ValueError):
        raise Undecided("the file can't be read") from None
    if len(data) > _LARGEST_FILE:
        raise Undecided("a file too large to work with")
    return data


def _text(host: Host, path: str) -> str:
    try:
        return composed(_bytes(host, path).decode())
    except UnicodeDecodeError as error:
        raise EvaluationError("the file is no text in UTF-8") from error


def _of_file(of: Callable[[bytes], str]) -> Function:
    return function(lambda host, path: of(_bytes(host, path)), STRING, host=True)


def _fileexists(host: Host, path: str) -> Value:
    found = _located(host, path)
    try:
        if found.is_dir():
            raise EvaluationError("the path is a folder, not a file")
        exists = found.is_file()
    except (OSError, ValueError):
        raise Undecided("the path can't be looked at") from None
    if not exists:
        raise Undecided("the file isn't in the source")
    return True


def _fileset(host: Host, path: str, pattern: str) -> Value:
    folder = _located(host, path)
    if ".." in pattern or "\\" in pattern or pattern.startswith("/"):
        raise Undecided("a pattern that leads elsewhere")
    wanted = _glob(_cleaned(pattern))
    found: list[str] = []
    seen = 0
    for root, folders, names in os.walk(folder):
        if any(os.path.islink(os.path.join(root, name)) for name in folders):  # noqa: PTH114, PTH118 - walks fast
            raise Undecided("a folder behind a symbolic link")
        seen += len(folders) + len(names)
        if seen > _MOST_FILES:
            raise Undecided("too many files")
        prefix = os.path.relpath(root, folder)
        for name in names:
            relative = name if prefix == "." else f"{prefix}/{name}"
            if wanted.fullmatch(relative):
                found.append(relative)
    if not found:
        raise Undecided("no file of the source is meant")
    return Set(tuple(sorted(map(composed, found))))


def _glob(pattern: str) -> re.Pattern[str]:
    """The pattern as an expression: ``*`` within a name, ``**`` over folders, ``?``, and ``{a,b}``."""
    pieces: list[str] = []
    parts = pattern.split("/")
    for number, part in enumerate(parts):
        last = number == len(parts) - 1
        if part == "**":
            pieces.append(".*" if last else "(?:[^/]+/)*")
            continue
        if "[" in part or "**" in part:
            raise Undecided("a pattern that isn't read here")
        depth = 0
        for character in part:
            match character:
                case "*":
                    pieces.append("[^/]*")
                case "?":
                    pieces.append("[^/]")
                case "{":
                    depth += 1
                    pieces.append("(?:")
                case "}" if depth:
                    depth -= 1
                    pieces.append(")")
                case "," if depth:
                    pieces.append("|")
                case _:
                    pieces.append(re.escape(character))
        if depth or part.count("*") > 8:
            raise Undecided("a pattern that isn't read here")
        if not last:
            pieces.append("/")
    return re.compile("".join(pieces), re.DOTALL)


def _templatefile(host: Host, path: str, variables: Value) -> Value:
    return host.template(_text(host, path), _variables(variables))


def _templatestring(host: Host, template: str, variables: Value) -> Value:
    return host.template(template, _variables(variables))


def _variables(variables: Value) -> Value:
    if not isinstance(variables, dict | PartialMap | Unknown):
        raise EvaluationError(f"the variables must be a map, not a {kind(variables)}")
    return variables


_VARIABLES = Parameter(ANY, unknown=True)

FUNCTIONS: dict[str, Function] = {
    "abspath": function(_abspath, STRING, host=True),
    "basename": function(_basename, STRING),
    "dirname": function(_dirname, STRING),
    "file": function(_text, STRING, host=True),
    "filebase64": _of_file(to_base64),
    "filebase64sha256": _of_file(hasher("sha256", base64=True)),
    "filebase64sha512": _of_file(hasher("sha512", base64=True)),
    "fileexists": function(_fileexists, STRING, host=True),
    "filemd5": _of_file(hasher("md5")),
    "fileset": function(_fileset, STRING, STRING, host=True),
    "filesha1": _of_file(hasher("sha1")),
    "filesha256": _of_file(hasher("sha256")),
    "filesha512": _of_file(hasher("sha512")),
    "templatefile": function(_templatefile, STRING, _VARIABLES, host=True),
    "templatestring": function(_templatestring, STRING, _VARIABLES, host=True),
}
