"""What a live inventory looked at: the ledger that says of every source what it showed and what it couldn't."""

from typing import Literal

import msgspec

from costguard.model.resource import Cloud

ANY_TYPE = "*"
"""The type of a cell whose source lists all types at once."""

Outcome = Literal["read", "absent", "disabled", "cut", "failed"]


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """What one source showed of one type in one region of one account.

    ``account`` is an AWS account, or a Google project, folder or organisation; ``region`` is ``global`` where there is
    none. ``outcome``: ``read`` to the end; ``absent``, the source isn't set up there; ``disabled``, the account hasn't
    enabled the region, which nobody asked for by name; ``cut``, something was read and then it ended early; ``failed``,
    nothing was. ``count`` is how many resources it showed, ``age`` how many seconds old the oldest of that is, where
    the source says so. ``error`` says why it isn't ``read``, or what was strange about what was.
    """

    cloud: Cloud
    account: str
    region: str
    type: str
    source: str
    outcome: Outcome
    count: int = 0
    age: int | None = None
    error: str = ""

    @property
    def where(self) -> str:
        """``aws/111122223333/eu-west-1/aws_s3_bucket/native``: what a gap is called, and what accepts one."""
        return f"{self.cloud}/{self.account}/{self.region}/{self.type}/{self.source}"
