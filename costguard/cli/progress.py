"""How far a long run is, on one line of standard error that is written over and over; nothing where nobody looks."""

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from costguard.clouds.run import Tally

_EVERY = 0.5
_ENOUGH = 0.05
"""The part of the places that has to be done before the time that is left is worth saying."""


class StatusLine:
    """A line that is written over, a few times a second at most, and can be cleared."""

    def __init__(self, *, quiet: bool) -> None:
        self._shown = not quiet and sys.stderr is not None and sys.stderr.isatty()
        self._last = float("-inf")

    def __call__(self, text: str) -> None:
        now = time.monotonic()
        if self._shown and now - self._last >= _EVERY:
            self._last = now
            self._write(text[: _columns() - 1])

    def clear(self) -> None:
        if self._shown:
            self._write("")

    def _write(self, text: str) -> None:
        try:
            sys.stderr.write(f"\r\x1b[K{text}")
            sys.stderr.flush()
        except OSError:
            self._shown = False


class Progress:
    """A context in which calls show a tally. The line is gone when it ends, so that the report stands alone."""

    def __init__(self, *, quiet: bool) -> None:
        self._line = StatusLine(quiet=quiet)
        self._began = time.monotonic()

    def __call__(self, tally: "Tally") -> None:
        self._line(line(tally, time.monotonic() - self._began))

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._line.clear()


def line(tally: "Tally", seconds: float) -> str:
    """``3 of 40 accounts, 51 of 680 places, 12,345 resources, 411/s, about 4 min left``.

    A place is a region of an account, or what is read of it once for all regions. The time that is left is reckoned
    from the places that are done, once there are enough of them.
    """
    parts = [f"{tally.accounts_done:,} of {tally.accounts:,} accounts"]
    if tally.places:
        parts.append(f"{tally.places_done:,} of {tally.places:,} places")
    parts.append(f"{tally.sightings:,} seen")
    if seconds >= 1:
        parts.append(f"{tally.sightings / seconds:,.0f}/s")
    # Accounts that aren't open yet have places that aren't counted yet.
    opened = tally.accounts_done + (tally.places - tally.places_done > 0)
    if tally.places and opened and tally.places_done >= _ENOUGH * tally.places:
        left = seconds * (tally.places - tally.places_done) / tally.places_done
        parts.append(f"about {_duration(left)} left")
    return ", ".join(parts)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _columns() -> int:
    import shutil

    return max(shutil.get_terminal_size().columns, 20)
