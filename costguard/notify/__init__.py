"""Tells people: one digest for each owner, over the channels that costguard.yaml names.

What is said is in :mod:`costguard.notify.digest`, how each medium takes it in a module of its own, and that it arrives,
once where that can be had, in :mod:`costguard.notify.delivery`.
"""

from collections.abc import Mapping, Sequence

from costguard.config import NotifyDoc
from costguard.notify.delivery import Channel, Deliveries, Delivery, Patience, send
from costguard.notify.digest import Digest, Item, digests
from costguard.notify.mail import IMPLICIT_TLS, Mail
from costguard.notify.slack import Slack
from costguard.notify.sns import Topic
from costguard.notify.webhook import Webhook

__all__ = [
    "Channel",
    "Deliveries",
    "Delivery",
    "Digest",
    "Item",
    "Patience",
    "channels",
    "digests",
    "render",
    "send",
    "unset",
]


def channels(docs: Sequence[NotifyDoc]) -> tuple[Channel, ...]:
    """The channels of a configuration that holds no mistakes. Nothing is connected to, and no secret is looked up."""
    found: list[Channel] = []
    for doc in docs:
        owners = None if doc.owners is None else tuple(doc.owners)
        if doc.webhook is not None:
            found.append(Webhook(doc.webhook.url_from_env, owners))
        if doc.slack is not None:
            found.append(Slack(doc.slack.url_from_env, owners))
        if doc.smtp is not None:
            found.append(Mail(doc.smtp, owners, implicit=doc.smtp.port == IMPLICIT_TLS))
        if doc.sns is not None:
            found.append(Topic(doc.sns.topic, owners))
    return tuple(found)


def unset(told: Sequence[Channel], environment: Mapping[str, str]) -> tuple[str, ...]:
    """The environment variables that the channels need and that aren't set, or are empty; each once, in order."""
    return tuple(dict.fromkeys(name for channel in told for name in channel.secrets if not environment.get(name)))


def render(digest: Digest, channel: Channel) -> str:
    """What would be sent, as text that is fit to print; it needs no secret and shows none."""
    return channel.render(digest)
