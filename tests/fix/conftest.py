"""A repository of its own for each test."""

from pathlib import Path

import pytest

from tests.fix.build import Folder


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    return Folder(tmp_path, monkeypatch)
