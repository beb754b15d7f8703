"""A Google Cloud on loopback for each test, and one look at it as a scan takes it."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec
import pytest

from costguard.clouds.google.api import Google
from costguard.clouds.google.calls import CALLS
from costguard.clouds.google.inventory import tasks
from costguard.clouds.google.tags import Expected
from costguard.clouds.run import ALL, Run, Shard
from costguard.clouds.store import Store
from costguard.clouds.union import Union
from costguard.config import GoogleDoc
from costguard.model.coverage import Cell
from costguard.model.resource import Gap, Resource
from tests.servers.google import FakeGoogle, serving


class Looked(msgspec.Struct, frozen=True):
    """What one look brought."""

    resources: dict[str, Resource]
    cells: tuple[Cell, ...]
    gaps: tuple[Gap, ...]
    throttles: int

    def cell(self, source: str, type_: str = "*", account: str = "organizations/1") -> Cell:
        [found] = [one for one in self.cells if (one.source, one.type, one.account) == (source, type_, account)]
        return found


Look = Callable[..., Looked]


@pytest.fixture
def google() -> Iterator[FakeGoogle]:
    """An organisation with a folder and a project; whatever is asked of it is in the table of calls."""
    fake = FakeGoogle()
    fake.folder("folders/10", "organizations/1")
    fake.project(100, "shop-prod", "folders/10", {"owner": "payments"})
    with serving(fake):
        yield fake
    assert {rpc for rpc, _ in fake.requests} <= {call.rpc for call in CALLS}


@pytest.fixture
def look(google: FakeGoogle, tmp_path: Path) -> Look:
    """Reads it all into a store, and that back as a scan judges it."""

    def once(
        scopes: Sequence[str] = ("organizations/1",),
        sources: Sequence[str] | None = None,
        *,
        types: frozenset[str] | None = None,
        shard: Shard = ALL,
        timeout: float = 10.0,
        tags: Sequence[Expected] = (),
    ) -> Looked:
        with Store.create(tmp_path / "scan.db") as store:
            run = Run(store, types=types, shard=shard)
            door = Google(run.pacer, channel=google.channel, patience=0.8, pause=0.01, timeout=timeout)
            doc = msgspec.convert({"scopes": list(scopes), "sources": sources and list(sources)}, GoogleDoc)
            run.work(tasks(doc, run, door, tags=tags))
            store.keep()
            cells = store.cells()
            union = Union(store, cells)
            resources = list(union.resources())
            found = {one.address: one for one in resources}
            assert len(found) == len(resources)
            return Looked(found, cells, union.gaps, run.pacer.throttles)

    return once
