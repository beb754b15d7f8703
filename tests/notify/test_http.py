"""Webhooks and Slack: what is posted, what an answer means, and that the address stays a secret."""

import socket
import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import msgspec
import pytest
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from costguard.notify import render, send
from costguard.notify.delivery import Channel, Delivery
from costguard.notify.slack import Slack
from costguard.notify.webhook import Webhook
from tests.notify.receivers import NOW, SECRET, Certificates, Kept, Waits, digest, https, item, proxy, receiver
from tests.servers.http1 import LOOPBACK, Response

HOOK, SLACK = Webhook("HOOK_URL"), Slack("SLACK_URL")


def tell(channel: Channel, environment: Mapping[str, str], waits: Waits | None = None) -> Delivery:
    [one] = send([digest()], [channel], Kept(), NOW, environment, (waits or Waits()).patience)
    assert "hunter2" not in repr(one)
    return one


def test_a_webhook_gets_a_cloud_event() -> None:
    with receiver() as (url, seen):
        assert tell(HOOK, {"HOOK_URL": url}).how == "sent"
    [request] = seen
    assert (request.method, request.target) == ("POST", SECRET)
    assert request.headers["content-type"] == "application/cloudevents+json; charset=UTF-8"
    event = JSONFormat().read(CloudEvent, request.body)
    assert event.get_id() == digest().key("webhook HOOK_URL")
    assert event.get_source() == "/costguard/reconcile"
    assert event.get_type() == "costguard.reconcile.digest.v1"
    assert event.get_subject() == "shop"
    assert event.get_time() == NOW
    assert event.get_datacontenttype() == "application/json"
    assert event.get_data() == {
        "run": "20261123-a1b2",
        "owner": "shop",
        "title": "untagged resources",
        "counts": {"flagged": 1},
        "items": [
            {
                "id": "arn:aws:ec2:eu-west-1:111122223333:instance/i-0001",
                "type": "aws_instance",
                "account": "111122223333",
                "region": "eu-west-1",
                "state": "flagged",
                "wrong": "owner is missing",
                "next": "it is put in quarantine",
                "due": "2026-12-01",
                "remedy": "give it the tag Owner",
            }
        ],
        "more": 0,
    }


def test_slack_gets_blocks_in_which_nothing_is_marked_up() -> None:
    with receiver() as (url, seen):
        assert tell(SLACK, {"SLACK_URL": url}).how == "sent"
    message = msgspec.json.decode(seen[0].body)
    assert seen[0].headers["content-type"] == "application/json; charset=utf-8"
    assert message["text"] == "untagged resources: shop: 1 resource: 1 flagged."
    assert (message["mrkdwn"], message["parse"], message["link_names"]) == (False, "none", False)
    header, summary, one, run = message["blocks"]
    assert (header["type"], header["text"]["text"]) == ("header", "untagged resources: shop")
    assert summary["text"]["text"] == "1 resource: 1 flagged."
    assert one == {
        "type": "section",
        "text": {
            "type": "plain_text",
            "text": "aws_instance arn:aws:ec2:eu-west-1:111122223333:instance/i-0001\n"
            "  in 111122223333, eu-west-1\n"
            "  flagged: owner is missing\n"
            "  next: it is put in quarantine (on 2026-12-01)\n"
            "  remedy: give it the tag Owner",
            "emoji": False,
        },
    }
    assert run["elements"][0]["text"] == "Run 20261123-a1b2 of costguard"


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("<!channel>", "&lt;!channel&gt;"),
        ("<https://evil.example|your console>", "&lt;https://evil.example|your console&gt;"),
        ("<@U123>", "&lt;@U123&gt;"),
        ("&lt;!here&gt;", "&amp;lt;!here&amp;gt;"),
        ("*bold* _it_ `code` ~no~ :fire:", "*bold* _it_ `code` ~no~ :fire:"),
        ("x\n> quoted", r"x\n&gt; quoted"),
    ],
)
def test_a_hostile_name_stays_text_in_slack(hostile: str, shown: str) -> None:
    message = msgspec.json.decode(render(digest(hostile, item(1, id=hostile, wrong="w", state=hostile)), SLACK))
    header, _, one, _ = message["blocks"]
    assert header["text"]["text"] == f"untagged resources: {shown}"
    assert one["text"]["text"].startswith(f"aws_instance {shown}\n")
    assert {header["text"]["type"], one["text"]["type"]} == {"plain_text"}
    assert "<" not in repr(message)


def test_slack_says_how_many_items_have_no_block() -> None:
    message = msgspec.json.decode(render(digest("shop", *(item(number) for number in range(60))), SLACK))
    assert len(message["blocks"]) == 50
    assert message["blocks"][-2]["text"]["text"].startswith("… and 14 more;")


def test_what_would_be_sent_shows_no_secret_and_needs_none() -> None:
    for channel in (HOOK, SLACK):
        text = render(digest("\x1b[31m\ud800"), channel)
        assert text.isprintable() or set(text) - {"\n"}
        assert "\x1b" not in text
        assert msgspec.json.decode(text)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 599])
def test_what_may_pass_is_tried_again_with_the_same_id(status: int) -> None:
    waits = Waits()
    with receiver([Response(status=status, body=SECRET.encode())] * 2) as (url, seen):
        one = tell(HOOK, {"HOOK_URL": url}, waits)
    assert (one.how, one.attempts, waits.slept) == ("sent", 3, [1.0, 2.0])
    assert len({request.body for request in seen}) == 1


@pytest.mark.parametrize(
    ("status", "why"),
    [
        (400, "it answers 400 Bad Request"),
        (401, "it answers 401 Unauthorized"),
        (403, "it answers 403 Forbidden"),
        (404, "it answers 404 Not Found"),
        (410, "it answers 410 Gone"),
        (413, "it answers 413 Request Entity Too Large"),
        (304, "it answers 304 Not Modified: it points to another address"),
        (499, "it answers 499"),
    ],
)
def test_what_will_not_pass_is_said_and_not_tried_again(status: int, why: str) -> None:
    waits = Waits()
    with receiver([Response(status=status, body=SECRET.encode())] * 2) as (url, seen):
        one = tell(HOOK, {"HOOK_URL": url}, waits)
    assert one.why.startswith(f"webhook HOOK_URL: {why}")
    assert (one.how, len(seen), waits.slept) == ("failed", 1, [])


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    with receiver() as (elsewhere, strangers):
        there = Response(status=status, headers=(("Location", elsewhere),))
        with receiver([there]) as (url, seen):
            one = tell(HOOK, {"HOOK_URL": url})
    assert (one.how, len(seen), strangers) == ("failed", 1, [])
    assert elsewhere not in one.why


@pytest.mark.parametrize("said", ["no_service", "invalid_token", "channel_is_archived"])
def test_slacks_own_words_are_repeated(said: str) -> None:
    with receiver([Response(status=404, body=f"{said}\n".encode())]) as (url, _):
        assert tell(SLACK, {"SLACK_URL": url}).why == f"slack SLACK_URL: it answers 404 Not Found: {said}"


def test_other_words_are_not() -> None:
    with receiver([Response(status=404, body=f"no hook at {SECRET}".encode())]) as (url, _):
        assert tell(SLACK, {"SLACK_URL": url}).why == "slack SLACK_URL: it answers 404 Not Found"


@pytest.mark.parametrize(
    ("asked", "slept"),
    [
        ("5", [5.0]),
        ("0", [0.0]),
        (" 12 ", [12.0]),
        ("soon", [1.0]),
        ("-3", [1.0]),
        ("1.5", [1.0]),
        ("٣", [1.0]),
        ("9" * 200, [1.0]),
        ("Thu, 01 Jan 1970 00:00:00 GMT", [0.0]),
        ("Thu, 99 Foo 99999 00:00:00", [1.0]),
    ],
)
def test_retry_after(asked: str, slept: list[float]) -> None:
    waits = Waits()
    busy = Response(status=429, headers=(("Retry-After", asked.encode("utf-8").decode("latin-1")),))
    with receiver([busy]) as (url, _):
        assert tell(HOOK, {"HOOK_URL": url}, waits).how == "sent"
    assert waits.slept == slept


def test_retry_after_may_be_a_date() -> None:
    waits = Waits()
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=20), usegmt=True)
    with receiver([Response(status=503, headers=(("Retry-After", soon),))]) as (url, _):
        assert tell(HOOK, {"HOOK_URL": url}, waits).how == "sent"
    [slept] = waits.slept
    assert 10 < slept <= 20


@pytest.mark.parametrize("fault", [Response(reset=True), Response(delay=1.0)])
def test_an_answer_that_does_not_come_is_asked_for_again_with_the_same_id(fault: Response) -> None:
    waits = Waits(timeout=0.3)
    with receiver([fault]) as (url, seen):
        one = tell(HOOK, {"HOOK_URL": url}, waits)
    assert (one.how, one.attempts) == ("sent", 2)
    assert len({request.body for request in seen}) == 1


def test_the_answers_body_is_not_waited_for() -> None:
    with receiver([Response(body=b"x" * 100_000, cut=0.5)]) as (url, _):
        assert tell(HOOK, {"HOOK_URL": url}).attempts == 1


def raw(answer: bytes) -> tuple[str, threading.Thread]:
    """An address whose only answer is these bytes, after which it hangs up."""
    listening = socket.create_server((LOOPBACK, 0))
    listening.settimeout(5)

    def serve() -> None:
        with listening, listening.accept()[0] as one:
            one.settimeout(5)
            one.recv(65536)
            one.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    return f"http://{LOOPBACK}:{listening.getsockname()[1]}{SECRET}", thread


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"", "the connection broke, and whether it was taken is not known"),
        (b"220 mail ESMTP\r\n", "what it answers is not HTTP"),
        (b"HTTP/1.1 " + b"2" * 70_000, "what it answers is not HTTP"),
        (b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 500, "what it answers is not HTTP"),
        (b"HTTP/1.1 abc\r\n\r\n", "what it answers is not HTTP"),
    ],
)
def test_an_answer_that_is_none(answer: bytes, why: str) -> None:
    url, thread = raw(answer)
    one = tell(HOOK, {"HOOK_URL": url}, Waits(attempts=1))
    thread.join(5)
    assert one.why == f"webhook HOOK_URL: {why}; it was tried once"


def test_nobody_listens() -> None:
    with socket.create_server((LOOPBACK, 0)) as one:
        port = one.getsockname()[1]
    said = tell(HOOK, {"HOOK_URL": f"http://{LOOPBACK}:{port}{SECRET}"}, Waits(attempts=1))
    assert said.why == "webhook HOOK_URL: nobody listens there; it was tried once"


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("http://hooks.example.com/hunter2", "begins with http://, where everybody on the way can read it"),
        ("http://127.0.0.1.example.com/hunter2", "begins with http://, where everybody on the way can read it"),
        ("hooks.example.com/hunter2", "is not one: it begins with https:// and a host"),
        ("file:///etc/hunter2", "is not one: it begins with https:// and a host"),
        ("https:///hunter2", "is not one: it begins with https:// and a host"),
        ("https://[hunter2/", "is not one"),
        ("https://h:hunter2/", "is not one"),
        ("https://me:hunter2@h/", "has a user in front of its host, which is not sent"),
        ("http://127.0.0.1:1/hunter2 x", "is not one"),
        ("http://127.0.0.1:1/hunter2\x7fx", "is not one"),
        ("http://127.0.0.1:1/hünter2", "is not one: it begins with https:// and a host"),
        (f"https://{'a' * 70}.example/hunter2", "is not one"),
    ],
)
def test_an_address_that_nothing_is_posted_to(address: str, why: str) -> None:
    one = tell(HOOK, {"HOOK_URL": address})
    assert one.how == "failed"
    assert one.why == f"webhook HOOK_URL: the address in HOOK_URL {why}"


def test_spaces_around_the_address_are_no_part_of_it() -> None:
    with receiver() as (url, seen):
        assert tell(HOOK, {"HOOK_URL": f" {url}?a=b#c\n"}).how == "sent"
    assert seen[0].target == f"{SECRET}?a=b"


def test_a_certificate_is_verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificates = Certificates(tmp_path)
    with https(certificates) as (port, seen):
        address = {"HOOK_URL": f"https://{LOOPBACK}:{port}{SECRET}"}
        one = tell(HOOK, address)
        assert one.why.startswith("webhook HOOK_URL: its certificate is not valid: ")
        assert (one.how, one.attempts, seen) == ("failed", 1, [])
        monkeypatch.setenv("SSL_CERT_FILE", str(certificates.authority))
        assert tell(HOOK, address).how == "sent"
        assert seen == [SECRET]


def test_a_certificate_for_another_name_is_not_valid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificates = Certificates(tmp_path, "hooks.example.com")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.authority))
    with https(certificates) as (port, seen):
        one = tell(HOOK, {"HOOK_URL": f"https://{LOOPBACK}:{port}{SECRET}"})
    assert one.why.startswith("webhook HOOK_URL: its certificate is not valid: ")
    assert seen == []


def test_a_proxy_sees_the_host_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificates = Certificates(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.authority))
    with https(certificates) as (port, seen), proxy() as (way, asked):
        environment = {
            "HOOK_URL": f"https://{LOOPBACK}:{port}{SECRET}",
            "HTTPS_PROXY": f"http://me:pass%40word@{LOOPBACK}:{way}",
        }
        assert tell(HOOK, environment).how == "sent"
        # "me:pass@word", by hand: bWU6cGFzc0B3b3Jk.
        assert asked == [(f"{LOOPBACK}:{port}", "Basic bWU6cGFzc0B3b3Jk")]
        assert tell(HOOK, environment | {"NO_PROXY": LOOPBACK}).how == "sent"
        assert len(asked) == 1
    assert seen == [SECRET, SECRET]


def test_a_proxy_that_lets_nobody_through() -> None:
    with proxy(407) as (way, _):
        environment = {"HOOK_URL": f"https://{LOOPBACK}:9{SECRET}", "https_proxy": f"{LOOPBACK}:{way}"}
        one = tell(HOOK, environment, Waits(attempts=1))
    assert one.why == "webhook HOOK_URL: the proxy lets nobody through; it was tried once"


@pytest.mark.parametrize("address", ["socks5://127.0.0.1:1", "http://", "http://h:port"])
def test_a_proxy_that_cannot_be_used(address: str) -> None:
    one = tell(HOOK, {"HOOK_URL": f"https://{LOOPBACK}:9{SECRET}", "HTTPS_PROXY": address})
    assert one.why.startswith("webhook HOOK_URL: the proxy that HTTPS_PROXY names is not ")
