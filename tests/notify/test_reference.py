"""The page about notifications shows what is sent."""

import re

import msgspec

from costguard.config import ConfigDoc, SmtpDoc, objections
from costguard.document import parse_yaml
from costguard.notify import Digest, Item, render
from costguard.notify.mail import Mail
from costguard.notify.webhook import Webhook
from tests.conftest import ROOT

TEXT = (ROOT / "docs" / "reference" / "notifications.md").read_text("utf-8")
[SAMPLE] = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
[MAIL] = re.findall(r"```text\n(.*?)```", TEXT, re.DOTALL)
[EVENT] = re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)


def shown() -> Digest:
    """The digest that the event on the page is of."""
    event = msgspec.json.decode(EVENT)
    data = event["data"]
    items = [{name: value for name, value in item.items() if value is not None} for item in data["items"]]
    return msgspec.convert(data | {"items": items, "at": event["time"]}, Digest)


def test_the_sample_is_a_configuration() -> None:
    [document] = parse_yaml(SAMPLE, "sample")
    assert objections(document.data) == []
    assert len(msgspec.convert(document.data, ConfigDoc).notify) == 3


def test_the_event_is_what_a_webhook_gets() -> None:
    # Of the same things the order of a mapping may differ.
    sent = msgspec.json.decode(render(shown(), Webhook("COSTGUARD_WEBHOOK_URL")))
    assert sent == msgspec.json.decode(EVENT)
    assert {*sent["data"]["items"][0]} == {*Item.__struct_fields__}


def test_the_mail_is_what_a_mail_server_gets() -> None:
    doc = SmtpDoc(host="smtp.acme.example", sender="costguard@acme.example", to=["finops@acme.example"])
    sent = render(msgspec.structs.replace(shown(), counts={"still flagged": 1, "flagged": 1}), Mail(doc, None, False))
    assert sent == MAIL
