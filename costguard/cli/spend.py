"""``costguard spend``: what share of a bill has no owner."""

import contextlib
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from costguard.billing import FormatName
from costguard.cli import options
from costguard.config import Config, ConfigDoc, SloDoc, store_address
from costguard.errors import ExitCode, UsageError
from costguard.model.cost import Basis, SpendReport
from costguard.policy import Policy
from costguard.reports import Style

if TYPE_CHECKING:
    from costguard.spend.engines import EngineName
    from costguard.spend.pareto import Inventory


@click.command("spend")
@options.policy_options
@click.argument("exports", nargs=-1, metavar="[EXPORT]...")
@click.option(
    "--cost",
    "basis",
    type=click.Choice(["EffectiveCost", "BilledCost"]),
    help="The cost that is summed: with commitments spread over what they cover (the default), or as invoiced.",
)
@click.option(
    "--bill-format",
    type=click.Choice(["focus", "aws-cur", "gcp", "azure"]),
    help="The format of the exports, where it isn't to be recognised.",
)
@click.option(
    "--engine",
    type=click.Choice(["duckdb", "spark", "athena", "bigquery", "trino"]),
    default="duckdb",
    show_default=True,
    help="Where the charges are summed. With any but duckdb EXPORT is a table there; for spark also a folder of "
    "Parquet files.",
)
@click.option(
    "--engine-option",
    "engine_options",
    multiple=True,
    metavar="NAME=VALUE",
    help="How the engine is reached: see the reference of spend. Repeatable.",
)
@click.option("--currency", metavar="CODE", help="Report the charges in this currency, where there are several.")
@click.option("--store", metavar="FILE", help="The last scan's store, which says what is mended already.")
@click.option(
    "--fail-below",
    type=click.FloatRange(0, 1),
    metavar="SHARE",
    help="Exit code 1 where less than this share of taggable spend is compliant (0.95 is 95%).",
)
@click.option(
    "--rows", metavar="FILE", help="Write what was summed to this Parquet file: each group of charges with its verdict."
)
@click.option(
    "--cache",
    metavar="DIR",
    help="Where converted and copied bills are kept. Default: costguard/bills in the user's cache.",
)
@click.option(
    "--record",
    is_flag=True,
    help="Keep the result in the store that reconcile.store names, for the trend and for slo.tighten. Nothing is kept "
    "without it.",
)
@options.live_options
@click.option(
    "--format",
    "format_name",
    type=click.Choice(["terminal", "json", "csv", "markdown"]),
    default="terminal",
    show_default=True,
    help="How the report is written.",
)
@click.option("--output", "-o", metavar="FILE", help="Write the report to this file instead of standard output.")
@click.option("--verbose", "-v", count=True, help="Every row of every table.")
@click.option("--quiet", "-q", is_flag=True, help="The headline alone.")
@click.option("--no-color", is_flag=True, help="No colours, also on a terminal. NO_COLOR does the same.")
def command(
    policies: tuple[str, ...],
    config_file: str | None,
    exports: tuple[str, ...],
    basis: Basis | None,
    bill_format: FormatName | None,
    engine: "EngineName",
    engine_options: tuple[str, ...],
    currency: str | None,
    store: str | None,
    fail_below: float | None,
    rows: str | None,
    cache: str | None,
    record: bool,
    states: tuple[str, ...],
    allowed: tuple[str, ...],
    format_name: str,
    output: str | None,
    verbose: int,
    quiet: bool,
    no_color: bool,
) -> ExitCode:
    """Judge the charges of a bill by the policy, and sum them.

    EXPORT is a file, a folder or a glob of a bill as FOCUS, AWS, Google or Azure export it; without it, those that
    costguard.yaml names under billing.
    """
    from costguard.spend.history import open_history
    from costguard.spend.report import Asked, report

    look = options.style(verbose=verbose, quiet=quiet, no_color=no_color, output=output)
    policy = options.policy_in_force(policies, config_file)
    config = options.config_in_force(config_file)
    doc = config.doc if config is not None else ConfigDoc(version=1)
    paths = tuple((path, bill_format) for path in exports) or (config.bills() if config is not None else ())
    if not paths:
        raise UsageError("say which bill: name its files, or put them under billing in costguard.yaml")
    options.keep(output, *exports)
    options.keep(rows, *exports)
    with contextlib.ExitStack() as stack:
        # What can't be opened is said before a long bill is read.
        history = stack.enter_context(open_history(store_address(config, os.environ))) if record else None
        done = report(
            Asked(
                paths=paths,
                basis=basis or doc.spend.cost,
                currency=currency or doc.spend.currency,
                doc=doc.spend,
                cache=Path(cache) if cache is not None else None,
                rows=Path(rows) if rows is not None else None,
                inventory=_inventory(config, doc, policy, store, states, allowed),
                # It takes another look at each charge, so only where it is of use.
                engine=engine,
                options=_options(engine, engine_options),
                slo=None if engine != "duckdb" else doc.slo if record or doc.slo != SloDoc() else None,
                prices=record and engine == "duckdb",
            ),
            policy,
            datetime.now(UTC).date(),
        )
        try:
            if history is not None:
                done = history.taken(done, policy, datetime.now(UTC))
        finally:  # Also where it can't be kept.
            _deliver(done, format_name, look, output)
    if not done.complete:
        return ExitCode.INCOMPLETE
    return ExitCode.FINDINGS if fail_below is not None and _below(done, fail_below) else ExitCode.CLEAN


def _options(engine: "EngineName", texts: tuple[str, ...]) -> dict[str, str]:
    """What an engine is opened with."""
    found = {}
    for text in texts:
        name, given, value = text.partition("=")
        if not given:
            raise UsageError(f"--engine-option {text}: write NAME=VALUE")
        if engine == "duckdb":
            raise UsageError(f"--engine-option {text}: duckdb takes none")
        found[name] = value
    return found


def _inventory(
    config: Config | None,
    doc: ConfigDoc,
    policy: Policy,
    store: str | None,
    states: tuple[str, ...],
    allowed: tuple[str, ...],
) -> "Inventory | None":
    """What the last scan saw; None where there was none, and nobody named one."""
    path = Path(store) if store is not None else (config.folder if config else Path()) / doc.inventory.store
    if store is None and not path.is_file():
        return None
    from costguard.spend.inventory import inventory

    return inventory(path, options.live_judging(config, doc.inventory, policy, states, allowed))


def _below(report: SpendReport, share: float) -> bool:
    """Whether less than the share is compliant; a share that has no meaning is not below anything, where there is
    nothing that could be tagged."""
    found = next(one for one in report.kpis if one.id == "compliant_share_taggable")
    return found.ratio < share if found.ratio is not None else found.denominator != "0"


def _deliver(report: SpendReport, format_name: str, look: Style, output: str | None) -> None:
    from costguard.reports import spend as rendered
    from costguard.reports.text import json_text

    match format_name:
        case "json":
            text = json_text(msgspec.json.format(msgspec.json.encode(report), indent=1)) + "\n"
        case "csv":
            text = rendered.table(report)
        case "markdown":
            text = rendered.markdown(report)
        case _:
            text = rendered.terminal(report, look)
    options.put(text, output, utf_8=format_name != "terminal")
