"""``costguard spend``: what share of a bill has no owner."""

from datetime import UTC, datetime

import click
import msgspec

from costguard.billing import FormatName
from costguard.cli import options
from costguard.errors import ExitCode, UsageError


@click.command("spend")
@options.policy_options
@click.argument("exports", nargs=-1, metavar="[EXPORT]...")
@click.option(
    "--cost",
    "basis",
    type=click.Choice(["EffectiveCost", "BilledCost"]),
    default="EffectiveCost",
    show_default=True,
    help="The cost that is summed: with commitments spread over what they cover, or as invoiced.",
)
@click.option(
    "--bill-format",
    type=click.Choice(["focus", "aws-cur", "gcp", "azure"]),
    help="The format of the exports, where it isn't to be recognised.",
)
@click.option("--currency", metavar="CODE", help="Report the charges in this currency.")
@click.option("--format", "format_name", type=click.Choice(["json"]), default="json", show_default=True)
def command(
    policies: tuple[str, ...],
    config_file: str | None,
    exports: tuple[str, ...],
    basis: str,
    bill_format: str | None,
    currency: str | None,
    format_name: str,  # noqa: ARG001 - there is one so far.
) -> ExitCode:
    """Judge the charges of a bill by the policy, and sum them.

    EXPORT is a file, a folder or a glob of a bill as FOCUS, AWS, Google or Azure export it; without it, those that
    costguard.yaml names under billing.
    """
    from costguard.spend.report import Asked, report

    policy = options.policy_in_force(policies, config_file)
    if not exports:
        raise UsageError("say which bill: name its files, or put them under billing in costguard.yaml")
    named = msgspec.convert(bill_format, FormatName | None)
    asked = Asked(paths=tuple((path, named) for path in exports), basis=basis, currency=currency)  # type: ignore[arg-type]
    done = report(asked, policy, datetime.now(UTC).date())
    options.write(msgspec.json.format(msgspec.json.encode(done), indent=1).decode() + "\n")
    return ExitCode.CLEAN if done.complete else ExitCode.INCOMPLETE
