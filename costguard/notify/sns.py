"""Topics of Amazon SNS: the digest as text, whoever subscribes.

Delivered at least once. A topic knows no key, so the attribute ``costguard-key`` holds it for subscribers that are
programs, and ``costguard-owner`` is there for filters. The credentials are those that the SDK finds.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from costguard.notify.delivery import Later, Refused
from costguard.notify.digest import Digest, plain
from costguard.reports.text import printable, prose

MOST = 256 * 1024
"""Amazon SNS, "Publish", Message: bytes, which the attributes count among."""
MOST_SUBJECT = 100
"""Amazon SNS, "Publish", Subject: ASCII, one line, less than 100 characters and no control character."""
_ATTRIBUTES = 2_000

_LATER = ("Throttl", "InternalError", "InternalFailure", "KMSThrottling", "RequestTimeout", "ServiceUnavailable")


class Topic(msgspec.Struct, frozen=True):
    """A topic, by its ARN."""

    arn: str
    owners: tuple[str, ...] | None = None

    @property
    def name(self) -> str:
        return f"sns {self.arn}"

    @property
    def secrets(self) -> tuple[str, ...]:
        return ()

    def render(self, digest: Digest) -> str:
        return f"Topic: {self.arn}\nSubject: {_subject(digest)}\n\n{plain(digest, MOST - _ATTRIBUTES)}"

    def post(self, digest: Digest, environment: Mapping[str, str], timeout: float) -> None:
        try:
            import botocore.session
            from botocore import exceptions
            from botocore.config import Config
            from botocore.parsers import ResponseParserError
        except ImportError:
            raise Refused("it needs boto3, which isn't installed: pip install 'costguard-tags[aws]'") from None
        # One attempt: how often is asked for whichever the medium is.
        config = Config(
            connect_timeout=timeout, read_timeout=timeout, retries={"total_max_attempts": 1, "mode": "standard"}
        )
        attributes = {"costguard-key": digest.key(self.name), "costguard-owner": digest.whom}
        try:
            session = botocore.session.Session()
            client: Any = session.create_client("sns", region_name=self.arn.split(":")[3], config=config)
            client.publish(
                TopicArn=self.arn,
                Subject=_subject(digest),
                Message=plain(digest, MOST - _ATTRIBUTES),
                MessageAttributes={
                    name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
                },
            )
        except exceptions.ClientError as error:
            said = error.response.get("Error", {})
            code = printable(said.get("Code", ""), 100)
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            why = f"AWS answers {code}: {prose(said.get('Message', ''), 300)}"
            raise (Later if status >= 500 or status == 429 or code.startswith(_LATER) else Refused)(why) from None
        except ResponseParserError:
            raise Later("what it answers is not an answer of AWS") from None
        except (exceptions.ConnectionError, exceptions.HTTPClientError) as error:
            raise Later(f"AWS can't be reached ({type(error).__name__})") from None
        except exceptions.BotoCoreError as error:
            raise Refused(f"AWS can't be asked: {prose(str(error), 300)}") from None


def _subject(digest: Digest) -> str:
    """It begins with a letter; what isn't ASCII is spelled out."""
    text = f"costguard: {digest.heading}".encode("ascii", "backslashreplace").decode()
    return text if len(text) < MOST_SUBJECT else text[: MOST_SUBJECT - 4] + "..."
