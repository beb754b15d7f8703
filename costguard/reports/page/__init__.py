"""A night as one HTML file that needs nothing else: it opens from a mail attachment, prints, and asks no network.

Every name and value in it is somebody else's text. It stands in the page as text (Jinja escapes it, and the script only
ever sets text), its invisible and turning characters are spelled out, and the page's own Content-Security-Policy allows
the one script and the one style sheet that it carries, by their hashes, and nothing else: were something to break out,
it could neither run nor call home.
"""

from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import msgspec

from costguard.errors import UsageError
from costguard.model.cost import Share, SpendReport
from costguard.model.night import AtFault, Headline, Night, Stage
from costguard.reports.text import ADDRESS, printable, prose

if TYPE_CHECKING:
    from jinja2 import Environment

_NAMED = 12
"""Bars in a chart; what else there is stands in the table."""
_LISTED = 500
"""Rows of a table that isn't the one of resources; more are counted."""
_FIRST = 100
"""Rows of resources that are there without the script: those one sees first, and those that print."""
_STEPS = 200
"""Resources in the curve of what tagging them does."""
_NOBODY = "(nobody)"


def render(night: Night) -> str:
    """The page. Raises :class:`UsageError` where the libraries that it is made with aren't installed."""
    try:
        from markupsafe import Markup

        from costguard.reports.page import charts

        made = environment()
        draw = {name: _drawing(getattr(charts, name), Markup) for name in ("trend", "bars", "steps")}
        return made.get_template(
            "page.html"
        ).render(
            night=night,
            **sheet(),
            rows=Markup(_columns(night.rows)),  # noqa: S704 - it is JSON, and holds no "<".
            first=night.rows[:_FIRST],
            view=_View(night),
            draw=draw,
        )
    except ImportError as error:
        raise UsageError(
            f"the report needs {error.name}, which isn't installed: pip install 'costguard-tags[report]'"
        ) from error


def environment() -> "Environment":
    """What pages are made with: all text is escaped, and what can't be seen in it is spelled out. Raises
    :class:`ImportError`."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    made = Environment(
        loader=PackageLoader("costguard.reports.page", ""),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=lambda value: value if isinstance(value, Markup) or not isinstance(value, str) else _text(value),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"p": prose, "money": amount, "share": percent, "count": "{:,}".format}
    return made


def sheet() -> Mapping[str, Any]:
    """The style sheet, the script and the policy that allows these two, as a template takes them."""
    from markupsafe import Markup

    style, script = (files(__package__).joinpath(f"page.{kind}").read_text("utf-8") for kind in ("css", "js"))
    return {"style": Markup(style), "script": Markup(script), "csp": policy(style, script)}  # noqa: S704 - ours.


def policy(style: str, script: str) -> str:
    """The Content-Security-Policy of a page with this style sheet and this script."""
    hashes = [b64encode(sha256(text.encode()).digest()).decode() for text in (style, script)]
    return (
        f"default-src 'none'; style-src 'sha256-{hashes[0]}'; script-src 'sha256-{hashes[1]}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _drawing(draw: Callable[..., str], markup: Callable[[str], Any]) -> Callable[..., Any]:
    return lambda *args, **named: markup(draw(*args, **named))


def _text(text: str) -> str:
    return printable(text, ADDRESS)


def amount(text: str | None, currency: str = "") -> str:
    """An amount as people read one, to two decimals; less than that is said."""
    if text is None:
        return ""
    number = Decimal(text)
    shown = f"{number:,.2f}" if number == 0 or abs(number) >= Decimal("0.005") else "<0.01"
    return f"{shown} {printable(currency, 12)}" if currency else shown


def percent(ratio: float | None) -> str:
    """A share to one decimal; what is not all or nothing is never shown as that."""
    if ratio is None:
        return "–"
    shown = f"{100 * ratio:.1f}%"
    if ratio > 0 and shown == "0.0%":
        return "<0.1%"
    return ">99.9%" if ratio < 1 and shown == "100.0%" else shown


def _columns(rows: Sequence[AtFault]) -> str:
    """The rows as JSON, column by column; a column whose words come back has each of them once. ``<`` is written as an
    escape, so that nothing in it ends the element that it stands in (HTML, 4.12.1.3)."""
    columns: list[dict[str, Any]] = []
    for name in _FIELDS:
        if name == "projected":
            left = [None if row.projected is None else round(row.projected, 5) for row in rows]
            columns.append({"name": name, "cells": left})
            continue
        cells = [_FIELDS[name](row) for row in rows]
        words: dict[str, int] = {}
        numbers = [words.setdefault(str(one), len(words)) for one in cells]
        texts = [printable(word, ADDRESS) for word in words]
        if len(words) * 3 > len(cells):
            columns.append({"name": name, "cells": [texts[number] for number in numbers]})
        else:
            columns.append({"name": name, "words": texts, "cells": numbers})
    raw = msgspec.json.encode({"columns": columns}).decode()
    return raw.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


_FIELDS: Mapping[str, Callable[[AtFault], object]] = {
    "id": lambda row: row.id,
    "cost": lambda row: "" if row.cost is None else f"{Decimal(row.cost):.2f}",
    "projected": lambda row: row.projected,
    "tags": lambda row: ", ".join(row.tags),
    "verdict": lambda row: row.verdict,
    "type": lambda row: row.type or row.service,
    "account": lambda row: row.account,
    "region": lambda row: row.region,
    "owner": lambda row: row.owner,
    "since": lambda row: row.since or "",
    "do": lambda row: row.do or row.manager,
}


class _View:
    """What the template asks of a night."""

    def __init__(self, night: Night) -> None:
        self._night = night
        spend = night.spend
        self.currency = spend.currency if spend else ""
        self.before: Headline | None = night.before[-1] if night.before else None
        self.share = night.headline.share
        self.objective = 1 - float(spend.slo.objective) if spend and spend.slo else None

    @property
    def when(self) -> str:
        return f"{datetime.fromisoformat(self._night.began):%A, %d %B %Y, %H:%M} UTC"

    @property
    def troubles(self) -> list[Stage]:
        return [one for one in self._night.stages if one.state in ("failed", "incomplete")]

    @property
    def change(self) -> float | None:
        """By how much the share that is not compliant has changed; None where the two can't be compared."""
        before, now = self.before, self._night.headline
        if before is None or before.currency != now.currency or before.share is None or now.share is None:
            return None
        return now.share - before.share

    @property
    def moved(self) -> str:
        """The change in words; empty where there is nothing to compare with."""
        if self.change is None:
            return ""
        shown = f"{100 * self.change:+.1f} points"
        return "unchanged" if shown[1:] == "0.0 points" else shown

    @property
    def points(self) -> list[tuple[str, float]]:
        """The share that is not compliant: by the bill's days where these are known, else by nights."""
        spend = self._night.spend
        days = (
            [(one.at, 1 - one.ratio) for one in spend.trend if one.kind == "day" and one.ratio is not None]
            if spend
            else []
        )
        if len(days) > 1:
            return days[-90:]
        heads = [(one.at[:10], one.share) for one in (*self._night.before, self._night.headline)]
        return [(at, share) for at, share in heads if share is not None][-90:]

    @property
    def fresh(self) -> list[AtFault]:
        """Resources that came to be at fault since the night before."""
        return [one for one in self._night.rows if one.fresh]

    def shares(self, tag: str) -> list[Share]:
        found = self._night.spend.showback.get(tag, ()) if self._night.spend else ()
        return sorted(found, key=lambda one: (one.value is None, -Decimal(one.total)))[:_LISTED]

    def named(self, tag: str) -> list[tuple[str, float]]:
        """The largest values of a tag, for a chart, and what nobody has."""
        shares = self.shares(tag)
        found = [(printable(one.value, 40), float(one.total)) for one in shares if one.value is not None][:_NAMED]
        return found + [(_NOBODY, float(one.total)) for one in shares if one.value is None and Decimal(one.total)]

    @property
    def nobody(self) -> str:
        return _NOBODY

    @property
    def aim(self) -> tuple[int, float, float] | None:
        """So many resources, tagged, bring the share from here to there: to the objective where that can be reached
        with those that are listed, else as far as twenty do."""
        rows = [row.projected for row in self._night.rows if row.projected is not None]
        if not rows or self.share is None:
            return None
        enough = next((n for n, left in enumerate(rows, 1) if self.objective is not None and left <= self.objective), 0)
        if self.objective is not None and self.share <= self.objective:
            enough = 0
        count = enough or min(20, len(rows))
        return count, self.share, rows[count - 1]

    @property
    def steps(self) -> list[float]:
        rows = [row.projected for row in self._night.rows[:_STEPS] if row.projected is not None]
        return [self.share, *rows] if self.share is not None and rows else []

    @property
    def places(self) -> list[Any]:
        spend = self._night.spend
        return [one for one in spend.pareto if one.kind == "source"][:20] if spend else []

    @property
    def coverage(self) -> list[tuple[str, str, Counter[str], int]]:
        """(cloud, source, how many places ended how, resources) of each source."""
        ended: dict[tuple[str, str], Counter[str]] = {}
        shown: Counter[tuple[str, str]] = Counter()
        for one in self._night.live.coverage if self._night.live else ():
            ended.setdefault((one.cloud, one.source), Counter())[one.outcome] += one.places
            shown[one.cloud, one.source] += one.resources
        return [(*key, counts, shown[key]) for key, counts in sorted(ended.items())]

    @property
    def gaps(self) -> Sequence[Any]:
        return self._night.gaps[:_LISTED]

    @property
    def accounts(self) -> list[tuple[str, Any, str | None, float | None]]:
        """(account, its summary, what it costs, the share that is not compliant) of each."""
        parts = {one.name: one for one in self._night.spend.by.get("account", ())} if self._night.spend else {}
        live = self._night.live.accounts if self._night.live else {}
        names = dict.fromkeys([*parts, *sorted(live, key=lambda name: (-live[name].violating, name))])
        return [
            (
                name,
                live.get(name),
                parts[name].total if name in parts else None,
                parts[name].ratio if name in parts else None,
            )
            for name in names
        ][:_LISTED]

    @property
    def headline(self) -> str:
        """The night in a sentence."""
        if self.share is not None:
            tags = [printable(tag, 30) for tag in (self._night.spend.showback if self._night.spend else ())]
            named = " and ".join(filter(None, [", ".join(tags[:-1]), *tags[-1:]]))
            said = f"does not name its {named}" if 0 < len(tags) < 5 else "is not compliant"
            return f"{percent(self.share)} of taggable spend {said}"
        if self._night.live is not None:
            summary = self._night.live.summary
            return f"{summary.violating:,} of {summary.resources:,} resources are at fault"
        return "Nothing could be judged tonight"

    @property
    def budget(self) -> SpendReport | None:
        spend = self._night.spend
        return spend if spend is not None and spend.slo is not None else None

    @property
    def soon(self) -> str:
        return str(date.fromisoformat(self._night.began[:10]) + timedelta(days=7))
