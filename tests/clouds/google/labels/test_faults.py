"""What a bad day leaves: each write is sent once at most, and its answer says no more than is known."""

import base64
import json
import socket
from pathlib import Path
from typing import Any

import grpc  # type: ignore[import-untyped] # It has none.
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from google.rpc import code_pb2, status_pb2  # type: ignore[import-untyped] # They have none.

from costguard.clouds.google.api import Google
from costguard.clouds.google.labels import GoogleLabels
from costguard.clouds.google.labels.table import find
from costguard.clouds.pace import Pacer
from costguard.clouds.writing import Current, Edit
from tests.clouds.google.labels.conftest import PROJECT, Clouds, read, target, write
from tests.clouds.google.labels.test_writing import BUCKET, INSTANCE, WAYS
from tests.servers.google import refused, slow
from tests.servers.google_rest import instead, saying
from tests.servers.http1 import Response

Status = grpc.StatusCode
CLUSTER, DATASET, SECRET = WAYS[3:]
OVER_HTTP = WAYS[1:]


def info(reason: str, **metadata: str) -> dict[str, Any]:
    """What the newer APIs have among the details of an error."""
    kind = "type.googleapis.com/google.rpc.ErrorInfo"
    return {"@type": kind, "reason": reason, "domain": "googleapis.com", "metadata": metadata}


@pytest.mark.parametrize("name", OVER_HTTP)
@pytest.mark.parametrize(
    ("status", "named", "reason", "how"),
    [
        (400, "INVALID_ARGUMENT", "invalid", "refused"),
        (401, "UNAUTHENTICATED", "authError", "refused"),
        (403, "PERMISSION_DENIED", "forbidden", "refused"),
        (404, "NOT_FOUND", "notFound", "gone"),
        (409, "ABORTED", "aborted", "conflict"),
        (409, "", "conflict", "conflict"),
        (412, "", "conditionNotMet", "conflict"),
        (412, "FAILED_PRECONDITION", "conditionNotMet", "conflict"),
        (403, "", "quotaExceeded", "again"),
        (403, "", "dailyLimitExceeded", "again"),
        (400, "", "resourceNotReady", "again"),
        (500, "INTERNAL", "backendError", "unknown"),
        (502, "", "", "unknown"),
        (503, "UNAVAILABLE", "backendError", "unknown"),
        (504, "DEADLINE_EXCEEDED", "", "unknown"),
        (302, "", "", "unknown"),
        (418, "", "", "unknown"),
        (499, "NO_SUCH_STATUS", "", "unknown"),
    ],
)
def test_a_refused_write_is_sent_once(
    clouds: Clouds, name: str, status: int, named: str, reason: str, how: str
) -> None:
    clouds.put(name, {"a": "1"})
    labels = clouds.writer()
    seen = read(labels, name)
    clouds.rest.faults.append(saying(status, named, "as it may be", reason))
    answer = write(labels, name, seen, {"owner": "x"})
    assert answer.how == how
    assert answer.why
    assert clouds.sent() == 1
    assert clouds.labels(name) == {"a": "1"}


@pytest.mark.parametrize(
    ("name", "message", "how"),
    [
        (CLUSTER, "Labels could not be set due to fingerprint mismatch", "conflict"),
        (CLUSTER, "Cluster is running incompatible operation operation-17.", "again"),
        # "Secret Manager, Etags" has this status for them, and no text.
        (SECRET, "The precondition of the request has failed.", "conflict"),
        (DATASET, "The dataset is under a hold", "refused"),
    ],
)
def test_a_failed_precondition_means_what_the_service_means(clouds: Clouds, name: str, message: str, how: str) -> None:
    clouds.put(name, {"a": "1"})
    labels = clouds.writer()
    seen = read(labels, name)
    clouds.rest.faults.append(saying(400, "FAILED_PRECONDITION", message, "failedPrecondition"))
    assert write(labels, name, seen, {"owner": "x"}).how == how


@pytest.mark.parametrize("name", OVER_HTTP)
@pytest.mark.parametrize(
    "answer",
    [
        Response(reset=True),
        Response(body=b'{"name": "operation-1", "status": "DONE"}', cut=0.5),
        Response(body=b'{"name": "operation-1", "status": "DONE"}', cut=0.0),
        Response(body=b"<html>"),
        Response(body=b""),
        Response(body=b"[]"),
        Response(body=b"\xff\xfe"),
        Response(body=b'{"a":' * 100_000),
        Response(delay=1.0),
    ],
    ids=["reset", "half", "headers alone", "html", "empty", "list", "octets", "deep", "late"],
)
def test_a_write_whose_answer_is_lost_is_unknown_and_not_sent_again(
    clouds: Clouds, name: str, answer: Response
) -> None:
    clouds.put(name, {"a": "1"})
    labels = clouds.writer(timeout=0.2 if answer.delay else 10.0)
    seen = read(labels, name)
    clouds.rest.lost.append(instead(answer))
    found = write(labels, name, seen, {"owner": "x"})
    assert (found.how, found.guard) == ("unknown", "etag")
    assert clouds.sent() == 1
    # It was written all the same, which reading tells, and so does the guard to whoever would send it again.
    assert read(labels, name).tags == {"a": "1", "owner": "x"}
    assert write(labels, name, seen, {"env": "x"}).how in ("unknown", "conflict")
    assert clouds.labels(name) == {"a": "1", "owner": "x"}


@pytest.mark.parametrize("name", OVER_HTTP)
def test_a_connection_that_never_was_leaves_nothing_written(clouds: Clouds, name: str) -> None:
    clouds.put(name, {"a": "1"})
    seen = read(clouds.writer(), name)
    with socket.socket() as closed:  # A port that nobody listens on.
        closed.bind(("127.0.0.1", 0))
        clouds.rest.url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        answer = write(clouds.writer(), name, seen, {"owner": "x"})
    assert answer.how == "again"
    assert clouds.sent() == 0


THROTTLES = [
    (429, "RESOURCE_EXHAUSTED", "rateLimitExceeded", ()),
    (429, "", "", ()),
    (403, "", "rateLimitExceeded", ()),
    (403, "", "userRateLimitExceeded", ()),
    (403, "PERMISSION_DENIED", "", (info("RATE_LIMIT_EXCEEDED"),)),
]


@pytest.mark.parametrize(("status", "named", "reason", "details"), THROTTLES)
def test_one_call_too_many_is_sent_again_more_slowly(
    clouds: Clouds, status: int, named: str, reason: str, details: tuple[dict[str, Any], ...]
) -> None:
    clouds.put(BUCKET, {"a": "1"})
    pacer = Pacer()
    labels = clouds.writer(pacer, patience=5)
    seen = read(labels, BUCKET)
    clouds.rest.faults.append(saying(status, named, "slower", reason, details=details, times=2))
    assert write(labels, BUCKET, seen, {"owner": "x"}).how == "done"
    assert clouds.sent() == 3
    assert pacer.throttles == 2
    found = find("google", BUCKET)
    assert not isinstance(found, str)
    family, quota = found.row.write.quota
    # Two throttles of one storm halve it once, and one good answer adds a twentieth.
    assert pacer.bucket(("google", None, "", family), quota).rate == pytest.approx(quota.rate * 0.55)


@pytest.mark.parametrize(("status", "named", "reason", "details"), THROTTLES)
def test_a_throttle_that_does_not_end_wrote_nothing(
    clouds: Clouds, status: int, named: str, reason: str, details: tuple[dict[str, Any], ...]
) -> None:
    clouds.put(INSTANCE, {"a": "1"})
    labels = clouds.writer(patience=0.1)
    seen = read(labels, INSTANCE)
    clouds.rest.faults.append(saying(status, named, "slower", reason, details=details))
    answer = write(labels, INSTANCE, seen, {"owner": "x"})
    assert (answer.how, "throttled away" in answer.why) == ("again", True)
    assert clouds.labels(INSTANCE) == {"a": "1"}


def test_each_project_and_region_of_compute_has_its_own_bucket(clouds: Clouds) -> None:
    pacer = Pacer()
    labels = clouds.writer(pacer)
    found = find("google", INSTANCE)
    assert not isinstance(found, str)
    family, quota = found.row.read.quota
    read(labels, INSTANCE)
    before = pacer.bucket(("google", None, "shop-prod/europe-west1", family), quota)
    read(labels, INSTANCE.replace("shop-prod", "other"))
    read(labels, INSTANCE.replace("europe-west1-b", "europe-west1-c"))
    before.throttled()
    # Both zones of the region wait for one bucket, and another project's isn't slowed down by it.
    other = pacer.bucket(("google", None, "other/europe-west1", family), quota)
    assert (before.rate, other.rate) == (quota.rate / 2, quota.rate)


def test_an_operation_is_waited_for_where_it_belongs(clouds: Clouds) -> None:
    for name, asked in (
        (INSTANCE, "compute/v1/projects/shop-prod/zones/europe-west1-b/operations/operation-1"),
        (
            INSTANCE.replace("zones/europe-west1-b/instances", "regions/europe-west1/addresses"),
            "compute/v1/projects/shop-prod/regions/europe-west1/operations/operation-2",
        ),
        (
            INSTANCE.replace("zones/europe-west1-b/instances", "global/images"),
            "compute/v1/projects/shop-prod/global/operations/operation-3",
        ),
        (CLUSTER, "v1/projects/shop-prod/locations/europe-west1/operations/operation-4"),
    ):
        clouds.put(name, {"a": "1"})
        labels = clouds.writer(patience=5)
        seen = read(labels, name)
        clouds.rest.questions = 3
        before = len(clouds.rest.requests)
        assert write(labels, name, seen, {"owner": "x"}).how == "done"
        _, *asks = clouds.rest.requests[before:]
        # The write's own answer is the first that it is running.
        assert [request.target.partition(".com/")[2] for request in asks] == [asked] * 3
        assert {request.method for request in asks} == {"GET"}


def test_a_projects_operation_is_waited_for(clouds: Clouds) -> None:
    clouds.put(PROJECT, {"a": "1"})
    labels = clouds.writer(patience=5)
    seen = read(labels, PROJECT)
    clouds.grpc.questions = 2
    assert write(labels, PROJECT, seen, {"owner": "x"}).how == "done"
    assert [one.name for one in clouds.grpc.asked("GetOperation")] == ["operations/up.1"] * 2


@pytest.mark.parametrize("name", [INSTANCE, CLUSTER, PROJECT])
def test_an_operation_that_does_not_end_is_unknown(clouds: Clouds, name: str) -> None:
    clouds.put(name, {"a": "1"})
    labels = clouds.writer(patience=0.1)
    seen = read(labels, name)
    clouds.rest.questions = clouds.grpc.questions = 10_000
    answer = write(labels, name, seen, {"owner": "x"})
    assert (answer.how, "had not ended" in answer.why) == ("unknown", True)
    assert clouds.sent() == 1


@pytest.mark.parametrize("status", [403, 404, 500])
@pytest.mark.parametrize("name", [INSTANCE, CLUSTER])
def test_an_operation_that_can_not_be_seen_is_unknown(clouds: Clouds, name: str, status: int) -> None:
    clouds.put(name, {"a": "1"})
    labels = clouds.writer(patience=0.1)
    seen = read(labels, name)
    clouds.rest.questions = 1
    clouds.rest.faults.append(saying(status, "", "no", writes=False))
    assert write(labels, name, seen, {"owner": "x"}).how == "unknown"
    assert clouds.sent() == 1


@pytest.mark.parametrize("name", [None, 7, "", "../../b/other", "a?b", "x" * 300])
def test_the_name_of_an_operation_leads_nowhere_else(clouds: Clouds, name: object) -> None:
    clouds.put(INSTANCE, {"a": "1"})
    labels = clouds.writer()
    seen = read(labels, INSTANCE)
    clouds.rest.lost.append(instead(Response(body=json.dumps({"name": name, "status": "RUNNING"}).encode())))
    before = len(clouds.rest.requests)
    assert write(labels, INSTANCE, seen, {"owner": "x"}).how == "unknown"
    assert len(clouds.rest.requests) == before + 1


def failed(code: str, status: int) -> dict[str, Any]:
    return {"error": {"errors": [{"code": code, "message": "no"}]}, "httpErrorStatusCode": status}


@pytest.mark.parametrize(
    ("name", "ends", "how"),
    [
        (INSTANCE, failed("CONDITION_NOT_MET", 412), "conflict"),
        (INSTANCE, failed("RESOURCE_NOT_FOUND", 404), "gone"),
        (INSTANCE, failed("RESOURCE_NOT_READY", 400), "again"),
        (INSTANCE, failed("INVALID_USAGE", 400), "refused"),
        (INSTANCE, failed("PERMISSIONS_ERROR", 403), "refused"),
        (INSTANCE, failed("INTERNAL_ERROR", 503), "unknown"),
        (INSTANCE, {"error": "no"}, "unknown"),
        (INSTANCE, {"error": {"errors": 7}}, "unknown"),
        (CLUSTER, {"error": {"code": 13, "message": "internal"}}, "unknown"),
        (CLUSTER, {"error": {"code": 10, "message": "aborted"}}, "unknown"),
    ],
)
def test_how_an_operation_ended_is_what_became_of_the_write(
    clouds: Clouds, name: str, ends: dict[str, Any], how: str
) -> None:
    clouds.put(name, {"a": "1"})
    labels = clouds.writer(patience=5)
    seen = read(labels, name)
    clouds.rest.questions, clouds.rest.ends = 1, ends
    answer = write(labels, name, seen, {"owner": "x"})
    assert (answer.how, "has failed" in answer.why) == (how, True)


@pytest.mark.parametrize(
    ("code", "how"),
    [
        (code_pb2.ABORTED, "conflict"),
        (code_pb2.PERMISSION_DENIED, "refused"),
        (code_pb2.INVALID_ARGUMENT, "refused"),
        (code_pb2.RESOURCE_EXHAUSTED, "again"),
        (code_pb2.INTERNAL, "unknown"),
        (code_pb2.UNKNOWN, "unknown"),
    ],
)
def test_how_a_projects_operation_ended_is_too(clouds: Clouds, code: int, how: str) -> None:
    clouds.put(PROJECT, {"a": "1"})
    labels = clouds.writer(patience=5)
    seen = read(labels, PROJECT)
    clouds.grpc.questions, clouds.grpc.ends = 1, status_pb2.Status(code=code, message="as it may be")
    answer = write(labels, PROJECT, seen, {"owner": "x"})
    assert (answer.how, "has failed" in answer.why) == (how, True)


@pytest.mark.parametrize(
    ("status", "how"),
    [
        (Status.ABORTED, "conflict"),
        (Status.PERMISSION_DENIED, "refused"),
        (Status.INVALID_ARGUMENT, "refused"),
        (Status.FAILED_PRECONDITION, "refused"),
        (Status.UNAUTHENTICATED, "refused"),
        (Status.UNIMPLEMENTED, "refused"),
        (Status.NOT_FOUND, "gone"),
        (Status.UNAVAILABLE, "unknown"),
        (Status.INTERNAL, "unknown"),
        (Status.UNKNOWN, "unknown"),
        (Status.CANCELLED, "unknown"),
        (Status.DATA_LOSS, "unknown"),
        (Status.DEADLINE_EXCEEDED, "unknown"),
    ],
)
def test_a_refused_update_of_a_project_is_sent_once(clouds: Clouds, status: grpc.StatusCode, how: str) -> None:
    clouds.put(PROJECT, {"a": "1"})
    labels = clouds.writer()
    seen = read(labels, PROJECT)
    clouds.grpc.faults["UpdateProject"] = refused(status)
    answer = write(labels, PROJECT, seen, {"owner": "x"})
    assert (answer.how, answer.by) == (how, "UpdateProject")
    assert clouds.sent() == 1


def test_a_throttled_update_of_a_project_is_sent_again(clouds: Clouds) -> None:
    clouds.put(PROJECT, {"a": "1"})
    pacer = Pacer()
    labels = clouds.writer(pacer, patience=5)
    seen = read(labels, PROJECT)
    clouds.grpc.faults["UpdateProject"] = refused(Status.RESOURCE_EXHAUSTED, times=2)
    assert write(labels, PROJECT, seen, {"owner": "x"}).how == "done"
    assert (clouds.sent(), pacer.throttles) == (3, 2)
    clouds.grpc.faults["UpdateProject"] = refused(Status.RESOURCE_EXHAUSTED)
    labels = clouds.writer(patience=0.1)
    assert write(labels, PROJECT, read(labels, PROJECT), {"owner": "y"}).how == "again"


def test_an_update_of_a_project_whose_answer_is_late_is_unknown(clouds: Clouds) -> None:
    clouds.put(PROJECT, {"a": "1"})
    labels = clouds.writer(timeout=0.2)
    seen = read(labels, PROJECT)
    clouds.grpc.faults["UpdateProject"] = slow(0.5, times=1)
    assert write(labels, PROJECT, seen, {"owner": "x"}).how == "unknown"
    assert clouds.sent() == 1


@pytest.mark.parametrize("name", OVER_HTTP)
def test_a_reading_is_repeated_as_long_as_that_may_help(clouds: Clouds, name: str) -> None:
    clouds.put(name, {"a": "1"})
    clouds.rest.faults += [
        instead(Response(reset=True), times=1, writes=False),
        instead(Response(body=b"{", cut=0.5), times=1, writes=False),
        saying(503, "UNAVAILABLE", times=1, writes=False),
        saying(429, "RESOURCE_EXHAUSTED", times=1, writes=False),
    ]
    assert read(clouds.writer(patience=5), name).tags == {"a": "1"}
    assert len(clouds.rest.requests) == 5


@pytest.mark.parametrize("name", OVER_HTTP)
def test_what_is_not_there_is_gone_and_what_is_refused_is_not(clouds: Clouds, name: str) -> None:
    found = read(clouds.writer(), name)
    assert (found.tags, found.gone) == (None, True)
    clouds.put(name, {"a": "1"})
    clouds.rest.faults.append(saying(403, "PERMISSION_DENIED", "no", writes=False))
    found = read(clouds.writer(), name)
    assert (found.tags, found.gone) == (None, False)
    row = find("google", name)
    assert not isinstance(row, str)
    assert row.row.read.permission in found.why
    assert len(clouds.rest.requests) == 2


def test_a_project_that_is_not_there_is_refused_as_google_refuses_it(clouds: Clouds) -> None:
    found = read(clouds.writer(), PROJECT)
    assert (found.tags, found.gone) == (None, False)
    assert "resourcemanager.projects.get" in found.why


def test_a_project_that_is_being_deleted_is_not_written(clouds: Clouds) -> None:
    clouds.grpc.project(100, "shop-prod", "folders/10", {"a": "1"}, leaving=True)
    labels = clouds.writer()
    found = read(labels, PROJECT)
    assert found == Current(None, "it is being deleted")
    assert write(labels, PROJECT, found, {"owner": "x"}).how == "refused"
    assert clouds.sent() == 0


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"{}", "has no labelFingerprint"),
        (b'{"labels": {"a": "1"}}', "has no labelFingerprint"),
        (b'{"labelFingerprint": 7, "labels": {}}', "has no labelFingerprint"),
        (b'{"labelFingerprint": "a\\r\\nb", "labels": {}}', "has no labelFingerprint"),
        (b'{"labelFingerprint": "\\u00e9", "labels": {}}', "has no labelFingerprint"),
        (b'{"labelFingerprint": "x", "labels": ["a"]}', "are no texts"),
        (b'{"labelFingerprint": "x", "labels": {"a": 1}}', "are no texts"),
        (b'{"labelFingerprint": "x", "labels": {"a": null}}', "are no texts"),
        (b'{"labelFingerprint": "x", "labels": "a"}', "are no texts"),
        (b"null", "no whole answer"),
        (b"<html>", "no whole answer"),
    ],
)
def test_an_answer_that_shows_no_labels_is_no_reading(clouds: Clouds, body: bytes, said: str) -> None:
    clouds.rest.faults.append(instead(Response(body=body), writes=False))
    found = read(clouds.writer(patience=0.1), INSTANCE)
    assert (found.tags, found.gone, said in found.why) == (None, False, True)


def test_what_a_server_says_is_one_short_line(clouds: Clouds) -> None:
    clouds.rest.faults.append(saying(403, "PERMISSION_DENIED", "\x1b[31m\n" + "x" * 10_000, writes=False))
    why = read(clouds.writer(), INSTANCE).why
    assert why.isprintable()
    assert len(why) < 1000


def test_an_api_that_is_not_enabled_is_named_with_what_enables_it(clouds: Clouds) -> None:
    details = (info("SERVICE_DISABLED", service="compute.googleapis.com", consumer="projects/100"),)
    clouds.rest.faults.append(saying(403, "PERMISSION_DENIED", "not used before", details=details, writes=False))
    assert "`gcloud services enable compute.googleapis.com --project=100`" in read(clouds.writer(), INSTANCE).why


@pytest.mark.parametrize("name", [PROJECT, INSTANCE, BUCKET])
def test_a_run_that_was_ended_sends_nothing_any_more(clouds: Clouds, name: str) -> None:
    clouds.put(name, {"a": "1"})
    pacer = Pacer()
    labels = clouds.writer(pacer)
    seen = read(labels, name)
    pacer.stop()
    assert write(labels, name, seen, {"owner": "x"}).how == "again"
    assert read(labels, name).tags is None
    assert clouds.sent() == 0


@pytest.mark.parametrize("name", [PROJECT, INSTANCE])
def test_a_run_that_is_ended_while_it_waits_knows_nothing_of_the_write(clouds: Clouds, name: str) -> None:
    clouds.put(name, {"a": "1"})
    pacer = Pacer()
    labels = clouds.writer(pacer, patience=5)
    seen = read(labels, name)
    clouds.rest.questions = clouds.grpc.questions = 10_000
    clouds.grpc.between = clouds.rest.between = lambda _: pacer.stop()
    assert write(labels, name, seen, {"owner": "x"}).how == "unknown"
    assert clouds.sent() == 1


def test_nobody_is_led_elsewhere(clouds: Clouds) -> None:
    clouds.put(BUCKET, {"a": "1"})
    labels = clouds.writer()
    seen = read(labels, BUCKET)
    elsewhere = (("Location", f"{clouds.rest.url}/storage.googleapis.com/storage/v1/b/other"),)
    clouds.rest.faults.append(instead(Response(status=307, headers=elsewhere)))
    assert write(labels, BUCKET, seen, {"owner": "x"}).how == "unknown"
    assert clouds.sent() == 1


def test_without_credentials_nothing_is_sent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    labels = GoogleLabels(Google(Pacer()))
    for name in (PROJECT, BUCKET):
        assert "no Google credentials" in read(labels, name).why
        answer = write(labels, name, Current({}, stamp="x"), {"owner": "x"})
        assert (answer.how, "no Google credentials" in answer.why) == ("refused", True)


def test_what_is_sent_over_http_is_signed(clouds: Clouds, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """By a service account's own key, made here. It is of another universe than Google's, for which a token is made of
    the key itself and nobody is asked for one. What is refused for its token is signed anew and sent again: it can't
    have been taken."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    account = {
        "type": "service_account",
        "client_email": "writer@shop-prod.iam.example",
        "private_key": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        "token_uri": f"{clouds.rest.url}/token",
        "universe_domain": "universe.example",
    }
    file = tmp_path / "key.json"
    file.write_text(json.dumps(account))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "shop-prod")
    clouds.rest.faults += [instead(Response(status=401), times=1), instead(Response(body=b"{}"))]
    session = Google(Pacer(), "billing-1").session()
    assert session.patch(f"{clouds.rest.url}/x", data=b"{}").status_code == 200
    assert [request.target for request in clouds.rest.requests] == ["/x", "/x"]
    for request in clouds.rest.requests:
        kind, _, token = request.headers["authorization"].partition(" ")
        claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
        assert (kind, claims["iss"]) == ("Bearer", "writer@shop-prod.iam.example")
        assert request.headers["x-goog-user-project"] == "billing-1"


def test_one_of_many_that_is_refused_keeps_no_other_from_being_written(clouds: Clouds) -> None:
    names = [BUCKET, INSTANCE, SECRET]
    for name in names:
        clouds.put(name, {"a": "1"})
    labels = clouds.writer()
    seen = labels.read([target(name) for name in names])
    clouds.label(INSTANCE, "theirs", "kept")
    edits = [Edit(target(name), {"owner": "x"}, {}, current) for name, current in zip(names, seen, strict=True)]
    assert [answer.how for answer in labels.write(edits)] == ["done", "conflict", "done"]
