"""``python -m costguard`` is the command ``costguard``."""

from costguard.cli import run

if __name__ == "__main__":
    run()
