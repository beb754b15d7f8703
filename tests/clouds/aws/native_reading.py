"""How the tests of AWS's own listings read one: a real SDK against the cloud on loopback, without second attempts."""

from collections.abc import Callable, Collection, Mapping
from functools import cache
from typing import Any

import msgspec

from costguard.clouds.aws import native
from costguard.clouds.aws.api import Access, Aws
from costguard.clouds.pace import Pacer
from costguard.clouds.sighting import GLOBAL, Sighting
from tests.servers import wire
from tests.servers.aws import HOME
from tests.servers.faults import Effect

ROWS: Mapping[str, native.Row] = {type_: row for row in native.rows() for type_ in row.types}
"""The row of each type."""


@cache
def access() -> Access:
    """The account's own user, on the environment's cloud; one for all tests, since the models of services are slow to
    read."""
    found = Aws(Pacer(sleep=lambda _: None)).own(HOME)
    found.identify()
    return found


def read(
    account: Access, type_: str, tagged: Collection[str] = (), region: str = "us-east-1", **changes: Any
) -> dict[str, Sighting]:
    """What the type's row shows, by id; ``changes`` are to the row (its page, to have several)."""
    row: Any = ROWS[type_]
    if changes:
        row = msgspec.structs.replace(row, **changes)
    at = region if row.scope == "region" else GLOBAL
    found = [seen for page in row.read(account, at, tagged) for seen in page]
    assert len({seen.id for seen in found}) == len(found), "one resource is shown twice"
    return {seen.id: seen for seen in found}


def says(output: Mapping[str, Any] | Callable[[wire.Call], Mapping[str, Any]]) -> Effect:
    """An answer in place of the service's, as boto3 is to read it."""
    return Effect(name="answer", answer=lambda call: wire.render(call, output(call) if callable(output) else output))
