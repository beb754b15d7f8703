"""Slack's incoming webhooks, in Block Kit, and what understands them.

Delivered at least once: an incoming webhook knows no key, so where an answer is lost a digest may be there twice.

What others wrote stands in ``plain_text`` alone, where no mark-up, no emoji and no mention is looked for, and with
Slack's three control characters escaped (Slack, "Formatting text for app surfaces", "Escaping text"), so that a bucket
that is named ``<!channel>`` wakes nobody. The ``text`` beside the blocks is what notifications show, and all that a
receiver sees that knows no blocks.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from costguard.model.spool import encoded
from costguard.notify.digest import Digest, described
from costguard.notify.post import post
from costguard.reports.text import json_text, printable

MOST_BLOCKS = 50
"""Slack, "Blocks": in a message."""
MOST_HEADER = 150
"""Slack, "Header block": characters of its text."""
MOST_TEXT = 3000
"""Slack, "Section block": characters of its text. Counted as they are sent, escapes and all."""

_FIXED = 4  # The header, the summary, what is left out, and the run.
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}

# Slack, "Sending messages using incoming webhooks", "Handling errors". Only these words of an answer are repeated.
_ERRORS = frozenset(
    {
        "action_prohibited",
        "channel_is_archived",
        "channel_not_found",
        "invalid_blocks",
        "invalid_payload",
        "invalid_token",
        "no_active_hooks",
        "no_service",
        "no_service_id",
        "no_team",
        "no_text",
        "posting_to_general_channel_denied",
        "rollup_error",
        "team_disabled",
        "too_many_attachments",
        "user_not_found",
    }
)


class Slack(msgspec.Struct, frozen=True):
    """An incoming webhook; ``variable`` of the environment holds its address."""

    variable: str
    owners: tuple[str, ...] | None = None

    @property
    def name(self) -> str:
        return f"slack {self.variable}"

    @property
    def secrets(self) -> tuple[str, ...]:
        return (self.variable,)

    def render(self, digest: Digest) -> str:
        return json_text(msgspec.json.format(encoded(_message(digest)), indent=1))

    def post(self, digest: Digest, environment: Mapping[str, str], timeout: float) -> None:
        body = encoded(_message(digest))
        post(self.variable, environment, body, "application/json; charset=utf-8", _ERRORS, timeout)


def _message(digest: Digest) -> dict[str, Any]:
    shown = digest.items[: MOST_BLOCKS - _FIXED]
    blocks = [
        {"type": "header", "text": _text(digest.heading, MOST_HEADER)},
        _section(digest.summary),
        *(_section("\n".join(described(item))) for item in shown),
    ]
    if rest := digest.left(len(shown)):
        blocks.append(_section(rest))
    blocks.append({"type": "context", "elements": [_text(f"Run {printable(digest.run)} of costguard", MOST_TEXT)]})
    return {
        "text": _escaped(f"{digest.heading}: {digest.summary}", MOST_TEXT),
        "blocks": blocks,
        "mrkdwn": False,
        "parse": "none",
        "link_names": False,
        "unfurl_links": False,
        "unfurl_media": False,
    }


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": _text(text, MOST_TEXT)}


def _text(text: str, most: int) -> dict[str, Any]:
    return {"type": "plain_text", "text": _escaped(text, most), "emoji": False}


def _escaped(text: str, most: int) -> str:
    """At most so many characters as they are sent, of which no escape is cut in two."""
    pieces = [_ESCAPES.get(character, character) for character in text[: most + 1]]
    if sum(map(len, pieces)) <= most:
        return "".join(pieces)
    length = 1
    for number, piece in enumerate(pieces):
        length += len(piece)
        if length > most:
            return "".join(pieces[:number]) + "…"
    return "".join(pieces)
