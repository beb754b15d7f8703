"""A tag that must be there, with a value that is allowed: the table of verdicts is decided here.

=============================================  ==========================================================
evidence for the key                           verdict
=============================================  ==========================================================
known, satisfies its rule                      compliant
known, empty or only spaces                    empty
known, not an allowed value                    invalid (with the nearest allowed value, if one is near)
absent, an alias or another case is there      misspelled
absent, set closed                             missing
absent, a Tag of Google's stands for it        as the value of that Tag is
known, and that Tag says something else        invalid
absent, may be there unseen                    unknown
present with an unknown value                  compliant on presence; unknown if the rule constrains the value
=============================================  ==========================================================
"""

from collections.abc import Iterator, Mapping

import msgspec

from costguard.catalog.encoding import encode
from costguard.model.finding import Level, Verdict
from costguard.model.resource import Cloud, Known, Resource, Surface, Tag
from costguard.policy.rules import Fault, Minds, shown
from costguard.policy.selector import Selector, Spelling, meanings
from costguard.policy.values import Allowed, ValueRule, listing


class Require(msgspec.Struct, frozen=True, kw_only=True):
    """One tag rule. ``required`` false: the tag may be absent, and is judged where it is there. ``default`` is what may
    be written where it is missing, empty where nothing may."""

    id: str
    level: Level
    selector: Selector
    spelling: Spelling
    required: bool = True
    description: str = ""  # of the tag
    why: str = ""  # the description of the rule, where it isn't the tag's own
    aliases: tuple[str, ...] = ()
    values: tuple[ValueRule, ...] = ()
    allowed: Allowed | None = None  # what ``values`` leave, where that is a closed list
    synonyms: Mapping[str, str] = {}
    default: str = ""

    def judge(self, resource: Resource, surface: Surface) -> Iterator[Fault]:
        key = self.spelling.on(resource.cloud)
        tag = surface.tags.tags.get(key)
        bound = self.spelling.bound(resource.cloud, surface.tags)
        if tag is not None:
            fault = self._value(key, tag, resource.cloud) or self._contradicted(key, tag, bound)
        elif isinstance(bound, Tag):
            fault = self._value(f"tag:{self.spelling.google_tag}", bound, None)
        else:
            fault = self._absent(key, surface, resource.cloud, bound or "")
        if fault is not None:
            yield fault

    def minds(self, key: str, cloud: str | None) -> Minds:
        own = self.spelling.on(cloud)
        if key == own:
            return "value"
        names = (own, self.spelling.name, *self.aliases)
        return "key" if key.strip().casefold() in {name.casefold() for name in names} else "nothing"

    def _value(self, key: str, tag: Tag, cloud: Cloud | None) -> Fault | None:
        value = tag.value
        if not isinstance(value, Known):
            if not self.values:
                return None
            return self._fault(
                key,
                Verdict.UNKNOWN,
                f"can't tell the value of {key}: {value.reason}",
                f"make sure it will be {self._wanted()}",
            )
        text = value.text
        origin = "" if tag.source == "the resource" else f" (from {tag.source})"
        if not text.strip():
            return self._fault(key, Verdict.EMPTY, f"{key} has no value{origin}", f"set {key} to {self._wanted()}")
        texts = meanings(cloud, text)
        problem, *others = map(self._problem, texts)
        if problem is None or None in others:
            return None
        quoted = shown(text, value.sensitive)
        expected = None if value.sensitive else self._meant(texts[-1])
        if expected and cloud == "google":
            expected = encode("google", expected)  # None where no label can hold it: then it can't be written either.
        if expected:
            remedy = f'write {key} = "{expected}"{origin and f" in {tag.source}"}'
        else:
            remedy = f"set {key} to {self._wanted()}{origin and f' in {tag.source}'}"
        return self._fault(
            key,
            Verdict.INVALID,
            f"{key}: {quoted} {problem}{origin}",
            remedy,
            found=None if value.sensitive else text,
            expected=expected,
        )

    def _problem(self, text: str) -> str | None:
        return next(filter(None, (rule.check(text) for rule in self.values)), None)

    def _contradicted(self, key: str, tag: Tag, bound: Tag | str | None) -> Fault | None:
        """A label that is right by itself, and beside it a Tag that says something else: nobody knows which one counts.

        Labels have no upper case, so case alone is no contradiction.
        """
        if not isinstance(bound, Tag) or not (isinstance(tag.value, Known) and isinstance(bound.value, Known)):
            return None
        said = bound.value.text
        if said.casefold() in {text.casefold() for text in meanings("google", tag.value.text)}:
            return None
        origin = "" if bound.source == "the resource" else f" (from {bound.source})"
        return self._fault(
            key,
            Verdict.INVALID,
            f"{key}: the label is {shown(tag.value.text, tag.value.sensitive)}, and the Tag {self.spelling.google_tag} "
            f"is {shown(said, bound.value.sensitive)}{origin}",
            "make them say the same, or take one of them away",
            found=None if tag.value.sensitive else tag.value.text,
        )

    def _absent(self, key: str, surface: Surface, cloud: Cloud | None, unbound: str) -> Fault | None:
        """``unbound``: why a Tag of Google's may stand for it unseen."""
        there = self._misspelled(key, surface)
        tags = surface.tags
        doubt = tags.doubt(key) or unbound
        if doubt:
            if not self.required and there is None:
                return None
            aside = f"; the key {_quoted(there)} is there" if there is not None else ""
            return self._fault(
                key,
                Verdict.UNKNOWN,
                f"can't tell whether {key} is there: {doubt}{aside}",
                f"make sure that {key} is among the tags",
            )
        if there is not None:
            source = tags.tags[there].source
            where = "" if source == "the resource" else f" in {source}"
            return self._fault(
                key,
                Verdict.MISSPELLED,
                f"{key} is missing, and {_quoted(there)} is there instead",
                f"rename {_quoted(there)} to {key}{where}",
                found=there,
                expected=key,
            )
        if not self.required:
            return None
        if key in surface.withheld:
            return self._fault(
                key,
                Verdict.MISSING,
                f"{key} is missing: the source sets it, and ignore_changes keeps it from being applied",
                f"take {surface.path} out of ignore_changes, or set {key} where the tags are kept",
            )
        google_tag = self.spelling.google_tag if cloud == "google" else ""
        return self._fault(
            key,
            Verdict.MISSING,
            f"{key} is missing{google_tag and f', and so is the Tag {google_tag}'}",
            _addition(key, self._wanted(), surface) + (google_tag and f", or bind a value of the Tag {google_tag}"),
        )

    def _misspelled(self, key: str, surface: Surface) -> str | None:
        """The key that stands for this tag under another name: another case of it first, then the aliases in order."""
        folded = key.casefold()
        names: dict[str, str] = {}
        for name in surface.tags.tags:
            names.setdefault(name.strip().casefold(), name)
        for candidate in (
            folded,
            self.spelling.name.casefold(),
            *(alias.casefold() for alias in self.aliases),
        ):
            if candidate in names:
                return names[candidate]
        return None

    def allows(self, text: str) -> bool:
        """Whether the value satisfies the rule."""
        return bool(text.strip()) and not any(rule.check(text) for rule in self.values)

    def certainly(self, text: str) -> str | None:
        """What an invalid value was certainly meant to be: a synonym, or the same but for case and blanks around it."""
        folded = text.strip().casefold()
        synonym = self.synonyms.get(text) or next(
            (to for w, to in self.synonyms.items() if w.casefold() == folded), None
        )
        if synonym is not None:
            return synonym
        same = {value for value in self.allowed.values if value.casefold() == folded} if self.allowed else set()
        return same.pop() if len(same) == 1 else None

    def _meant(self, text: str) -> str | None:
        """What an invalid value was certainly or probably (a near spelling) meant to be."""
        return self.certainly(text) or (self.allowed.nearest(text) if self.allowed else None)

    def _wanted(self) -> str:
        if self.allowed:
            return listing(self.allowed.values)
        if self.description:
            return _lower_first(self.description.rstrip("."))
        return "a value that the policy allows" if self.values else "a value"

    def _fault(
        self,
        key: str,
        verdict: Verdict,
        message: str,
        remedy: str,
        *,
        found: str | None = None,
        expected: str | None = None,
    ) -> Fault:
        return Fault(
            tag=self.spelling.name,
            key=key,
            verdict=verdict,
            message=message + (f" ({self.why.rstrip('.')})" if self.why else ""),
            remedy=remedy,
            found=found,
            expected=expected,
        )


def _addition(key: str, wanted: str, surface: Surface) -> str:
    if surface.path == "tag.propagate_at_launch":
        return f"set propagate_at_launch = true on the tag block of {key}, or tag what is launched ({wanted})"
    if surface.path == "tag":
        return f'add a tag block with key = "{key}": {wanted}'
    return f"add {key} to {surface.path}: {wanted}"


def _quoted(key: str) -> str:
    """A key as it is found, in quotes where blanks in it would go unseen."""
    return key if key and not any(char.isspace() for char in key) else repr(key)


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:] if text[1:2].islower() else text
