"""A PostgreSQL for the tests of what is kept in one."""

from collections.abc import Iterator

import pytest

from tests.conftest import absent
from tests.servers.postgres import Postgres, programs


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """One server for all tests of a process; each takes a database of its own."""
    if programs() is None:
        absent("postgres", "PostgreSQL isn't installed")
    with Postgres(tmp_path_factory.mktemp("postgres")) as server:
        yield server
