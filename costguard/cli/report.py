"""``costguard report render``: a saved JSON report in another format."""

import click

from costguard import reports
from costguard.cli import options
from costguard.errors import ExitCode


@click.group("report")
def command() -> None:
    """Work with saved reports."""


@command.command("render")
@click.option(
    "--from",
    "source",
    required=True,
    metavar="FILE",
    help="A report that --format json wrote, or - for standard input.",
)
@click.option(
    "--fail-on",
    type=click.Choice(["error", "warning", "unknown", "never"]),
    default=None,
    help="End as the run that wrote the report would have; without it, rendering ends in 0.",
)
@options.reporting_options
def render(
    source: str,
    fail_on: str | None,
    format_name: str,
    output: str | None,
    verbose: int,
    quiet: bool,
    no_color: bool,
) -> int:
    """Render a saved JSON report again, in any format."""
    options.keep(output, source)
    report = reports.read(options.read_input(), "standard input") if source == "-" else options.read_report(source)
    look = options.style(verbose=verbose, quiet=quiet, no_color=no_color, output=output)
    options.deliver(report, format_name, look, output)
    return ExitCode.CLEAN if fail_on is None else options.exit_code(report, fail_on)
