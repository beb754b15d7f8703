"""The states in a bucket, read by boto3 from a real server: which are read, and what is said of those that can't be."""

from typing import TYPE_CHECKING, Any

import pytest

from costguard.clouds.aws.objects import objects
from costguard.model.resource import Gap
from tests.servers.faults import Effect, cut, denied, failing

if TYPE_CHECKING:
    from tests.servers.aws import AwsServer

PROD = "live/prod/terraform.tfstate"
BLUE = "env:/blue/live/prod/terraform.tfstate"
ODD = "live/état #1+?/terraform.tfstate"
PLAIN = "plain/prod"


@pytest.fixture
def s3(aws: "AwsServer") -> Any:
    """A client, and a bucket with states and what lies beside them."""
    client = aws.client("s3")
    client.create_bucket(Bucket="states")
    beside = (f"{PROD}.tflock", f"{PROD}.backup", "live/prod/plan.json", "live/prodigal", "plain/prod.md5")
    for key in (PROD, BLUE, ODD, PLAIN, *beside):
        client.put_object(Bucket="states", Key=key, Body=key.encode())
    return client


def keys(client: Any, url: str) -> list[str]:
    """The keys that are read; each object holds its own key."""
    found = list(objects(client, url))
    assert all(not isinstance(one, Gap) and one[0].encode() == one[1] for one in found)
    return [one[0] for one in found if not isinstance(one, Gap)]


def gap(client: Any, url: str) -> Gap:
    (found,) = objects(client, url)
    assert isinstance(found, Gap)
    return found


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("s3://states", [BLUE, PROD, ODD]),
        ("s3://states/", [BLUE, PROD, ODD]),
        ("s3://states/live/", [PROD, ODD]),
        ("s3://states/live", [PROD, ODD]),
        ("s3://states/live/prod", [PROD]),
        (f"s3://states/{PROD}", [PROD]),
        ("s3://states/plain/prod", [PLAIN]),
        ("s3://states/**/terraform.tfstate", [BLUE, PROD, ODD]),
        ("s3://states/live/*/terraform.tfstate", [PROD, ODD]),
        ("s3://states/live/prod/*", [PROD]),
        ("s3://states/env:/**", [BLUE]),
        ("s3://states/plain/p?od", [PLAIN]),
    ],
)
def test_what_a_url_names(s3: Any, url: str, expected: list[str]) -> None:
    assert keys(s3, url) == expected


def test_a_key_in_full_is_asked_for_without_a_listing(s3: Any, aws: "AwsServer") -> None:
    keys(s3, f"s3://states/{PROD}")

    assert not aws.calls("s3", "ListObjectsV2")


def test_all_pages_are_read(s3: Any) -> None:
    for index in range(1001):
        s3.put_object(Bucket="states", Key=f"many/{index:04}.lock", Body=b"")
    s3.put_object(Bucket="states", Key="many/last.tfstate", Body=b"many/last.tfstate")

    assert keys(s3, "s3://states/many/") == ["many/last.tfstate"]


@pytest.mark.parametrize("url", ["s3://states/gone/", "s3://states/live/*.tfstate", "s3://states/liv"])
def test_a_url_that_names_nothing_is_a_gap(s3: Any, url: str) -> None:
    assert gap(s3, url) == Gap(url, "no state is there; mend terraform.states in costguard.yaml")


def test_a_bucket_that_is_not_there_is_a_gap(s3: Any) -> None:
    assert "NoSuchBucket" in gap(s3, "s3://other/live/").why


def test_an_object_that_is_not_there_is_a_gap(s3: Any) -> None:
    found = gap(s3, "s3://states/gone.tfstate")

    assert found.where == "s3://states/gone.tfstate"
    assert "NoSuchKey" in found.why


@pytest.mark.parametrize(("effect", "said"), [(denied(), "access denied"), (failing(503), "on the side of AWS")])
def test_a_listing_that_is_refused_is_a_gap(s3: Any, aws: "AwsServer", effect: Effect, said: str) -> None:
    aws.fault(effect, service="s3", operation="ListObjectsV2")

    assert said in gap(s3, "s3://states/live/").why


@pytest.mark.parametrize("effect", [denied(), cut()])
def test_one_object_that_cannot_be_read_loses_no_other(s3: Any, aws: "AwsServer", effect: Effect) -> None:
    aws.fault(effect, service="s3", operation="GetObject", times=1)

    refused, read = objects(s3, "s3://states/live/")

    assert isinstance(refused, Gap)
    assert refused.where == f"s3://states/{PROD}"
    assert read == (ODD, ODD.encode())
