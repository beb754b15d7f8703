"""CloudEvents 1.0 over HTTP, in the JSON format's structured mode: for programs that act on digests.

Delivered at least once. The event's ``id`` is the key of the delivery and its ``source`` is always the same, so that a
receiver can tell an event that it has had ("consumers may assume that events with identical source and id are
duplicates", CloudEvents 1.0, "id").
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from costguard.model.spool import encoded
from costguard.notify.digest import Digest, content, unicode
from costguard.notify.post import post
from costguard.reports.text import json_text

SOURCE = "/costguard/reconcile"
TYPE = "costguard.reconcile.digest.v1"
MOST = 64 * 1024
"""Bytes that every intermediary forwards (CloudEvents 1.0, "Size limits")."""


class Webhook(msgspec.Struct, frozen=True):
    """An address that takes CloudEvents; ``variable`` of the environment holds it."""

    variable: str
    owners: tuple[str, ...] | None = None

    @property
    def name(self) -> str:
        return f"webhook {self.variable}"

    @property
    def secrets(self) -> tuple[str, ...]:
        return (self.variable,)

    def render(self, digest: Digest) -> str:
        return json_text(msgspec.json.format(self._event(digest), indent=1))

    def post(self, digest: Digest, environment: Mapping[str, str], timeout: float) -> None:
        body = self._event(digest)
        post(self.variable, environment, body, "application/cloudevents+json; charset=UTF-8", frozenset(), timeout)

    def _event(self, digest: Digest) -> bytes:
        """The event, with as many of the items as it may hold."""
        event: dict[str, Any] = {
            "specversion": "1.0",
            "id": digest.key(self.name),
            "source": SOURCE,
            "type": TYPE,
            "subject": digest.whom,  # CloudEvents allows no control characters in its own attributes.
            "time": digest.at,
            "datacontenttype": "application/json",
        }
        data: dict[str, Any] = {
            "run": unicode(digest.run),
            "owner": None if digest.owner is None else unicode(digest.owner),
            "title": unicode(digest.title),
            "counts": {unicode(state, 60): count for state, count in list(digest.counts.items())[:20]},
            "items": [],
            "more": len(digest.items) + digest.more,
        }
        room = MOST - len(encoded(event | {"data": data})) - 10
        for item in digest.items:
            one = content(item)
            room -= len(encoded(one)) + 1
            if room < 0:
                break
            data["items"].append(one)
            data["more"] -= 1
        return encoded(event | {"data": data})
