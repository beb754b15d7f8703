"""Journals for the tests: one in a file, and a PostgreSQL for those that are kept there."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from costguard.reconcile.journal import Journal
from costguard.reconcile.journal.sql import open_journal
from tests.conftest import absent
from tests.servers.postgres import Postgres, programs


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """One server for all tests of a process; each takes a database of its own."""
    if programs() is None:
        absent("postgres", "PostgreSQL isn't installed")
    with Postgres(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with closing(open_journal(f"sqlite:///{tmp_path}/journal.db")) as opened:
        yield opened
