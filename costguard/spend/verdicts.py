"""What the policy makes of tag sets as bills have them: each distinct one is judged once.

A bill has millions of charges and some hundred thousand tag sets, of which most differ in tags that no rule looks at.
So a tag set is read, cut down to what the policy can look at, and judged where nothing like it has been judged before.
"""

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

import msgspec

from costguard.engine import stream
from costguard.model.cost import FAULTS, State
from costguard.model.finding import Verdict
from costguard.model.resource import Cloud, Known, Resource, Surface, Tag, TagSet
from costguard.policy import Policy

_SOURCE = "the bill"
_CLOUDS: Mapping[str, Cloud] = {"aws": "aws", "google": "google", "azure": "azure"}
_SURFACE: Mapping[Cloud | None, str] = {"google": "labels"}
_STATES: Mapping[Verdict, State] = {
    Verdict.MISSING: "missing",
    Verdict.MISSPELLED: "misspelled",
    Verdict.EMPTY: "empty",
    Verdict.INVALID: "invalid",
    Verdict.FORBIDDEN: "invalid",
    Verdict.UNKNOWN: "unknown",
}


class Case(msgspec.Struct, frozen=True):
    """One thing to judge: a tag set as the bill writes it, and what else the policy may look at; None where it doesn't
    look at that."""

    tags: str | None
    provider: str | None
    account: str | None = None
    region: str | None = None
    resource: str | None = None


class Ruling(msgspec.Struct, frozen=True):
    """What the policy makes of a case. ``untagged``: there is no tag at all, but for those that the cloud sets itself.
    ``states`` are the tags at fault with what is wrong with each; ``values`` the policy's tags with their values, where
    these are as they should be. ``flaw``: why the tag set could not be read, empty where it could."""

    state: State
    untagged: bool
    states: Mapping[str, State]
    values: Mapping[str, str]
    flaw: str = ""


def cloud_of(provider: str | None) -> Cloud | None:
    """The cloud of a bill's provider, whose spelling of keys its tags have; None for any other."""
    return _CLOUDS.get(provider or "")


def needs(policy: Policy) -> frozenset[str]:
    """What of a charge beside its tags and its cloud the policy may look at: fields of :class:`Case`."""
    selectors = [rule.selector for rule in policy.rules] + [one.selector for one in policy.exemptions]
    found = set()
    for selector in selectors:
        if selector.account:
            found.add("account")
        if selector.region:
            found.add("region")
        if selector.type or selector.address or selector.module:
            found.add("resource")
    return frozenset(found)


class Judge:
    """Judges cases of one kind of export. ``tagged``, ``folded`` and ``prefix`` are as in
    :class:`costguard.billing.Charges`."""

    def __init__(
        self, policy: Policy, today: date, *, tagged: bool = True, folded: bool = False, prefix: str = ""
    ) -> None:
        self._policy = policy
        self._today = today
        self._tagged = tagged
        self._folded = folded
        self._prefix = prefix

    def one(self, case: Case) -> Ruling:
        """The ruling of a case."""
        return self._ruling(case)

    def _ruling(self, case: Case) -> Ruling:
        cloud = cloud_of(case.provider)
        tags, flaw = read_tags(case.tags)
        if self._prefix:
            size = len(self._prefix)
            tags = {key[size:]: value for key, value in tags.items() if key.startswith(self._prefix)}
        open_ = flaw or ("" if self._tagged else "this export has no tags")
        resource = Resource(
            address=case.resource or "",
            type="",
            provider=cloud or "",
            cloud=cloud,
            id=case.resource,
            account=case.account,
            region=case.region,
            surfaces=(
                Surface(
                    _SURFACE.get(cloud, "tags"),
                    TagSet({key: Tag(Known(text), _SOURCE) for key, text in tags.items()}, open=open_),
                ),
            ),
            declared=None,
        )
        (judged,) = stream(self._policy, "bill", [resource], self._today)
        states = {finding.tag: _STATES[finding.verdict] for finding in judged.findings if finding.tag is not None}
        at_fault = {_STATES[finding.verdict] for finding in judged.findings}
        state: State = next((one for one in FAULTS if one in at_fault), "compliant")
        values = {}
        for name, spelling in self._policy.spellings.items():
            value = tags.get(spelling.on(cloud))
            if value is not None and value.strip() and name not in states:
                values[name] = value
        return Ruling(state, self._tagged and not flaw and not _own(tags), states, values, flaw)


def _own(tags: Mapping[str, str]) -> bool:
    return any(not key.casefold().startswith(("aws:", "goog-")) for key in tags)


# Numbers as they are written: 1.10 is another value than 1.1.
_DECODER = msgspec.json.Decoder(dict[str, Any], float_hook=str)
_BRACELESS = re.compile(r'\s*"')


def read_tags(text: str | None) -> tuple[Mapping[str, str], str]:
    """The tags of a tag set, and why it could not be read; empty where it could.

    A JSON object, whose braces may be left out (as Azure's exports do). A tag without a value is ``true`` there, or
    null, and gets an empty one; numbers stay as they are written.
    """
    if text is None or not text.strip():
        return {}, ""
    raw = f"{{{text}}}" if _BRACELESS.match(text) else text
    try:
        found = _DECODER.decode(raw)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        return {}, f"its tags are no JSON object ({error})"
    return {key: _text(value) for key, value in found.items()}, ""


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if value is None or value is True:
        return ""
    return msgspec.json.encode(value).decode()
