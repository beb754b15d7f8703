"""The Tags that a policy names: whether their keys are there, and what they can say.

A key that isn't there is on no resource, so that a slip in the policy looks like a whole organisation without Tags.
Each key is in the ledger: one that isn't there, or can't be looked up, is a gap; one whose values aren't those that
the policy allows is remarked upon.
"""

import difflib
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any

import msgspec

from costguard.clouds.google.api import DeniedError, Google, words
from costguard.clouds.google.calls import GET_TAG_KEY, LIST_TAG_KEYS, LIST_TAG_VALUES
from costguard.clouds.run import Run
from costguard.clouds.sighting import GLOBAL, SourceError
from costguard.model.coverage import Cell

TYPE = "google_tags_tag_key"
_SHOWN = 5


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """A Tag that a policy accepts: its namespaced key (``123456789012/owner``), which values it ``allows`` (None for
    all), and what these ``values`` are, where that is a closed list."""

    key: str
    allows: Callable[[str], bool] | None = None
    values: tuple[str, ...] = ()


def look_up(google: Google, run: Run, expected: Iterable[Expected], scopes: Collection[str]) -> dict[str, str]:
    """Writes the ledger's cells; returns the policy's spelling of each key by Google's own name for it (``tagKeys/1``).

    What a project has may be spelled with its id or with its number, and Google need not spell it as the policy does.
    """
    by_key: dict[str, list[Expected]] = {}
    for one in expected:
        by_key.setdefault(one.key, []).append(one)
    spelled: dict[str, str] = {}
    for key, wishes in sorted(by_key.items()):
        try:
            found = _find(google, key)
            _check_owner(found, key, scopes)
            spelled[found.name] = key
            remarks = list(_remarks(google, found, key, wishes))
        except SourceError as error:
            run.cell(_cell(key, str(error), scopes, found=False))
        else:
            run.cell(_cell(key, "; ".join(remarks), scopes, found=True))
    return spelled


def _cell(key: str, why: str, scopes: Collection[str], *, found: bool) -> Cell:
    owner = key.partition("/")[0]
    return Cell(
        cloud="google",
        account=f"organizations/{owner}" if f"organizations/{owner}" in scopes else owner,
        region=GLOBAL,
        type=TYPE,
        source="tags",
        outcome="read" if found else "failed",
        count=int(found),
        error=why,
    )


def _find(google: Google, key: str) -> Any:
    """The key as Google has it. Raises :class:`SourceError` where it isn't there, or that can't be told.

    A key that isn't there is refused just as one that may not be seen: what its owner has tells one from the other.
    """
    try:
        return google.ask(GET_TAG_KEY, {"name": key}, f"Tag key {key}")
    except DeniedError as denied:
        refused = denied
    owner, _, name = key.partition("/")
    for parent in (f"organizations/{owner}", f"projects/{owner}") if owner.isdigit() else (f"projects/{owner}",):
        try:
            pages = google.pages(LIST_TAG_KEYS, {"parent": parent}, parent, page_size=300)
            names = sorted(words(one.short_name) for page in pages for one in page.tag_keys)
        except SourceError:
            continue
        raise SourceError(f"there is no Tag key {key}, which the policy names{_instead(owner, name, names)}")
    raise SourceError(
        f"whether there is a Tag key {key}, which the policy names, can't be told: {refused}"
    ) from refused


def _instead(owner: str, name: str, names: list[str]) -> str:
    if not names:
        return " (there is none beside it)"
    # Another case of it first: that is near by any measure, and difflib goes by letters.
    near = [one for one in names if one.casefold() == name.casefold()] or difflib.get_close_matches(name, names, 1)
    return f" (there is {owner}/{near[0]})" if near else f" (there are {_listed(names)})"


def _check_owner(found: Any, key: str, scopes: Collection[str]) -> None:
    """An organisation's keys are for what is below it. Of a folder or a project it isn't known here what is above."""
    if found.parent.startswith("organizations/") and not any(
        scope == found.parent or not scope.startswith("organizations/") for scope in scopes
    ):
        raise SourceError(
            f"the Tag key {key}, which the policy names, is for what lies below {found.parent}, and that is none of "
            "what is scanned"
        )


def _remarks(google: Google, found: Any, key: str, wishes: Iterable[Expected]) -> Iterator[str]:
    """What doesn't fit between the values that there are and those that the policy allows."""
    wishes = [wish for wish in wishes if wish.allows is not None]
    if not wishes or _free(found):
        return
    pages = google.pages(LIST_TAG_VALUES, {"parent": found.name}, f"Tag key {key}", page_size=300)
    there = sorted(value.short_name for page in pages for value in page.tag_values)
    if not there:
        yield f"the Tag key {key} has no values, so that nothing can have it"
        return
    for wish in wishes:
        if wish.allows is not None and not any(map(wish.allows, there)):
            yield f"the Tag key {key} has no value that the policy allows; it has {_listed(there)}"
        elif absent := sorted(set(wish.values) - set(there)):
            yield f"the Tag key {key} can't say {_listed(absent)}, which the policy allows"


def _free(found: Any) -> bool:
    """Whether a Tag of the key may have a value that isn't listed: Google has keys with a pattern instead of a list.

    Its library may not know the field yet.
    """
    from google.protobuf.unknown_fields import UnknownFieldSet  # type: ignore[import-untyped] # It has none.

    return bool(getattr(found, "allowed_values_regex", "")) or len(UnknownFieldSet(found)) > 0


def _listed(names: list[str]) -> str:
    said = ", ".join(map(words, names[:_SHOWN]))
    return said if len(names) <= _SHOWN else f"{said} and {len(names) - _SHOWN:,} more"
