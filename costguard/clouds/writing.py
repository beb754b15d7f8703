"""What a cloud's writer of tags does, and the nouns that it speaks in.

A writer changes nothing that it wasn't told to change, never sends a thing twice that may have been done, and says of
each resource what became of it. It knows no change set and no journal.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

import msgspec

from costguard.model.resource import Cloud

How = Literal["done", "conflict", "refused", "gone", "again", "unknown"]
"""``done``: the cloud took it. ``conflict``: somebody changed the resource meanwhile, and nothing was written.
``refused``: nothing was written, and nothing would be if it were sent again. ``gone``: the resource isn't there any
more. ``again``: nothing was written; it may be sent again later (a throttle that didn't end). ``unknown``: no answer
came, so that it may have been written: only reading tells."""

Guard = Literal["compare", "etag", "read"]
"""What keeps a concurrent change from being lost. ``compare``: the cloud itself compares the value (EC2's DeleteTags).
``etag``: the cloud refuses the write where the resource has changed since it was read. ``read``: it was read just
before, and the window in between is open."""


class Target(msgspec.Struct, frozen=True, order=True):
    """One resource: its id as a scan has it (canonical ARN, full resource name), its Terraform type, its place."""

    id: str
    type: str
    cloud: Cloud
    account: str
    region: str

    @property
    def place(self) -> str:
        """``aws/111122223333/eu-west-1``: what has a quota, and a lease, of its own."""
        return f"{self.cloud}/{self.account}/{self.region}"


class Current(msgspec.Struct, frozen=True):
    """A resource's own tags as the cloud has them now; None where they could not be read, and ``why``. ``gone``: it
    isn't there any more. ``stamp`` is the etag, fingerprint or generation of this reading, where there is one."""

    tags: Mapping[str, str] | None
    why: str = ""
    gone: bool = False
    stamp: str = ""


class Edit(msgspec.Struct, frozen=True):
    """``set`` these keys to these values; take away the keys of ``remove`` where they have that value. ``seen`` is the
    reading that this was decided on, not older than a few seconds."""

    target: Target
    set: Mapping[str, str]
    remove: Mapping[str, str]
    seen: Current


class Answer(msgspec.Struct, frozen=True):
    """What became of one edit. ``why`` is a sentence where it isn't ``done``; ``by`` names the call that settled it
    ("tag:TagResources", "s3:PutBucketTagging"), ``guard`` what kept others' changes safe."""

    how: How
    why: str = ""
    by: str = ""
    guard: Guard = "read"


class TagWriter(Protocol):
    """The tags of one cloud. Safe to use from several threads; each call waits for its own bucket."""

    batch: int
    """The most edits that one :meth:`write` may take."""

    def hindrance(self, target: Target) -> str:
        """Why tags of this resource are never written here (a type that can't be read back, one whose tagging sets off
        an update); empty where they may be. Asks nobody: this is for the plan."""
        ...

    def read(self, targets: Sequence[Target]) -> Sequence[Current]:
        """What these carry now, one for one, from whoever knows first hand. All are of one place."""
        ...

    def write(self, edits: Sequence[Edit]) -> Sequence[Answer]:
        """Writes them, one for one. All are of one place, with the same ``set`` and the same keys in ``remove``.

        Where one of them spoils the call for the others, it is found and they are written without it. A call that may
        have been taken is never sent again.
        """
        ...


class Power(Protocol):
    """What the ladder's last rungs do. One resource at a time, and only of the types that it names."""

    types: frozenset[str]

    def state(self, target: Target) -> str:
        """``there``, ``stopped``, ``gone``, ``busy`` (attached, in use: it must not be touched), or why that can't be
        told."""
        ...

    def snapshot(self, target: Target, token: str) -> Answer:
        """Takes one and waits until it is usable; with the same ``token`` never a second one. ``by`` names it."""
        ...

    def stop(self, target: Target) -> Answer: ...

    def terminate(self, target: Target) -> Answer: ...
