"""A repository of its own for each test, and the installed program."""

from pathlib import Path

import pytest

from tests.cli.conftest import costguard, environment, program
from tests.fix.build import Folder

__all__ = ["costguard", "environment", "folder", "program"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    return Folder(tmp_path, monkeypatch)
