"""The weekly review as Markdown, for a ticket or a chat, and as a page by itself."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from decimal import Decimal

from costguard.errors import UsageError
from costguard.model.review import Move, Review
from costguard.reports.markdown import plain, value
from costguard.reports.page import amount, percent

_MOVERS = 10
_NEW = 25


def movers(moves: Sequence[Move]) -> list[Move]:
    """Those worth a line: the largest changes, and whatever is flagged."""
    return [one for number, one in enumerate(moves) if number < _MOVERS or one.flagged]


def signed(text: str, currency: str = "") -> str:
    """A change with its sign."""
    shown = amount(text, currency)
    return shown if Decimal(text) <= 0 else f"+{shown}"


def variance(move: Move) -> str:
    """By how much it is off the forecast, with a mark where that is to be explained."""
    if move.variance is None:
        return "new ⚑" if move.flagged else "–"
    return f"{move.variance:+.0%}{' ⚑' if move.flagged else ''}"


def days(number: float | None) -> str:
    if number is None:
        return "–"
    return f"{number:g} day{'' if number == 1 else 's'}"


def title(review: Review) -> str:
    return f"Tagging and spend, {review.start} to {review.end - timedelta(days=1)}"


def markdown(review: Review) -> str:
    """The review as GitHub's Markdown."""
    money = review.currency
    lines = [f"# {title(review)}", ""]
    if review.gaps:
        lines += ["**Incomplete:** not all could be read.", ""]
        lines += [f"- {value(gap.where)}: {plain(gap.why)}" for gap in review.gaps[:20]]
        lines += [f"- and {len(review.gaps) - 20:,} more"] if len(review.gaps) > 20 else []
        lines.append("")
    lines += ["## The SLI", ""]
    lines += _table(
        ["", "this week", "the week before"],
        [["taggable spend not compliant", percent(review.share), percent(review.share_before)]],
    )
    if review.slo is not None:
        slo = review.slo
        burn = ", ".join(f"{one.rate:.1f} over {one.days} days" for one in slo.burn if one.rate is not None)
        lines += [
            (
                f"The objective of {percent(float(slo.objective))} is **{slo.state}**: {amount(slo.left, money)} of a "
                f"budget of {amount(slo.budget, money)} is left in {slo.days} days{burn and f' (burn rate {burn})'}."
            ),
            "",
        ]
    if review.nights:
        lines += [f"{review.good_nights} of {review.nights} nights were complete.", ""]
    lines += ["## The cost", ""]
    forecast = (
        "" if review.total.forecast is None else f", against a forecast of {amount(review.total.forecast, money)}"
    )
    lines += [
        (
            f"{amount(review.total.cost, money)}{forecast or ''} ({variance(review.total)}); "
            f"{signed(review.total.change, money)} since the week before."
        ),
        "",
    ]
    for name, moves in (("Owner", review.owners), ("Service", review.services), ("Account", review.accounts)):
        if moves:
            lines += [f"### By {name.lower()}", ""]
            lines += _table(
                [name, f"cost {money}".strip(), "change", "forecast", "variance"],
                [
                    [value(one.name), amount(one.cost), signed(one.change), amount(one.forecast), variance(one)]
                    for one in movers(moves)
                ],
                right=4,
            )
            left = len(moves) - len(movers(moves))
            lines += [f"and {left:,} more", ""] if left else []
    lines += ["## New resources at fault", ""]
    if review.fresh:
        lines += _table(
            ["Resource", "made by", "owner", "since", "cost"],
            [
                [value(one.id), value(one.creator), value(one.owner), str(one.since or ""), amount(one.cost)]
                for one in review.fresh[:_NEW]
            ],
        )
        more = review.more + max(0, len(review.fresh) - _NEW)
        lines += [f"and {more:,} more", ""] if more else []
    else:
        known = review.mending is not None
        lines += ["None." if known else "No night has looked: `costguard nightly` does.", ""]
    if review.mending is not None:
        one = review.mending
        lines += [
            (
                f"Time to tag: {days(one.median)} in the median, of {one.mended:,} that were tagged this week. "
                f"{one.open:,} are open, for {days(one.age)} in the median."
            ),
            "",
        ]
    lines += ["## To do", ""]
    for action in review.actions:
        parts = [f"**{value(action.owner)}**: " if action.owner else "", plain(action.what)]
        parts.append(f" ({plain(action.why)})" if action.why else "")
        parts.append(f", {amount(action.cost, money)}" if action.cost is not None else "")
        lines.append(f"- [ ] {''.join(parts)}")
    lines += [] if review.actions else ["Nothing."]
    if review.notes:
        lines += ["", "## What to know about these numbers", ""]
        lines += [f"- {plain(note)}" for note in review.notes]
    return "\n".join(lines).rstrip() + "\n"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]], right: int = 0) -> list[str]:
    marks = ["---:" if number and number >= len(heads) - right else "---" for number in range(len(heads))]
    made = [f"| {' | '.join(heads)} |", f"| {' | '.join(marks)} |"]
    return [*made, *(f"| {' | '.join(row)} |" for row in rows), ""]


def html(review: Review) -> str:
    """The review as one page that needs nothing else. Raises :class:`UsageError` where jinja2 isn't installed."""
    from costguard.reports.page import environment, sheet

    try:
        made = environment()
        made.filters |= {"signed": signed, "variance": variance, "days": days}
        return made.get_template("review.html").render(
            review=review, title=title(review), movers=movers, new=review.fresh[:_NEW], **sheet()
        )
    except ImportError as error:
        raise UsageError(
            f"the page needs {error.name}, which isn't installed: pip install 'costguard-tags[report]'"
        ) from error
