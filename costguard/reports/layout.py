"""How text is laid out for a terminal: words with their colours, wrapped between words and never inside one."""

from collections.abc import Sequence

from costguard.reports import Style
from costguard.reports.text import columns

BOLD, DIM, RED, YELLOW, CYAN, GREEN = "1", "2", "31", "33", "36", "32"
ALARM = "1;31"
_NARROWEST = 24

Words = list[tuple[str, str]]
"""Each word with its colour (the parameters of SGR), empty for none."""


def words(text: str, sgr: str = "") -> Words:
    return [(word, sgr) for word in text.split()]


class Page:
    """The lines so far. What is said must be printable."""

    def __init__(self, style: Style) -> None:
        self.style = style
        self.width = max(style.width, _NARROWEST)
        self.lines: list[str] = []

    def text(self) -> str:
        return "\n".join(self.lines) + "\n"

    def say(
        self, words: Sequence[tuple[str, str]], first: str = "", rest: str = "", mark: tuple[str, str] | None = None
    ) -> None:
        """Adds a paragraph: ``first`` and the mark before its first line, ``rest`` before the others.

        The mark holds on to the first word, however long that is.
        """
        row: list[tuple[str, str]] = [mark] if mark else []
        indent, used = first, len(first) + (len(mark[0]) if mark else 0)
        held = len(row)
        for word, sgr in words:
            size = columns(word)
            if len(row) > held and used + 1 + size > self.width:
                self.lines.append(indent + self._paint(row))
                row, indent, used, held = [], rest, len(rest), 0
            used += size + (1 if row else 0)
            row.append((word, sgr))
        self.lines.append(indent + self._paint(row) if row else "")

    def _paint(self, row: Sequence[tuple[str, str]]) -> str:
        if not self.style.color:
            return " ".join(word for word, _ in row)
        runs: list[tuple[list[str], str]] = []
        for word, sgr in row:
            if runs and runs[-1][1] == sgr:
                runs[-1][0].append(word)
            else:
                runs.append(([word], sgr))
        return " ".join(f"\x1b[{sgr}m{' '.join(run)}\x1b[0m" if sgr else " ".join(run) for run, sgr in runs)
