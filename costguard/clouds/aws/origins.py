"""What AWS says of where resources come from, for whoever infers their tags: the accounts below units of the
organisation, the accounts' own tags, and who made what. All of it is asked for in one go, once for a plan."""

from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from types import MappingProxyType

import msgspec

from costguard.clouds.aws.api import Access, Aws
from costguard.clouds.aws.inventory import external_id, way_in
from costguard.clouds.aws.organization import account_tags, accounts_below
from costguard.clouds.aws.trail import Creator, creators
from costguard.clouds.sighting import SourceError
from costguard.config import AwsDoc
from costguard.model.resource import Gap

Wanted = Mapping[tuple[str, str], Mapping[str, Collection[str]]]
"""Account and region → Terraform type → ids."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """``units``: organisational units whose accounts are wanted. ``accounts``: those whose tags are. ``made``: the
    resources whose makers are, of the last ``days`` days; none without any days."""

    units: Collection[str] = ()
    accounts: Collection[str] = ()
    made: Wanted = MappingProxyType({})
    days: int = 0


class Origins(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it: a unit → all accounts below it, an account → its tags, a resource → who made it."""

    below: Mapping[str, frozenset[str]] = MappingProxyType({})
    tags: Mapping[str, Mapping[str, str]] = MappingProxyType({})
    creators: Mapping[str, Creator] = MappingProxyType({})


def ask(aws: Aws, doc: AwsDoc, asked: Asked, now: datetime, *, workers: int = 16) -> tuple[Origins, list[Gap]]:
    """Asks. What could not be read is a gap, and nothing is concluded from it."""
    if not (asked.units or asked.accounts or (asked.made and asked.days)):
        return Origins(), []
    caller = aws.caller
    try:
        caller.identify()
    except SourceError as error:
        return Origins(), [Gap("aws/-/global/*/caller", str(error))]
    below, gaps = accounts_below(caller, asked.units)
    tags, more = account_tags(caller, asked.accounts)
    gaps += more
    made: dict[str, Creator] = {}
    if asked.days:
        external = external_id(doc)
        ways = {account: way_in(aws, doc, account, external) for account, _ in asked.made}
        with ThreadPoolExecutor(workers, "costguard") as pool:
            for found, more in pool.map(_makers(ways, asked, now), sorted(asked.made)):
                made.update(found)
                gaps += more
    return Origins(below=below, tags=tags, creators=made), sorted(gaps)


def _makers(
    ways: Mapping[str, Access], asked: Asked, now: datetime
) -> Callable[[tuple[str, str]], tuple[dict[str, Creator], list[Gap]]]:
    def makers(place: tuple[str, str]) -> tuple[dict[str, Creator], list[Gap]]:
        account, region = place
        return creators(ways[account], region, asked.made[place], asked.days, now)

    return makers
