"""The services themselves: what runs, and what no index shows.

A row of the table is one listing of a service: what it is asked, how its answer names resources and tags, and which
types it lists whole. :func:`rows` is the table.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Literal, Protocol

from costguard.clouds.aws.api import Access
from costguard.clouds.aws.calls import Call
from costguard.clouds.sighting import Sighting

Scope = Literal["region", "global"]


class Row(Protocol):
    """One listing. ``types`` are the Terraform types that it lists whole: what it doesn't show of them isn't there.
    ``scope`` says whether it is asked in each region, or once for the account."""

    @property
    def types(self) -> tuple[str, ...]: ...

    @property
    def scope(self) -> Scope: ...

    @property
    def service(self) -> str: ...

    @property
    def calls(self) -> tuple[Call, ...]: ...

    def read(self, access: Access, region: str, tagged: Collection[str]) -> Iterator[Sequence[Sighting]]:
        """Everything there is of these types, page by page.

        ``tagged`` are the ids whose tags the tagging API has shown just before: a service that has to be asked for the
        tags of each resource isn't asked for theirs, and their sightings have ``tags=None``. A resource whose tags are
        refused is a sighting with ``unread``; errors of a listing itself are boto3's, for the caller to word.
        """
        ...


def rows() -> tuple[Row, ...]:
    """The table."""
    from costguard.clouds.aws.native import compute, databases, ec2, edge, flows, security, storage, watching

    families = (ec2, compute, storage, databases, flows, edge, security, watching)
    return tuple(row for family in families for row in family.ROWS)
