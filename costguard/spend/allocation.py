"""Whose the spend is: by tags, by what accounts and projects hand down, by rules, and by sharing what is common.

What is allocated is shown beside what isn't, each by how it is known; nothing is spread quietly, and every tag's parts
sum to the bill to the last digit.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_DOWN, Decimal, localcontext
from typing import Literal

import msgspec

from costguard.config import AllocateDoc, SpendDoc
from costguard.model.cost import Diagnosis, Share, money
from costguard.policy import Policy
from costguard.policy.patterns import glob_matches
from costguard.spend.ledger import Ledger
from costguard.spend.verdicts import cloud_of, read_tags

How = Literal["tagged", "inherited", "ruled", "split"]
_HOWS: tuple[How, ...] = ("tagged", "inherited", "ruled", "split")
_PLACES = ("provider", "account", "region", "service", "class")
_LAST = Decimal(1).scaleb(-18)

_Months = dict[str, Decimal]


class Allocation(msgspec.Struct, frozen=True):
    """One tag's spend. ``allocated`` is what has a value, by whatever way."""

    shares: tuple[Share, ...]
    allocated: Decimal


class _Book:
    """Amounts by value, by how they are known and by month."""

    def __init__(self) -> None:
        self.amounts: dict[str | None, dict[How | None, _Months]] = defaultdict(
            lambda: defaultdict(lambda: defaultdict(Decimal))
        )

    def add(self, value: str | None, how: How | None, month: str, amount: Decimal) -> None:
        self.amounts[value][how][month] += amount

    def direct(self) -> dict[str, Decimal]:
        """What each value has before anything is shared."""
        return {
            value: sum((amount for months in hows.values() for amount in months.values()), Decimal())
            for value, hows in self.amounts.items()
            if value is not None
        }

    def shares(self) -> Allocation:
        found, allocated = [], Decimal()
        for value, hows in self.amounts.items():
            months: _Months = defaultdict(Decimal)
            by_how = dict.fromkeys(_HOWS, Decimal())
            total = Decimal()
            for how, amounts in hows.items():
                for month, amount in amounts.items():
                    months[month] += amount
                    total += amount
                    if how is not None:
                        by_how[how] += amount
            if value is not None:
                allocated += total
            share = Share(
                value=value,
                total=money(total),
                **{how: money(amount) for how, amount in by_how.items()},
                months={month: money(amount) for month, amount in sorted(months.items())},
            )
            found.append((value is None, -total, value or "", share))
        return Allocation(tuple(share for *_, share in sorted(found, key=lambda one: one[:3])), allocated)


def allocate(ledger: Ledger, policy: Policy, doc: SpendDoc) -> tuple[dict[str, Allocation], list[Diagnosis]]:
    """The bill by the values of each of the policy's tags."""
    diagnoses: list[Diagnosis] = []
    found = {
        name: _allocated(ledger, policy, doc, name, f"value{number}", diagnoses)
        for number, name in enumerate(ledger.tags)
    }
    return found, diagnoses


def _allocated(
    ledger: Ledger, policy: Policy, doc: SpendDoc, tag: str, column: str, diagnoses: list[Diagnosis]
) -> Allocation:
    book = _Book()
    shared: dict[int, _Months] = defaultdict(lambda: defaultdict(Decimal))
    rules: dict[tuple[str | None, ...], int | None] = {}
    handed: dict[tuple[str | None, str | None], str | None] = {}
    places = ", ".join(_PLACES)
    # What has the tag asks for no more; there are many values, and each is in many places.
    for value, month, cost in ledger.rows(
        f"SELECT {column}, COALESCE(month, ''), SUM(cost) FROM bill WHERE {column} IS NOT NULL GROUP BY ALL"
    ):
        book.add(value, "tagged", month, cost or Decimal())
    for month, inherited, *place, cost in ledger.rows(
        f"SELECT COALESCE(month, ''), inherited, {places}, SUM(cost) FROM bill WHERE {column} IS NULL GROUP BY ALL"
    ):
        amount = cost or Decimal()
        if doc.inherit and inherited is not None:
            key = (inherited, place[0])
            if key not in handed:
                handed[key] = _inherited(policy, tag, inherited, place[0])
            if handed[key] is not None:
                book.add(handed[key], "inherited", month, amount)
                continue
        where = tuple(place)
        if where not in rules:
            rules[where] = _rule(doc.allocate, tag, dict(zip(_PLACES, where, strict=True)))
        number = rules[where]
        if number is None:
            book.add(None, None, month, amount)
        elif (said := (doc.allocate[number].set or {}).get(tag)) is not None:
            book.add(said, "ruled", month, amount)
        else:
            shared[number][month] += amount
    direct = book.direct()
    for number, months in sorted(shared.items()):
        split = doc.allocate[number].split
        key_ = _key(split.shares if split else None, direct)
        for month, amount in months.items():
            if not key_:
                book.add(None, None, month, amount)
                continue
            for value, part in _divided(amount, key_):
                book.add(value, "split", month, part)
        if not key_:
            diagnoses.append(
                Diagnosis(
                    id="nothing-to-share-by",
                    message=f"spend.allocate[{number}] shares by {tag}'s spend, and no value of {tag} has any",
                    remedy="give the rule fixed shares, or tag something first",
                    cost=money(sum(months.values(), Decimal())),
                )
            )
    return book.shares()


def _inherited(policy: Policy, tag: str, text: str, provider: str | None) -> str | None:
    tags = read_tags(text).tags
    spelling = policy.spellings[tag]
    value = tags.get(spelling.on(cloud_of(provider)), tags.get(tag))
    return value if value is not None and value.strip() else None


def _rule(rules: Sequence[AllocateDoc], tag: str, place: Mapping[str, str | None]) -> int | None:
    """The first rule that says something of this tag for charges of this place."""
    for number, rule in enumerate(rules):
        if tag not in (rule.set or {}) and (rule.split is None or rule.split.tag != tag):
            continue
        if rule.charge is not None and rule.charge != place["class"]:
            continue
        asked = {"provider": rule.provider, "account": rule.account, "region": rule.region, "service": rule.service}
        if all(_fits(globs, place[name]) for name, globs in asked.items()):
            return number
    return None


def _fits(globs: str | list[str] | None, text: str | None) -> bool:
    if globs is None:
        return True
    listed = [globs] if isinstance(globs, str) else globs
    return text is not None and any(glob_matches(glob, text) for glob in listed)


def _key(fixed: Mapping[str, float] | None, direct: Mapping[str, Decimal]) -> list[tuple[str, Decimal]]:
    """Who has which part, the largest first. By spend only those count that have any: a credit buys no share."""
    parts = (
        {value: Decimal(str(part)) for value, part in fixed.items()}
        if fixed
        else {value: amount for value, amount in direct.items() if amount > 0}
    )
    return sorted(parts.items(), key=lambda one: (-one[1], one[0]))


def _divided(amount: Decimal, key: Iterable[tuple[str, Decimal]]) -> Iterable[tuple[str, Decimal]]:
    """An amount in parts that sum to it exactly: what rounding leaves is the largest's."""
    listed = list(key)
    whole = sum((part for _, part in listed), Decimal())
    with localcontext(prec=80):
        parts = [(value, (amount * part / whole).quantize(_LAST, ROUND_DOWN)) for value, part in listed]
        rest = amount - sum((part for _, part in parts), Decimal())
    (value, largest), *others = parts
    return [(value, largest + rest), *others]
