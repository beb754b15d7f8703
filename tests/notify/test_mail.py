"""Mail: always over verified TLS, with headers that nobody else writes, and each recipient told once."""

import email
import email.policy
import socket
import threading
from collections.abc import Mapping
from email.message import EmailMessage
from typing import Any

import pytest

from costguard.config import SmtpDoc
from costguard.notify import Digest, render, send
from costguard.notify.delivery import Delivery
from costguard.notify.mail import Mail
from tests.notify.receivers import NOW, Certificates, Kept, Mailbox, Waits, digest, item, mail_server
from tests.servers.http1 import LOOPBACK

ADA, BOB = "ada@acme.example", "bob@acme.example"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def trusted(certificates: Certificates, monkeypatch: pytest.MonkeyPatch) -> Certificates:
    """The authority is among those that this machine trusts."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.authority))
    return certificates


def channel(port: int, *to: str, implicit: bool = False, **given: Any) -> Mail:
    doc = SmtpDoc(host=LOOPBACK, port=port, sender="costguard@acme.example", to=list(to or (ADA,)), **given)
    return Mail(doc, None, implicit)


def tell(
    mail: Mail,
    about: Digest | None = None,
    waits: Waits | None = None,
    environment: Mapping[str, str] | None = None,
    kept: Kept | None = None,
) -> Delivery:
    patience = (waits or Waits()).patience
    [one] = send([about or digest()], [mail], kept or Kept(), NOW, environment or {}, patience)
    assert "hunter2" not in repr(one)
    return one


def read(raw: bytes) -> EmailMessage:
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    assert not message.defects
    return message


@pytest.mark.parametrize("implicit", [False, True])
def test_a_digest_arrives_over_tls(trusted: Certificates, implicit: bool) -> None:
    box = Mailbox()
    with mail_server(box, trusted, implicit=implicit) as port:
        mail = channel(port, ADA, BOB, implicit=implicit)
        assert tell(mail).how == "sent"
    [(recipients, raw)] = box.taken
    assert recipients == [ADA, BOB]
    assert box.over_tls == [True]
    message = read(raw)
    assert message["From"] == "costguard <costguard@acme.example>"
    assert message["To"] == f"{ADA}, {BOB}"
    assert message["Subject"] == "costguard: untagged resources: shop"
    assert message["Date"] == "Mon, 23 Nov 2026 22:00:00 +0000"
    assert message["Message-ID"] == f"<{digest().key(mail.name)}@acme.example>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message.get_content().replace("\r\n", "\n").startswith("1 resource: 1 flagged.\n\naws_instance arn:aws:ec2:")
    assert message.get_content_type() == "text/plain"


def test_nothing_is_sent_without_tls() -> None:
    box = Mailbox()
    with mail_server(box, None) as port:
        one = tell(channel(port))
    assert (one.how, box.taken, one.attempts) == ("failed", [], 1)
    assert one.why.endswith("it offers no STARTTLS (or no log-in), and nothing is sent without")


@pytest.mark.parametrize("implicit", [False, True])
def test_a_certificate_that_nobody_vouches_for(certificates: Certificates, implicit: bool) -> None:
    box = Mailbox()
    with mail_server(box, certificates, implicit=implicit) as port:
        one = tell(channel(port, implicit=implicit))
    assert (one.how, box.taken, one.attempts) == ("failed", [], 1)
    assert "its certificate is not valid: " in one.why


def test_a_log_in(trusted: Certificates) -> None:
    box = Mailbox()
    with mail_server(box, trusted, login=True) as port:
        mail = channel(port, user="costguard", password_from_env="SMTP_PASSWORD")
        assert mail.secrets == ("SMTP_PASSWORD",)
        assert tell(mail).why.endswith("the environment variable SMTP_PASSWORD is not set")
        assert tell(mail, environment={"SMTP_PASSWORD": "hunter2"}).how == "sent"
        box.password = b"another"
        one = tell(mail, environment={"SMTP_PASSWORD": "hunter2"})
    assert one.why.endswith("it refuses the log-in with 535")
    assert (len(box.taken), one.attempts) == (1, 1)
    assert set(box.logins) == {(b"costguard", b"hunter2")}


def test_a_password_that_a_log_in_does_not_take(trusted: Certificates) -> None:
    with mail_server(Mailbox(), trusted, login=True) as port:
        one = tell(channel(port, user="u", password_from_env="P"), environment={"P": "hünter2"})
    assert (one.how, one.attempts) == ("failed", 1)
    assert one.why.endswith("which its log-in does not take")


def test_a_log_in_that_is_not_offered(trusted: Certificates) -> None:
    with mail_server(Mailbox(), trusted) as port:
        one = tell(channel(port, user="u", password_from_env="P"), environment={"P": "hunter2"})
    assert (one.how, one.attempts) == ("failed", 1)
    assert "log-in" in one.why


def test_what_may_pass_is_tried_again_under_the_same_id(trusted: Certificates) -> None:
    box, waits = Mailbox(), Waits()
    box.answers = ["451 try later", "cut"]
    with mail_server(box, trusted) as port:
        one = tell(channel(port), waits=waits)
    assert (one.how, one.attempts, waits.slept) == ("sent", 3, [1.0, 2.0])
    # The server took the second, whose answer was lost, and the third.
    ids = [read(raw)["Message-ID"] for _, raw in box.taken]
    assert len(ids) == 2
    assert len(set(ids)) == 1


def test_what_will_not_pass_is_said_in_the_servers_words(trusted: Certificates) -> None:
    box = Mailbox()
    box.answers = ["554 5.7.1 this is \x1b[31mspam"]
    with mail_server(box, trusted) as port:
        one = tell(channel(port))
    assert one.attempts == 1
    assert one.why.endswith(r"it answers 554 5.7.1 this is \x1b[31mspam")


def test_who_was_told_is_not_told_again_because_of_somebody_else(trusted: Certificates) -> None:
    box, kept = Mailbox(), Kept()
    box.refuses = {BOB: ["550 no such user"]}
    with mail_server(box, trusted) as port:
        mail = channel(port, ADA, BOB)
        one = tell(mail, kept=kept)
        again = tell(mail, kept=kept)
    assert one.how == "failed"
    assert one.why.endswith(f"it does not take mail for {BOB}: 550 no such user; 1 of 2 were told")
    assert again.how == "before"
    assert [recipients for recipients, _ in box.taken] == [[ADA]]


def test_recipients_that_are_refused_for_now(trusted: Certificates) -> None:
    box, waits = Mailbox(), Waits()
    box.refuses = {ADA: ["450 greylisted"], BOB: ["450 greylisted"]}
    with mail_server(box, trusted) as port:
        assert tell(channel(port, ADA, BOB), waits=waits).how == "sent"
    assert waits.slept == [1.0]
    assert [recipients for recipients, _ in box.taken] == [[ADA, BOB]]


def test_recipients_that_are_refused(trusted: Certificates) -> None:
    box = Mailbox()
    box.refuses = {ADA: ["550 no such user"], BOB: ["450 greylisted"]}
    with mail_server(box, trusted) as port:
        one = tell(channel(port, ADA, BOB))
    assert one.why.endswith(f"it does not take mail for {ADA} and 1 more: 550 no such user")
    assert one.attempts == 1


def test_nobody_listens() -> None:
    with socket.create_server((LOOPBACK, 0)) as one:
        port = one.getsockname()[1]
    assert tell(channel(port), waits=Waits(attempts=1)).why.endswith("nobody listens there; it was tried once")


@pytest.mark.parametrize("greeting", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\xff\xfe\x00", b"554 go away\r\n"])
def test_what_is_no_mail_server(greeting: bytes) -> None:
    listening = socket.create_server((LOOPBACK, 0))
    listening.settimeout(5)

    def serve() -> None:
        with listening, listening.accept()[0] as one:
            one.sendall(greeting)

    thread = threading.Thread(target=serve)
    thread.start()
    done = tell(channel(listening.getsockname()[1]), waits=Waits(attempts=1))
    thread.join(5)
    assert done.how == "failed"


@pytest.mark.parametrize(
    ("owner", "subject"),
    [
        ("x\nBcc: eve@example.com", r"costguard: untagged resources: x\nBcc: eve@example.com"),
        ("x\r\n\r\nbody", r"costguard: untagged resources: x\r\n\r\nbody"),
        ("größe 📦", "costguard: untagged resources: größe 📦"),
        ("=?utf-8?q?Bcc=3A?=", "costguard: untagged resources: =?utf-8?q?Bcc=3A?="),
        ("\ud800", r"costguard: untagged resources: \ud800"),
        ("\0", r"costguard: untagged resources: \x00"),
        ("a" * 500, "costguard: untagged resources: " + "a" * 99 + "…"),
        ("", "costguard: untagged resources: (empty)"),
    ],
)
def test_an_owner_writes_no_header(trusted: Certificates, owner: str, subject: str) -> None:
    box = Mailbox()
    hostile = item(1, id=".\r\nRCPT TO:<eve@example.com>", wrong="\r\n.\r\nQUIT")
    with mail_server(box, trusted) as port:
        assert tell(channel(port), digest(owner, hostile)).how == "sent"
    [(recipients, raw)] = box.taken
    assert recipients == [ADA]
    message = read(raw)
    if not owner.startswith("=?"):  # What looks like an encoded word is decoded by whoever reads it.
        assert message["Subject"] == subject
    assert sorted(message.keys()) == [
        "Auto-Submitted",
        "Content-Transfer-Encoding",
        "Content-Type",
        "Date",
        "From",
        "MIME-Version",
        "Message-ID",
        "Subject",
        "To",
    ]
    assert r"aws_instance .\r\nRCPT TO:<eve@example.com>" in message.get_content()


def test_what_would_be_sent() -> None:
    mail = channel(587, ADA)
    assert render(digest(), mail).startswith(
        "From: costguard <costguard@acme.example>\n"
        f"To: {ADA}\n"
        "Subject: costguard: untagged resources: shop\n"
        "Date: Mon, 23 Nov 2026 22:00:00 +0000\n"
        f"Message-ID: <{digest().key(mail.name)}@acme.example>\n"
        "\n"
        "1 resource: 1 flagged.\n"
    )
