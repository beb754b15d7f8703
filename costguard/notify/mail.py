"""Mail, in plain text, over TLS that is always there and always verified.

Delivered at least once. The ``Message-ID`` is made of the key of the delivery, so that a mailbox or a list that drops
what it has had shows a digest once. A server that takes a digest for some of its recipients has delivered it: they are
not told again, and the others are named.
"""

import smtplib
import ssl
from collections.abc import Mapping
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP

import msgspec

from costguard.config import SmtpDoc
from costguard.notify.delivery import Later, Refused
from costguard.notify.digest import Digest, plain
from costguard.reports.text import printable, prose

IMPLICIT_TLS = 465
"""RFC 8314, 7.3: TLS from the first byte. On any other port STARTTLS begins it."""
MOST = 256 * 1024
MOST_SUBJECT = 200
MOST_SAID = 200


class Mail(msgspec.Struct, frozen=True):
    """A mail server and the people that it is to tell. ``implicit``: TLS is there from the first byte."""

    doc: SmtpDoc
    owners: tuple[str, ...] | None
    implicit: bool

    @property
    def name(self) -> str:
        return f"smtp {printable(self.doc.host)}:{self.doc.port} {printable(','.join(sorted(self.doc.to)), 2000)}"

    @property
    def secrets(self) -> tuple[str, ...]:
        return () if self.doc.password_from_env is None else (self.doc.password_from_env,)

    def render(self, digest: Digest) -> str:
        message = self._message(digest)
        head = [f"{name}: {message[name]}" for name in ("From", "To", "Subject", "Date", "Message-ID")]
        return "\n".join(head) + f"\n\n{plain(digest, MOST)}"

    def post(self, digest: Digest, environment: Mapping[str, str], timeout: float) -> None:
        message = self._message(digest)
        try:
            self._send(message, environment, timeout)
        except ssl.SSLCertVerificationError as error:
            raise Refused(f"its certificate is not valid: {error.verify_message}") from None
        except ssl.SSLError:
            raise Later("no TLS connection could be made") from None
        except smtplib.SMTPNotSupportedError:
            raise Refused("it offers no STARTTLS (or no log-in), and nothing is sent without") from None
        except smtplib.SMTPRecipientsRefused as error:
            self._refused(error.recipients)
        except smtplib.SMTPAuthenticationError as error:
            # What it says here may quote what it was told.
            kind = Later if 400 <= error.smtp_code < 500 else Refused
            raise kind(f"it refuses the log-in with {error.smtp_code}") from None
        except smtplib.SMTPResponseException as error:
            kind = Refused if 500 <= error.smtp_code < 600 else Later
            raise kind(f"it answers {_said(error.smtp_code, error.smtp_error)}") from None
        except smtplib.SMTPServerDisconnected:
            raise Later("the connection broke, and whether it was taken is not known") from None
        except smtplib.SMTPException:
            raise Refused("it offers no log-in that costguard knows") from None
        except TimeoutError:
            raise Later(f"there was no answer within {timeout:g} s") from None
        except ConnectionRefusedError:
            raise Later("nobody listens there") from None
        except (OSError, ValueError) as error:
            # A name that isn't known has a number; a ValueError is an answer that isn't SMTP.
            met = isinstance(error, ValueError | ConnectionError) or error.errno is None
            broken = "the connection broke, and whether it was taken is not known"
            raise Later(broken if met else "no connection could be made") from None

    def _send(self, message: EmailMessage, environment: Mapping[str, str], timeout: float) -> None:
        doc, context = self.doc, ssl.create_default_context()
        server: smtplib.SMTP
        if self.implicit:
            server = smtplib.SMTP_SSL(doc.host, doc.port, timeout=timeout, context=context)
        else:
            server = smtplib.SMTP(doc.host, doc.port, timeout=timeout)
        try:
            if not self.implicit:
                server.starttls(context=context)
            if doc.user is not None and doc.password_from_env is not None:
                try:
                    server.login(doc.user, environment[doc.password_from_env])
                except UnicodeError:
                    raise Refused("its user or password is not ASCII, which its log-in does not take") from None
            refused = server.send_message(message, doc.sender, doc.to)
        finally:
            # It has answered for the message already; how it says good-bye changes nothing.
            server.close()
        if refused:
            self._refused(refused)

    def _refused(self, recipients: Mapping[str, tuple[int, bytes]]) -> None:
        told = [address for address in self.doc.to if address not in recipients]
        address, (code, said) = next(iter(sorted(recipients.items())))
        others = f" and {len(recipients) - 1} more" if len(recipients) > 1 else ""
        why = f"it does not take mail for {printable(address)}{others}: {_said(code, said)}"
        if told:
            raise Refused(f"{why}; {len(told)} of {len(self.doc.to)} were told", told)
        if all(400 <= code < 500 for code, _ in recipients.values()):
            raise Later(why)
        raise Refused(why)

    def _message(self, digest: Digest) -> EmailMessage:
        """A header is one line of what shows as itself: an owner that is called ``x\\nBcc: …`` adds none."""
        message = EmailMessage(policy=SMTP)
        message["From"] = Address("costguard", addr_spec=self.doc.sender)
        message["To"] = [Address(addr_spec=address) for address in self.doc.to]
        message["Subject"] = printable(f"costguard: {digest.heading}", MOST_SUBJECT)
        message["Date"] = digest.at
        message["Message-ID"] = f"<{digest.key(self.name)}@{self.doc.sender.rpartition('@')[2]}>"
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no absence notes are sent to it.
        message.set_content(plain(digest, MOST), charset="utf-8", cte="quoted-printable")
        return message


def _said(code: int, said: bytes | str) -> str:
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    return f"{code} {prose(text, MOST_SAID)}".strip()
