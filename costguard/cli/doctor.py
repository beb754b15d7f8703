"""``costguard doctor``: what keeps a night from going well, and what to do about it, in order."""

import click
import msgspec

from costguard.cli import options
from costguard.cli.progress import StatusLine
from costguard.doctor import examine
from costguard.errors import ExitCode
from costguard.reports.text import ADDRESS, printable, prose

_MARKS = {"ok": "✓", "note": "·", "wrong": "✗"}


@click.command("doctor")
@options.policy_options
@click.option(
    "--format",
    "format_name",
    type=click.Choice(["terminal", "json"]),
    default="terminal",
    show_default=True,
    help="How it is printed.",
)
@click.option("--quiet", "-q", is_flag=True, help="Only what is wrong.")
def command(policies: tuple[str, ...], config_file: str | None, format_name: str, quiet: bool) -> int:
    """Look at what costguard works with, and say what to mend: the policy, what is installed, the state store,
    credentials, accounts, states, bills and secrets.

    Reads only, but for the tables of the state store. Ends in 1 where something is wrong.
    """
    config = options.config_in_force(config_file)
    line = StatusLine(quiet=quiet or format_name == "json")
    found = []
    for one in examine(
        config, lambda: options.policy_in_force(policies, config_file), lambda what: line(f"looking at {what}")
    ):
        line.clear()
        found.append(one)
        if format_name == "terminal" and (one.health == "wrong" or not quiet):
            text = f"{_MARKS[one.health]} {printable(one.check, ADDRESS)}: {prose(one.says)}\n"
            options.write(text + (f"    → {prose(one.remedy)}\n" if one.remedy else ""))
    wrong = sum(one.health == "wrong" for one in found)
    if format_name == "json":
        options.write(msgspec.json.format(msgspec.json.encode(found), indent=1).decode() + "\n", utf_8=True)
    elif wrong:
        options.write(f"\n{wrong} thing{'s' if wrong != 1 else ''} to mend, from the top.\n")
    elif not quiet:
        options.write("\nNothing is in the way.\n")
    return ExitCode.FINDINGS if wrong else ExitCode.CLEAN
