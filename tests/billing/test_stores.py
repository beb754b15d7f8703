"""Bills in S3, by the real client of pyarrow against the S3 that the tests have on loopback."""

from datetime import date
from pathlib import Path

import pytest

from costguard.errors import InputError
from costguard.model.cost import SpendReport
from costguard.spend.report import Asked, report
from tests.servers.aws import AwsServer
from tests.servers.faults import denied
from tests.spend.build import GOOD, bill, charge, policy


@pytest.fixture
def bucket(aws: AwsServer, tmp_path: Path) -> AwsServer:
    """``bills`` with two months, and what is none."""
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="bills")
    for month, cost in (("2026-09", "1"), ("2026-10", "2")):
        raw = bill(tmp_path / "made.csv", [charge(cost, GOOD)]).read_bytes()
        s3.put_object(Bucket="bills", Key=f"focus/BILLING_PERIOD={month}/part.csv", Body=raw)
    s3.put_object(Bucket="bills", Key="focus/manifest.txt", Body=b"no bill")
    aws.requests.clear()
    return aws


def reported(tmp_path: Path, *urls: str) -> SpendReport:
    asked = Asked(paths=tuple((url, None) for url in urls), cache=tmp_path / "cache")
    return report(asked, policy(tmp_path / "policy"), date(2026, 11, 23))


@pytest.mark.parametrize(
    ("url", "total"),
    [
        ("s3://bills/focus/", "3"),
        ("s3://bills/focus/**/*.csv", "3"),
        ("s3://bills/focus/*/part.csv", "3"),
        ("s3://bills/focus/BILLING_PERIOD=2026-10/part.csv", "2"),
    ],
)
@pytest.mark.usefixtures("bucket")
def test_what_a_url_names_is_copied_and_read(tmp_path: Path, url: str, total: str) -> None:
    done = reported(tmp_path, url)
    assert (done.total, done.complete) == (total, True)


def test_what_was_copied_is_copied_again_only_where_it_changed(bucket: AwsServer, tmp_path: Path) -> None:
    reported(tmp_path, "s3://bills/focus/")
    first = len(bucket.calls("s3", "GetObject"))
    assert reported(tmp_path, "s3://bills/focus/").total == "3"
    assert len(bucket.calls("s3", "GetObject")) == first
    raw = bill(tmp_path / "made.csv", [charge("10.5", GOOD)]).read_bytes()
    bucket.client("s3").put_object(Bucket="bills", Key="focus/BILLING_PERIOD=2026-10/part.csv", Body=raw)
    assert reported(tmp_path, "s3://bills/focus/").total == "11.5"


def test_an_object_that_cannot_be_had_is_a_gap_and_the_rest_is_read(bucket: AwsServer, tmp_path: Path) -> None:
    bucket.fault(denied(), operation="GetObject", where=lambda call: "2026-10" in str(call.parameters.get("Key")))
    done = reported(tmp_path, "s3://bills/focus/")
    assert (done.total, done.complete) == ("1", False)
    assert done.gaps[0].where == "s3://bills/focus/BILLING_PERIOD=2026-10/part.csv"


@pytest.mark.usefixtures("bucket")
@pytest.mark.parametrize("url", ["s3://bills/nothing/", "s3://bills/focus/*.parquet", "s3://no-such-bucket/x/"])
def test_a_url_that_names_nothing_is_said(tmp_path: Path, url: str) -> None:
    with pytest.raises(InputError, match=r"there is no bill there|can't be listed"):
        reported(tmp_path, url)
