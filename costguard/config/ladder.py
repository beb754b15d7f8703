"""The ladder for what nobody tags: what its last rungs may ever touch, and what can be wrong with its configuration.

What is here holds whatever ``costguard.yaml`` says. The last two rungs do harm where they are wrong, so that they take
no pattern: each account and each type is spelled out by somebody who meant it.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import date
from types import MappingProxyType

from costguard.model.change import RUNGS, Rung
from costguard.policy.patterns import globs_meet
from costguard.policy.validate import near

_Path = tuple[str | int, ...]
_Mistake = tuple[_Path, str]

STOPPED = frozenset({"aws_instance", "aws_db_instance"})
"""The types that may be stopped."""
TERMINATED = frozenset({"aws_instance", "aws_ebs_volume", "aws_eip"})
"""The types that may be terminated; a volume and an address only while nothing uses them."""

MOST: Mapping[Rung, int] = MappingProxyType(
    {"notify": 500, "remind": 500, "quarantine": 500, "stop": 5, "terminate": 2}
)
"""How many resources climb a rung in one run where its entry doesn't say."""
_HIGHEST: Mapping[Rung, int] = MappingProxyType({"stop": 100, "terminate": 20})
"""What ``most`` may be at most: more in one night is nothing that anybody looks through in the morning."""

KEEP_UNTIL = ("costguard:keep-until", "costguard-keep-until")
"""The tag that keeps a resource from climbing; the second is for Google, whose labels have no colon."""


def path_of(type_: str) -> tuple[Rung, ...]:
    """The rungs that a type may ever climb, in their order. What can't be stopped is terminated from quarantine."""
    allowed = {"stop": STOPPED, "terminate": TERMINATED}
    return tuple(rung for rung in RUNGS if rung not in allowed or type_ in allowed[rung])


def objections(ladder: object) -> Iterator[_Mistake]:
    """(path below ``ladder``, sentence) for each mistake that the types don't show. ``ladder`` is any data: what isn't
    of the right kind is the schema's to report, and is passed over here."""
    if not isinstance(ladder, dict):
        return
    yield from _holidays(ladder.get("holidays"))
    key = ladder.get("quarantine")
    if isinstance(key, str) and (key in KEEP_UNTIL or key.startswith("goog")):
        whose = "Google keeps for itself" if key.startswith("goog") else "keeps a resource from being touched"
        yield ("quarantine",), f"{key!r} is a key that {whose}; take another one"
    rungs = ladder.get("rungs")
    entries = [
        (number, entry)
        for number, entry in enumerate(rungs if isinstance(rungs, list) else ())
        if isinstance(entry, dict) and entry.get("rung") in RUNGS
    ]
    for number, entry in entries:
        path: _Path = ("rungs", number)
        rung: Rung = entry["rung"]
        if rung in _HIGHEST:
            for at, sentence in _spelled_out(entry, rung):
                yield (*path, *at), sentence
        yield from ((path, sentence) for sentence in _unreachable(entry, rung, [other for _, other in entries]))


def _holidays(listed: object) -> Iterator[_Mistake]:
    first: set[str] = set()
    for number, text in enumerate(listed if isinstance(listed, list) else ()):
        if not isinstance(text, str) or not re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
            continue
        try:
            date.fromisoformat(text)
        except ValueError:
            yield ("holidays", number), f"{text} is no day of the calendar"
        if text in first:
            yield ("holidays", number), f"{text} is there twice"
        first.add(text)


def _spelled_out(entry: Mapping[str, object], rung: Rung) -> Iterator[_Mistake]:
    allowed = STOPPED if rung == "stop" else TERMINATED
    done = "stopped" if rung == "stop" else "terminated"
    for number, account in enumerate(_texts(entry.get("accounts"))):
        if "*" in account or "?" in account:
            yield ("accounts", number), f"{rung} takes no pattern: name each account whose resources may be {done}"
    for number, type_ in enumerate(_texts(entry.get("types"))):
        if "*" in type_ or "?" in type_:
            yield ("types", number), f"{rung} takes no pattern; the types are {', '.join(sorted(allowed))}"
        elif type_ not in allowed:
            yield (
                ("types", number),
                f"{type_!r} is never {done}; only {', '.join(sorted(allowed))} may be{near(type_, sorted(allowed))}",
            )
    after, most = entry.get("after"), entry.get("most")
    if isinstance(after, int) and after < 1:
        yield ("after",), f"{rung} needs at least 1 business day, so that somebody may object"
    if isinstance(most, int) and most > _HIGHEST[rung]:
        yield ("most",), f"{most} is too many to {rung} in one run; at most {_HIGHEST[rung]}"


def _unreachable(entry: Mapping[str, object], rung: Rung, entries: list[dict[str, object]]) -> Iterator[str]:
    """A rung that nothing gets to is a promise that isn't kept."""
    for type_ in _texts(entry.get("types")):
        types = [name for name in STOPPED | TERMINATED if globs_meet(type_, name)] if rung in _HIGHEST else [type_]
        for name in types:
            path = path_of(name)
            if rung not in path or path.index(rung) == 0:
                continue
            before = path[path.index(rung) - 1]
            for account in _texts(entry.get("accounts")):
                if not any(
                    other["rung"] == before
                    and any(globs_meet(account, text) for text in _texts(other.get("accounts")))
                    and any(globs_meet(name, text) for text in _texts(other.get("types")))
                    for other in entries
                ):
                    yield (
                        f"{rung} is never climbed by {name} in {account}: no rung is passed over, and no entry for "
                        f"{before} has both"
                    )
                    return


def _texts(value: object) -> list[str]:
    return [text for text in value if isinstance(text, str)] if isinstance(value, list) else []
