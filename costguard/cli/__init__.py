"""The command line's outermost edge: it ends the process, always with an exit code of the contract.

Nothing is imported before the ``try``, because an interrupt or a broken installation must not end in Python's own 1,
which would read as "findings".
"""

import os
import sys
import threading
from contextlib import suppress
from typing import NoReturn


def run() -> NoReturn:
    """The console script."""
    code = _outcome(sys.argv[1:])
    if threading.active_count() > 1:
        # An interrupted scan: Python would wait for whatever its threads wait for, and nobody wants the answers.
        _end(code)
    sys.exit(code)


def _end(code: int) -> NoReturn:
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            with suppress(OSError):
                stream.flush()
    os._exit(code)


def _outcome(args: list[str]) -> int:
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # names in a plan are hostile text: never crash on one that can't be encoded
            stream.reconfigure(errors="backslashreplace")
    try:
        from costguard.cli.main import outcome

        return outcome(args)
    except KeyboardInterrupt:
        say("costguard: interrupted")
        return 130
    except Exception:  # noqa: BLE001 - the one boundary: what nobody foresaw is a bug, and says so
        import traceback

        from costguard import __version__

        say(f"{traceback.format_exc()}costguard {__version__}: this is a bug; please report it with the lines above")
        return 4


def say(text: str) -> None:
    """A message to standard error, which may be closed, too."""
    if sys.stderr is None:
        return
    try:
        sys.stderr.write(text.removesuffix("\n") + "\n")
        sys.stderr.flush()
    except OSError:
        abandon(2)


def abandon(descriptor: int) -> None:
    """Nobody can take what is written to the descriptor: Python mustn't try again when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)
