"""What people are told: one digest for each owner and run. Its size is bounded however much there is to say.

A digest is made of text that others wrote: ids, tag values, owners. Each medium escapes for itself; what all have in
common is here, the words and the plain text.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from hashlib import sha256
from itertools import islice
from typing import Any

import msgspec

from costguard.model.spool import encoded
from costguard.reports.text import ADDRESS, printable, prose

MOST = 200
"""Items in a digest. Nobody reads more; the change set and the journal have all of them."""


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One resource that a digest is about. ``state`` is what has become of it, in a word or two ("flagged", "reminded",
    "in quarantine"): items are counted by it. ``wrong``, ``next`` (what happens next; ``due`` says when) and ``remedy``
    are sentences."""

    id: str
    type: str
    account: str
    region: str = ""
    state: str
    wrong: str
    next: str = ""
    due: date | None = None
    remedy: str = ""


class Digest(msgspec.Struct, frozen=True, kw_only=True):
    """What one owner is told of one run; None is nobody that is known. ``counts`` counts all items by their state,
    ``items`` are the first of them and ``more`` is how many were left out. ``at`` is the time of the run."""

    run: str
    owner: str | None
    title: str
    at: datetime
    items: tuple[Item, ...] = ()
    counts: Mapping[str, int] = {}
    more: int = 0

    @property
    def heading(self) -> str:
        """The title, and whom it is for: one line."""
        return f"{prose(self.title, 200)}: {self.whom}"

    @property
    def whom(self) -> str:
        return "no owner known" if self.owner is None else printable(self.owner, 100) or "(empty)"

    @property
    def summary(self) -> str:
        """``3 resources: 2 flagged, 1 in quarantine.``"""
        total = sum(self.counts.values())
        each = [f"{count} {prose(state, 60)}" for state, count in islice(self.counts.items(), 20)]
        return f"{total} {'resource' if total == 1 else 'resources'}{': ' if each else ''}{', '.join(each)}."

    def left(self, shown: int) -> str:
        """What is said where only the first ``shown`` items are; empty where these are all."""
        rest = len(self.items) - shown + self.more
        return f"… and {rest} more; costguard reconcile status {printable(self.run)} has all of them." if rest else ""

    def key(self, channel: str) -> str:
        """What one delivery is known by: the same for the same run, channel and owner, whatever is in it."""
        # As an array, so that no owner can be spelt like another one's channel. What isn't Unicode is hashed, too.
        parts = [self.run, channel, self.owner]
        return sha256(encoded([part and part.encode("utf-8", "surrogatepass") for part in parts])).hexdigest()[:40]


def digests(run: str, title: str, at: datetime, items: Iterable[tuple[str | None, Item]]) -> tuple[Digest, ...]:
    """One digest for each owner, in the order of their names, nobody last; the items keep theirs. Owners that differ
    only in capitals or in the spaces around them are two: the tag's values are."""
    counts: dict[str | None, Counter[str]] = {}
    first: dict[str | None, list[Item]] = {}
    for owner, item in items:
        counts.setdefault(owner, Counter())[item.state] += 1
        kept = first.setdefault(owner, [])
        if len(kept) < MOST:
            kept.append(item)
    return tuple(
        Digest(
            run=run,
            owner=owner,
            title=title,
            at=at,
            items=tuple(first[owner]),
            counts=dict(counts[owner]),
            more=sum(counts[owner].values()) - len(first[owner]),
        )
        for owner in sorted(first, key=lambda owner: (owner is None, owner or ""))
    )


def described(item: Item) -> list[str]:
    """An item in lines, of which each character shows as itself."""
    place = printable(item.account) + (f", {printable(item.region)}" if item.region else "")
    lines = [f"{printable(item.type)} {printable(item.id, ADDRESS)}", f"  in {place}"]
    lines.append(f"  {prose(item.state, 60)}: {prose(item.wrong)}")
    if item.next or item.due:
        when = f" (on {item.due.isoformat()})" if item.due else ""
        lines.append(f"  next: {prose(item.next) or 'it is looked at again'}{when}")
    if item.remedy:
        lines.append(f"  remedy: {prose(item.remedy)}")
    return lines


def plain(digest: Digest, most: int) -> str:
    """The whole digest as text of at most ``most`` bytes of UTF-8 (at least 4,000, which hold all but the items)."""
    head = f"{digest.summary}\n"
    end = f"\nRun {printable(digest.run)} of costguard.\n"
    room = most - len(head.encode()) - len(end.encode()) - len(digest.left(0).encode()) - 2
    text, shown = "", 0
    for item in digest.items:
        more = "\n" + "\n".join(described(item)) + "\n"
        room -= len(more.encode())
        if room < 0:
            break
        text += more
        shown += 1
    rest = digest.left(shown)
    return head + text + (f"\n{rest}\n" if rest else "") + end


def content(item: Item) -> dict[str, Any]:
    """An item for machines: what it holds, in Unicode and cut to a bounded length."""
    fields = {"id": item.id, "type": item.type, "account": item.account, "region": item.region or None}
    fields |= {"state": item.state, "wrong": item.wrong, "next": item.next or None, "remedy": item.remedy or None}
    whole = {name: text and unicode(text) for name, text in fields.items()}
    return whole | {"due": item.due and item.due.isoformat()}


def unicode(text: str, limit: int = ADDRESS) -> str:
    """The text without what UTF-8 has no bytes for: of half a surrogate pair the escape stands there, as text."""
    text = text if len(text) <= limit else text[: limit - 1] + "…"
    return text.encode("utf-8", "backslashreplace").decode()
