"""The commands, and what becomes of each way in which one can end.

A command is one file; its line in :data:`_COMMANDS` is all that start-up knows of it, so ``costguard --version`` and a
hook run never import what they don't use.
"""

import errno
import io
import os
from importlib import import_module

import click

from costguard import __version__
from costguard.cli import abandon, say
from costguard.errors import CostguardError, ExitCode

_COMMANDS = {
    "check": "costguard.cli.check",
    "completion": "costguard.cli.completion",
    "doctor": "costguard.cli.doctor",
    "fix": "costguard.cli.fix",
    "gate": "costguard.cli.gate",
    "nightly": "costguard.cli.nightly",
    "policy": "costguard.cli.policy",
    "reconcile": "costguard.cli.reconcile",
    "report": "costguard.cli.report",
    "review": "costguard.cli.review",
    "scan": "costguard.cli.scan",
    "spend": "costguard.cli.spend",
}

_UNDELIVERED = {errno.ENOSPC, errno.EIO, errno.EBADF}


class _Commands(click.Group):
    """Imports a command's module when the command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = import_module(_COMMANDS[cmd_name]).command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in _COMMANDS and not ctx.resilient_parsing:
            ctx.fail(f"{args[0]!r} is not a command; the commands are {', '.join(_COMMANDS)}")
        return super().resolve_command(ctx, args)


@click.command(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 clean, 1 findings, 2 usage or input not understood, 3 incomplete, 4 a bug, 130 interrupted.",
)
@click.version_option(__version__, prog_name="costguard", message="%(prog)s %(version)s")
def main() -> None:
    """Every cloud resource names its owner, its service and its environment."""


_COMPLETIONS = frozenset(f"{shell}_{what}" for shell in ("bash", "zsh", "fish") for what in ("source", "complete"))


def outcome(args: list[str]) -> int:
    """Runs a command line. The exit code is always one of the contract: click has its own 1 for several of these."""
    if os.environ.get("_COSTGUARD_COMPLETE") in _COMPLETIONS:
        main.main(args, "costguard")  # A shell asks what could follow; click answers and ends the process.
    try:
        with main.make_context("costguard", args) as context:
            return int(main.invoke(context) or ExitCode.CLEAN)
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.ClickException as error:
        text = io.StringIO()
        error.show(text)
        say(text.getvalue())
        return ExitCode.USAGE
    except click.exceptions.Abort:
        say("costguard: interrupted")
        return ExitCode.INTERRUPTED
    except CostguardError as error:
        say(f"costguard: {_printable(str(error))}")
        return error.exit_code
    except BrokenPipeError:  # Only of --help and --version: what has a verdict is written by options.write.
        abandon(1)
        return ExitCode.CLEAN
    except OSError as error:
        if error.filename is not None or error.errno not in _UNDELIVERED:
            raise
        abandon(1)
        say(f"costguard: standard output can't be written: {error.strerror}")
        return ExitCode.USAGE


def _printable(text: str) -> str:
    """A message for a terminal, whatever a file put into it."""
    from costguard.reports.text import printable

    return "\n".join(printable(line, 2_000) for line in text.split("\n"))
