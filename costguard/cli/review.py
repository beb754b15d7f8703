"""``costguard review``: the week's tagging and spend, for Monday's meeting."""

import os
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from costguard.billing import FormatName
from costguard.cli import options
from costguard.config import ConfigDoc, store_address
from costguard.errors import ExitCode, UsageError
from costguard.model.cost import Basis
from costguard.model.review import Review

if TYPE_CHECKING:
    from costguard.nightly.review import Seen


@click.command("review")
@click.argument("exports", nargs=-1, metavar="[EXPORT]...")
@options.policy_options
@click.option(
    "--week",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="DAY",
    help="The first day of the week. Default: the last Monday to Sunday that has ended.",
)
@click.option("--cost", "basis", type=click.Choice(["EffectiveCost", "BilledCost"]), help="As for spend.")
@click.option(
    "--bill-format", type=click.Choice(["focus", "aws-cur", "gcp", "azure"]), help="As for spend: what EXPORT is."
)
@click.option("--cache", metavar="DIR", help="As for spend.")
@click.option(
    "--format",
    "format_name",
    type=click.Choice(["markdown", "html", "json"]),
    default="markdown",
    show_default=True,
    help="How it is printed.",
)
@click.option("--output", "-o", metavar="FILE", help="Write it to this file.")
def command(
    exports: tuple[str, ...],
    policies: tuple[str, ...],
    config_file: str | None,
    week: datetime | None,
    basis: Basis | None,
    bill_format: FormatName | None,
    cache: str | None,
    format_name: str,
    output: str | None,
) -> int:
    """Say how the week went: the SLI and its budget, what moved, what is new and what is to be done.

    EXPORT is as for spend; without it, the bills that costguard.yaml names. What the nights saw comes from the store.
    """
    from costguard.nightly.review import last_week, review
    from costguard.spend.report import Asked

    config = options.config_in_force(config_file)
    doc = config.doc if config is not None else ConfigDoc(version=1)
    policy = options.policy_in_force(policies, config_file)
    paths = tuple((path, bill_format) for path in exports) or (config.bills() if config is not None else ())
    if not paths:
        raise UsageError("say which bill: name its files, or put them under billing in costguard.yaml")
    options.keep(output, *exports)
    today = datetime.now(UTC).date()
    start = week.date() if week is not None else last_week(today)
    if start > today:
        raise UsageError(f"--week {start}: it has not begun")
    done = review(
        Asked(
            paths=paths,
            basis=basis or doc.spend.cost,
            currency=doc.spend.currency,
            doc=doc.spend,
            cache=Path(cache) if cache is not None else None,
        ),
        policy,
        start,
        doc.slo,
        _seen(store_address(config, os.environ), start),
    )
    _deliver(done, format_name, output)
    return ExitCode.CLEAN if done.complete else ExitCode.INCOMPLETE


def _seen(url: str, start: date) -> "Seen":
    """What the nights know; nothing where there is no store yet, which a review doesn't make."""
    from costguard.nightly.history import open_nights
    from costguard.nightly.review import Seen

    path = url.removeprefix("sqlite:///")
    if path != url and not Path(path).is_file():
        return Seen()
    with open_nights(url) as nights:
        return Seen(nights.faults(), nights.nights(since=start))


def _deliver(done: Review, format_name: str, output: str | None) -> None:
    from costguard.reports import review as rendered
    from costguard.reports.text import json_text

    match format_name:
        case "json":
            text = json_text(msgspec.json.format(msgspec.json.encode(done), indent=1)) + "\n"
        case "html":
            text = rendered.html(done)
        case _:
            text = rendered.markdown(done)
    options.put(text, output, utf_8=True)
