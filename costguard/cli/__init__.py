"""The command line. The only place that catches everything, and the only one that exits.

A command is one file; its line in :data:`_COMMANDS` is all that start-up knows of it, so ``costguard --version`` and a
hook run never import what they don't use.
"""

import os
import sys
from importlib import import_module
from typing import NoReturn

import click

from costguard import __version__
from costguard.errors import CostguardError, ExitCode

_COMMANDS = {
    "gate": "costguard.cli.gate",
    "policy": "costguard.cli.policy",
    "report": "costguard.cli.report",
}


class _Commands(click.Group):
    """Imports a command's module when the command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = import_module(_COMMANDS[cmd_name]).command
        return command


@click.command(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 clean, 1 findings, 2 usage or input not understood, 3 incomplete, 4 a bug, 130 interrupted.",
)
@click.version_option(__version__, prog_name="costguard", message="%(prog)s %(version)s")
def main() -> None:
    """Every cloud resource names its owner, its service and its environment."""


def run() -> NoReturn:
    """The console script: runs the command and ends the process with an exit code of the contract."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # names in a plan are hostile text: never crash on one that can't be encoded
            stream.reconfigure(errors="backslashreplace")
    sys.exit(_outcome())


def _outcome() -> int:
    try:
        result = main(standalone_mode=False)
        _flush()
        return int(result or ExitCode.CLEAN)
    except click.exceptions.Abort:
        click.echo("costguard: interrupted", err=True)
        return ExitCode.INTERRUPTED
    except KeyboardInterrupt:
        click.echo("costguard: interrupted", err=True)
        return ExitCode.INTERRUPTED
    except click.ClickException as error:
        error.show()
        return ExitCode.USAGE
    except click.exceptions.Exit as error:
        return error.exit_code
    except CostguardError as error:
        click.echo(f"costguard: {printable(str(error))}", err=True)
        return error.exit_code
    except BrokenPipeError:
        _abandon_output()
        return ExitCode.CLEAN
    except Exception:  # noqa: BLE001 - the one boundary: what nobody foresaw is a bug, and says so
        import traceback

        traceback.print_exc()
        click.echo(f"costguard {__version__}: this is a bug; please report it with the lines above", err=True)
        return ExitCode.BUG


def _flush() -> None:
    sys.stdout.flush()


def _abandon_output() -> None:
    """Standard output was closed by its reader (``| head``): nothing more can be said there, and Python mustn't try."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def printable(text: str) -> str:
    """``text`` for a terminal, whatever a file put into it."""
    from costguard.reports.text import printable as clean

    return "\n".join(clean(line) for line in text.split("\n"))
