"""Where the value of a missing tag comes from. Nothing is guessed: somebody has said it, or there is none.

First what the command line sets, then the folder rules of ``costguard.yaml``, then the owner of the file in CODEOWNERS,
at last the policy's default. What is said for a path holds for what is written there and for what is called from there.
"""

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Protocol

import msgspec

from costguard.config import Config, folder_glob, path_glob, under
from costguard.document import read_text
from costguard.errors import DocumentError, UsageError
from costguard.policy import Policy
from costguard.policy.rules.require import Require

DocPath = tuple[str | int, ...]

_PLACES = (".github/CODEOWNERS", ".gitlab/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS")


class Said(msgspec.Struct, frozen=True):
    """A value and who says so: ``costguard.yaml:7``, ``--set``."""

    value: str
    by: str


class Unsaid(msgspec.Struct, frozen=True):
    """Why there is no value; half a sentence."""

    why: str


class About(msgspec.Struct, frozen=True):
    """What a value is asked for: a resource of a root module, by that one's folder and its own address in there."""

    root: str
    address: str


class Says(Protocol):
    """Something that says values: :class:`Values`, or what knows more of single resources."""

    def of(self, rule: Require, files: Iterable[str], about: About) -> Said | Unsaid:
        """The value of a tag for a resource, of which ``files`` are what its place has to do with."""
        ...


class Values:
    """All that may say a value. ``top`` is the folder of the repository; ``given`` comes from the command line.

    Raises :class:`DocumentError` for a configuration that speaks of tags or of a file that there are not.
    """

    def __init__(self, given: Mapping[str, str], config: Config | None, top: Path, policy: Policy) -> None:
        self._given = given
        self._rules: list[_FolderRule] = []
        self._owners: Owners | None = None
        self._owned_tag = ""
        self._top = top
        if config is not None:
            _check_names(config, policy)
            self._base = _relative(config.folder.resolve(), top)
            for index, rule in enumerate(config.doc.fix.values):
                line = config.document.line(("fix", "values", index))
                self._rules.append(_FolderRule(folder_glob(rule.path), rule.set, f"{config.document.file}:{line}"))
            stated = config.doc.fix.codeowners
            if stated is not None:
                self._owned_tag = stated.tag
                self._owners = _codeowners(config, stated.file, stated.teams, top)

    def of(self, rule: Require, files: Iterable[str], about: About | None = None) -> Said | Unsaid:
        """The value of a tag for something that is written in ``files``: where it stands, and where that is called.
        All that is said for one of them must agree."""
        said = self.stated(rule, files)
        if said is not None:
            return said
        if rule.default:
            return Said(rule.default, "the policy's default")
        return Unsaid("nothing says its value")

    def stated(self, rule: Require, files: Iterable[str]) -> Said | Unsaid | None:
        """The same without the policy's default, which nobody has said of these files; None where nothing is said."""
        given = self._given.get(rule.spelling.name)
        if given is not None:
            return Said(given, "--set") if rule.allows(given) else Unsaid(f"--set {given!r} is not an allowed value")
        found: dict[str, Said] = {}
        doubts: list[Unsaid] = []
        for file in dict.fromkeys(files):
            said = self._said_for(rule, file)
            if isinstance(said, Said):
                found.setdefault(said.value, said)
            elif said is not None:
                doubts.append(said)
        if len(found) > 1:
            one, other, *_ = found.values()
            return Unsaid(f"{one.by} says {one.value}, and {other.by} says {other.value}")
        if found:
            return next(iter(found.values()))
        return doubts[0] if doubts else None

    def _said_for(self, rule: Require, file: str) -> Said | Unsaid | None:
        tag = rule.spelling.name
        path = _relative(Path(file).resolve(), self._top)
        for stated in reversed(self._rules):
            if tag in stated.values and under(path, self._base, stated.glob):
                value = stated.values[tag]
                if not rule.allows(value):
                    return Unsaid(f"{stated.by} says {value!r}, which is not an allowed value")
                return Said(value, stated.by)
        if self._owners is not None and tag == self._owned_tag:
            return self._owners.of(path, rule)
        return None


class _FolderRule(msgspec.Struct, frozen=True):
    """One folder rule: an expression over paths as seen from the configuration's folder."""

    glob: re.Pattern[str]
    values: Mapping[str, str]
    by: str


def given_values(texts: Sequence[str], policy: Policy) -> Mapping[str, str]:
    """What ``--set TAG=VALUE`` says. Raises :class:`UsageError`."""
    names = _tags(policy)
    values: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name or not value.strip():
            raise UsageError(f"--set: {text!r} is not TAG=VALUE")
        if name not in names:
            raise UsageError(f"--set: no tag of the policy is called {name!r}; there are {', '.join(names)}")
        if values.setdefault(name, value) != value:
            raise UsageError(f"--set: {name} is set to {values[name]!r} and to {value!r}")
    return values


def _tags(policy: Policy) -> list[str]:
    required = {rule.spelling.name for rule in policy.rules if isinstance(rule, Require)}
    return sorted(required | set(policy.spellings))


def _check_names(config: Config, policy: Policy) -> None:
    names = _tags(policy)
    stated = config.doc.fix
    said: list[tuple[DocPath, str]] = [
        (("values", index, "set", name), name) for index, rule in enumerate(stated.values) for name in rule.set
    ]
    if stated.codeowners is not None:
        said.append((("codeowners", "tag"), stated.codeowners.tag))
    problems = [
        config.document.problem(
            ("fix", *path), f"no tag of the policy is called {name!r}; there are {', '.join(names)}"
        )
        for path, name in said
        if name not in names
    ]
    if problems:
        raise DocumentError(problems)


def _relative(path: Path, top: Path) -> str:
    """The path as seen from the top, ``..`` and all where it lies outside."""
    return os.path.relpath(path, top).replace(os.sep, "/")


class _Owned(msgspec.Struct, frozen=True):
    """One line of CODEOWNERS."""

    glob: re.Pattern[str]
    owners: tuple[str, ...]
    line: int


class Owners:
    """A CODEOWNERS file: in each section (GitHub's files have none) the last line that matches counts."""

    def __init__(self, text: str, name: str, teams: Mapping[str, str]) -> None:
        self._name = name
        self._teams = teams
        self._sections: list[list[_Owned]] = [[]]
        inherited: tuple[str, ...] = ()
        for number, line in enumerate(text.splitlines(), 1):
            words = _WORD.findall(line)
            if not words or words[0].startswith("#"):
                continue
            words = list(takewhile(lambda word: not word.startswith("#"), words))
            if _SECTION.match(line):
                inherited = tuple(word for word in words if "@" in word)
                self._sections.append([])
                continue
            owners = tuple(word for word in words[1:] if "@" in word)
            self._sections[-1].append(_Owned(path_glob(words[0]), owners or inherited, number))

    def of(self, path: str, rule: Require) -> Said | Unsaid | None:
        """The one owner of a file whose name is a value that the rule allows."""
        said: dict[str, int] = {}
        unnamed = ""
        for section in self._sections:
            owned = next((one for one in reversed(section) if one.glob.match(path)), None)
            for owner in owned.owners if owned is not None else ():
                value = self._team(owner)
                if value is None:
                    unnamed = unnamed or f"{self._name}:{owned.line if owned else 0} names {owner}, who is no team"
                elif owned is not None:
                    said.setdefault(value, owned.line)
        allowed = [value for value in said if rule.allows(value)]
        if len(allowed) > 1:
            return Unsaid(f"{self._name}:{said[allowed[0]]} names several owners, {' and '.join(allowed)}")
        if allowed:
            return Said(allowed[0], f"{self._name}:{said[allowed[0]]}")
        if said:
            value, line = next(iter(said.items()))
            return Unsaid(f"{self._name}:{line} says {value!r}, which is not an allowed value")
        return Unsaid(unnamed) if unnamed else None

    def _team(self, owner: str) -> str | None:
        """What an owner is called in the tag. A person is no team, unless the configuration says so."""
        if owner in self._teams:
            return self._teams[owner]
        _, slash, team = owner.rpartition("/")
        return team if slash and owner.startswith("@") else None


_WORD = re.compile(r"(?:\\.|[^\s\\])+")
_SECTION = re.compile(r"\s*\^?\[[^\]]+\]")


def codeowners(config: Config | None, top: Path) -> Owners | None:
    """The CODEOWNERS of the repository in the folder ``top``: the one that the configuration names, else one that lies
    where GitHub and GitLab look for it; None where there is none that can be read."""
    if config is not None and config.doc.fix.codeowners is not None:
        stated = config.doc.fix.codeowners
        return _codeowners(config, stated.file, stated.teams, top)
    path = next((top / name for name in _PLACES if (top / name).is_file()), None)
    if path is None:
        return None
    try:
        return Owners(read_text(path), _relative(path, top), {})
    except DocumentError:
        return None


def _codeowners(config: Config, file: str | None, teams: Mapping[str, str], top: Path) -> Owners:
    at = ("fix", "codeowners")
    names = (file,) if file is not None else _PLACES
    path = next((config.folder / name for name in names if (config.folder / name).is_file()), None)
    if path is None:
        looked = file if file is not None else f"{', '.join(_PLACES[:-1])} or {_PLACES[-1]}"
        raise DocumentError([config.document.problem(at, f"there is no {looked}")])
    if not path.resolve().is_relative_to(top):
        problem = config.document.problem((*at, "file"), f"{file} is no file of this repository ({top})")
        raise DocumentError([problem])
    text = read_text(path, name=_relative(path.resolve(), top))
    return Owners(text, _relative(path.resolve(), top), teams)
