"""``costguard fix``: writes the missing tags where a careful engineer would."""

import gc
import sys
from datetime import UTC, datetime

import click

from costguard import baseline as accepted_debt
from costguard.cli import options, say
from costguard.model.finding import Finding, Verdict
from costguard.model.resource import Location
from costguard.reports.text import ADDRESS, PROSE, printable

_NAMED = 10
"""Gaps that are named; a checkout without its submodules has hundreds."""


@click.command("fix")
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@options.policy_options
@options.source_options
@click.option(
    "--set",
    "given",
    multiple=True,
    metavar="TAG=VALUE",
    help="The value of a tag that is missing, by the policy's name of it. Repeatable. It goes before what "
    "costguard.yaml and the policy say.",
)
@click.option("--diff/--write", "dry", default=True, help="Print a patch (the default), or write the files.")
@options.fail_on_option
@click.option(
    "--baseline", metavar="FILE", help="Accepted debt, which is left alone: what check --write-baseline wrote."
)
@click.option("--verbose", "-v", is_flag=True, help="Say also what can't be decided, and so is not mended.")
@click.option("--quiet", "-q", is_flag=True, help="Don't say what is mended and what stays.")
def command(
    paths: tuple[str, ...],
    policies: tuple[str, ...],
    config_file: str | None,
    variables: tuple[str, ...],
    var_files: tuple[str, ...],
    env_vars: bool,
    given: tuple[str, ...],
    dry: bool,
    fail_on: str,
    baseline: str | None,
    verbose: bool,
    quiet: bool,
) -> int:
    """Mend Terraform source: add the tags that are missing, rename those that are misspelled.

    PATHs are as for check. A value comes from --set, from costguard.yaml or from the policy, and is never guessed. The
    edited source is judged before anything is printed or written: nothing but the tags that are mended may change. The
    exit code is what check would say afterwards.
    """
    from costguard.check import Asked
    from costguard.fix.plan import plan
    from costguard.fix.values import Values, given_values
    from costguard.fix.write import patch, write

    gc.disable()  # As in check.
    policy = options.policy_in_force(policies, config_file)
    config = options.config_in_force(config_file)
    said = given_values(given, policy)
    accepted = None
    if baseline is not None:
        accepted = accepted_debt.read(options.read_file(baseline), printable(baseline, ADDRESS))
    asked = Asked(
        policy=policy,
        settings=options.source_settings(variables, var_files, env_vars),
        config=config,
        today=datetime.now(UTC).date(),
        accepted=accepted,
    )
    planned = plan(paths or (".",), asked, lambda top: Values(said, config, top, policy))
    if dry:
        _show(patch(planned.changes))
    elif planned.changes:
        write(planned.changes, planned.top)
    for gap in planned.gaps[:_NAMED]:
        say(f"costguard: {printable(gap.where, ADDRESS)}: {printable(gap.why, PROSE)}")
    if len(planned.gaps) > _NAMED:
        say(f"costguard: {len(planned.gaps) - _NAMED:,} more gaps; costguard check names them")
    if not quiet:
        verb = "would mend" if dry else "mended"
        for mended in planned.mended:
            by = f"; its value is what {mended.by} says" if mended.by else ""
            where = mended.location if dry else mended.then
            _tell(where, f"{verb} {_what(mended.finding, mended.instances)}{by}")
        hidden = 0
        for left in planned.left:
            if left.finding.verdict is Verdict.UNKNOWN and not verbose:
                hidden += 1
            else:
                where = left.location if dry else left.then
                _tell(where, f"left {_what(left.finding, left.instances)}: {left.why}")
        if hidden:
            say(f"costguard: {hidden:,} more can't be decided from the source, and are left; --verbose names them")
    findings = planned.present if dry else planned.remaining
    return options.verdict(findings, fail_on, complete=not planned.gaps)


def _what(finding: Finding, instances: int) -> str:
    more = "" if instances == 1 else f" (and {instances - 1:,} more {'instance' if instances == 2 else 'instances'})"
    return f"{finding.resource.address}{more}: {finding.message}"


def _tell(location: Location, text: str) -> None:
    say(f"{printable(location.file, ADDRESS)}:{location.line}: {printable(text, PROSE)}")


def _show(text: str) -> None:
    """The patch: for a program byte by byte, for a person without what a terminal would obey."""
    if sys.stdout is not None and sys.stdout.isatty():
        text = "".join(f"{printable(line, 10_000)}\n" for line in text.split("\n")[:-1])
    options.write(text, utf_8=True)
