"""Bills in S3 and in Google's storage, by the real clients of pyarrow against servers on loopback."""

import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from urllib.parse import quote

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


def test_a_copy_that_is_not_what_arrived_is_copied_again(bucket: AwsServer, tmp_path: Path) -> None:
    reported(tmp_path, "s3://bills/focus/")
    first = len(bucket.calls("s3", "GetObject"))
    broken, *others = (tmp_path / "cache" / "copies").rglob("part.csv")
    raw = broken.read_bytes()
    broken.write_bytes(raw.replace(b"Usage", b"Refun", 1))
    assert others
    assert reported(tmp_path, "s3://bills/focus/").total == "3"
    assert len(bucket.calls("s3", "GetObject")) == first + 1
    assert broken.read_bytes() == raw


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


# ------------------------------------------------------------------ Google's storage


@pytest.fixture(scope="module")
def storage() -> Iterator[str]:
    program = Path(__file__).parents[1] / "servers" / "gcs_process.py"
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", str(program)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        process.stdin.close()


@pytest.fixture
def google(storage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Puts a bill of one charge, by the object's name and the cost."""
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", storage)

    def put(name: str, cost: str) -> None:
        raw = bill(tmp_path / "made.csv", [charge(cost, GOOD)]).read_bytes()
        url = f"{storage}/upload/storage/v1/b/bills/o?uploadType=media&name={quote(name, safe='')}"
        request = urllib.request.Request(url, raw, {"Content-Type": "text/csv"})  # noqa: S310 - it is ours.
        with urllib.request.urlopen(request) as answer:  # noqa: S310 - as above.
            assert answer.status == 200

    return put


def test_bills_in_googles_storage_are_copied_and_read(google: Callable[[str, str], None], tmp_path: Path) -> None:
    google("focus/2026-09/part.csv", "1")
    google("focus/2026-10/part.csv", "2")
    for url in ("gs://bills/focus/", "gs://bills/focus/*/part.csv"):
        done = reported(tmp_path, url)
        assert (done.total, done.complete) == ("3", True)
    assert reported(tmp_path, "gs://bills/focus/2026-10/part.csv").total == "2"
    google("focus/2026-10/part.csv", "10.25")
    assert reported(tmp_path, "gs://bills/focus/").total == "11.25"


@pytest.mark.usefixtures("google")
@pytest.mark.parametrize("url", ["gs://bills/nothing/", "gs://no-such-bucket/x/"])
def test_a_url_of_googles_that_names_nothing_is_said(tmp_path: Path, url: str) -> None:
    with pytest.raises(InputError, match=r"there is no bill there|can't be listed"):
        reported(tmp_path, url)
