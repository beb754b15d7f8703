"""Laws: whatever a digest holds, it fits every medium, and every medium's readers can read it."""

import email
import email.policy
import html
import re
from collections.abc import Callable
from datetime import date
from typing import Any

import msgspec
import pytest
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given, settings
from hypothesis import strategies as st

from costguard.config import SmtpDoc
from costguard.notify import Channel, Digest, Item, digests, render
from costguard.notify.digest import MOST, plain
from costguard.notify.mail import Mail
from costguard.notify.slack import Slack
from costguard.notify.sns import Topic
from costguard.notify.webhook import Webhook
from tests.notify.receivers import NOW

# All of Unicode, and halves of surrogate pairs; with what each medium takes for its own made likely.
_OWN = ("<!channel>", "&", "\r\n", "\n.\n", "\0", "\x1b", "\ud800", "é", "📦", "`")
TEXT = st.one_of(
    st.text(st.characters(codec=None, categories=None), max_size=40),
    st.lists(st.sampled_from(_OWN)).map("".join),
    st.builds(lambda character, count: character * count, st.sampled_from(_OWN), st.integers(1, 4000)),
)
ITEM = st.builds(
    Item,
    id=TEXT,
    type=TEXT,
    account=TEXT,
    region=TEXT,
    state=TEXT,
    wrong=TEXT,
    next=TEXT,
    due=st.none() | st.dates(min_value=date(2000, 1, 1)),
    remedy=TEXT,
)


def of(run: str, owner: str | None, title: str, items: list[Item]) -> Digest:
    [made] = digests(run, title, NOW, [(owner, item) for item in items])
    return made


DIGEST = st.builds(of, TEXT, st.none() | TEXT, TEXT, st.lists(ITEM, min_size=1, max_size=8))

_LONG = "\x01" * 5000
_FIELDS = ("id", "type", "account", "region", "state", "wrong", "next", "remedy")
# By name, so that a test that fails doesn't print them.
WORST = {
    "long": of(_LONG, _LONG, _LONG, [msgspec.convert(dict.fromkeys(_FIELDS, _LONG), Item)] * (MOST + 5)),
    "marked": of(
        "r", "o", "t", [Item(id="<" * 5000, type="&" * 5000, account="a", state="s", wrong=">" * 5000)] * MOST
    ),
    "wide": of(
        "r", "o", "t", [Item(id="📦" * 900, type="t", account="a", state=f"s{n}", wrong="é") for n in range(MOST)]
    ),
}
MAIL = Mail(SmtpDoc(host="h", sender="f@acme.example", to=["t@acme.example"]), None, implicit=True)
TOPIC = Topic("arn:aws:sns:eu-west-1:111122223333:finops")


def a_cloud_event_is_one_of_at_most_64_kib(made: Digest) -> None:
    raw = Webhook("A")._event(made)
    assert len(raw) <= 65_536
    event = JSONFormat().read(CloudEvent, raw)
    data: Any = event.get_data()
    assert len(data["items"]) + data["more"] == len(made.items) + made.more
    # CloudEvents 1.0, "Type System": no control characters, no half pairs in a String.
    assert not re.search("[\x00-\x1f\x7f-\x9f\ud800-\udfff]", event.get_subject() or "!")


def a_slack_message_fits_and_has_no_control_sequence(made: Digest) -> None:
    message = msgspec.json.decode(render(made, Slack("A")))
    blocks = message["blocks"]
    assert len(blocks) <= 50
    texts = [block.get("text") or block["elements"][0] for block in blocks]
    assert len(blocks[0]["text"]["text"]) <= 150
    for text in texts:
        assert text["type"] == "plain_text"
        assert 0 < len(text["text"]) <= 3000
    for text in [message["text"], *(text["text"] for text in texts)]:
        assert not re.search("[<>]|&(?!(amp|lt|gt);)", text)
        assert "&" not in html.unescape(text) or "&amp;" in text
    shown = sum(block["type"] == "section" for block in blocks) - 1
    if shown < len(made.items) + made.more:
        assert re.match("… and [0-9]+ more;", blocks[-2]["text"]["text"])


def a_mail_is_one_with_our_headers_alone(made: Digest) -> None:
    raw = MAIL._message(made).as_bytes()
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert len(message.keys()) == 9
    assert message["To"] == "t@acme.example"
    assert not message.is_multipart()
    assert max(map(len, raw.split(b"\r\n"))) <= 998  # RFC 5322, 2.1.1
    assert len(raw) < 3_000_000
    assert "\0" not in render(made, MAIL)


def a_notification_of_sns_fits_with_its_subject_and_attributes(made: Digest) -> None:
    head, _, body = render(made, TOPIC).partition("\n\n")
    subject = head.splitlines()[1].removeprefix("Subject: ")
    assert re.fullmatch("[A-Za-z0-9][ -~]{0,98}", subject)
    attributes = len(f"costguard-key{made.key(TOPIC.name)}costguard-owner{made.whom}StringString".encode())
    assert len(body.encode()) + len(subject) + attributes <= 262_144
    assert made.whom


def the_text_keeps_to_its_bytes_and_shows_every_item_or_says_so(made: Digest, most: int = 4000) -> None:
    text = plain(made, most)
    assert len(text.encode()) <= most
    assert all(character == "\n" or character.isprintable() for character in text)
    left = re.search("\n… and ([0-9]+) more;", text)
    assert text.count("\n  in ") + (int(left[1]) if left else 0) >= len(made.items) + made.more


LAWS = pytest.mark.parametrize(
    "law",
    [
        a_cloud_event_is_one_of_at_most_64_kib,
        a_slack_message_fits_and_has_no_control_sequence,
        a_mail_is_one_with_our_headers_alone,
        a_notification_of_sns_fits_with_its_subject_and_attributes,
        the_text_keeps_to_its_bytes_and_shows_every_item_or_says_so,
    ],
    ids=lambda law: law.__name__,
)


@LAWS
@settings(deadline=None, max_examples=60)
@given(made=DIGEST)
def test_of_any_digest(law: Callable[[Digest], None], made: Digest) -> None:
    law(made)


@LAWS
@pytest.mark.parametrize("worst", WORST)
def test_of_the_worst(law: Callable[[Digest], None], worst: str) -> None:
    law(WORST[worst])


@settings(deadline=None, max_examples=60)
@given(made=DIGEST, most=st.integers(4000, 20_000))
def test_text_of_any_length(made: Digest, most: int) -> None:
    the_text_keeps_to_its_bytes_and_shows_every_item_or_says_so(made, most)


@pytest.mark.parametrize("channel", [Webhook("A"), Slack("A"), MAIL, TOPIC], ids=lambda one: one.name.split()[0])
def test_a_channels_text_is_the_same_every_time(channel: Channel) -> None:
    assert render(WORST["wide"], channel) == render(WORST["wide"], channel)
