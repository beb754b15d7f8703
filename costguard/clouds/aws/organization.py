"""AWS Organizations: which accounts lie below a unit, and what the accounts themselves are tagged with.

Only the management account, or one that it delegates to, is told either.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from costguard.clouds.aws.api import Access, code, explain, guarded_pages, told
from costguard.clouds.sighting import SourceError
from costguard.model.resource import Gap

_MOST_UNITS = 10_000
"""No organisation has more units (its quota is 2,000 or less): an answer that leads further leads in circles."""


def accounts_below(caller: Access, units: Collection[str]) -> tuple[dict[str, frozenset[str]], list[Gap]]:
    """The accounts anywhere below each of these organisational units (or roots). One that could not be read to its end
    is a gap and not in the answer: what is known of a part of it might be of the wrong part."""
    below: dict[str, frozenset[str]] = {}
    gaps: list[Gap] = []
    for unit in sorted(set(units)):
        try:
            below[unit] = frozenset(_below(caller, unit))
        except SourceError as error:
            gaps.append(Gap(f"aws/organization/{unit}", f"the accounts below {unit} could not be read: {error}"))
    return below, gaps


def _below(caller: Access, unit: str) -> Iterator[str]:
    todo, seen = [unit], {unit}
    while todo:
        parent = todo.pop()
        for account in _listed(caller, "list_accounts_for_parent", parent, "Accounts"):
            yield str(told(account, "Id", "ListAccountsForParent"))
        for child in _listed(caller, "list_organizational_units_for_parent", parent, "OrganizationalUnits"):
            id_ = str(told(child, "Id", "ListOrganizationalUnitsForParent"))
            if id_ not in seen:
                seen.add(id_)
                todo.append(id_)
        if len(seen) > _MOST_UNITS:
            raise SourceError(f"no whole answer: there are more than {_MOST_UNITS:,} units below it")


def _listed(caller: Access, operation: str, parent: str, field: str) -> Iterator[Mapping[str, Any]]:
    client = caller.client("organizations", caller.home)
    for page in guarded_pages(client.get_paginator(operation).paginate(ParentId=parent)):
        yield from told(page, field, operation.title().replace("_", ""))


def account_tags(caller: Access, accounts: Collection[str]) -> tuple[dict[str, dict[str, str]], list[Gap]]:
    """The tags that the organisation has on these accounts. A caller whom it doesn't tell them gets none, which is no
    gap, for nobody asked for them; an account that isn't in the organisation has none."""
    from botocore.exceptions import BotoCoreError, ClientError

    found: dict[str, dict[str, str]] = {}
    gaps: list[Gap] = []
    client = caller.client("organizations", caller.home)
    for account in sorted(set(accounts)):
        try:
            pages = client.get_paginator("list_tags_for_resource").paginate(ResourceId=account)
            tags = [tag for page in pages for tag in told(page, "Tags", "ListTagsForResource")]
        except ClientError as error:
            if code(error) in _NOT_TOLD:
                return found, gaps
            if code(error) != "TargetNotFoundException":
                gaps.append(_untold(account, explain(error)))
            continue
        except BotoCoreError as error:
            gaps.append(_untold(account, explain(error)))
            continue
        except SourceError as error:
            gaps.append(_untold(account, str(error)))
            continue
        found[account] = {str(tag["Key"]): str(tag.get("Value") or "") for tag in tags if "Key" in tag}
    return found, gaps


def _untold(account: str, why: str) -> Gap:
    return Gap(f"aws/organization/{account}/tags", f"the tags of the account {account} could not be read: {why}")


_NOT_TOLD = frozenset({"AccessDeniedException", "AWSOrganizationsNotInUseException"})
