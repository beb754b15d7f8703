"""Labels are written as they were meant, and nobody else's is ever lost by it."""

import itertools
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from costguard.catalog.encoding import decode, encode
from costguard.clouds.google.labels import GoogleLabels, hindrance, writer
from costguard.clouds.google.labels.table import ROWS
from costguard.clouds.pace import Pacer
from costguard.clouds.writing import Current, Edit, Target
from costguard.config import InventoryDoc
from tests.clouds.google.labels.conftest import PROJECT, Clouds, fresh, read, target, write

INSTANCE = "//compute.googleapis.com/projects/shop-prod/zones/europe-west1-b/instances/web"
BUCKET = "//storage.googleapis.com/shop-invoices"
NAMES = (
    PROJECT,
    BUCKET,
    INSTANCE,
    "//compute.googleapis.com/projects/shop-prod/zones/europe-west1-b/disks/web",
    "//compute.googleapis.com/projects/shop-prod/regions/europe-west1/disks/web",
    "//compute.googleapis.com/projects/shop-prod/zones/europe-west1-b/instantSnapshots/web",
    "//compute.googleapis.com/projects/shop-prod/regions/europe-west1/instantSnapshots/web",
    "//compute.googleapis.com/projects/shop-prod/regions/europe-west1/addresses/out",
    "//compute.googleapis.com/projects/shop-prod/global/addresses/out",
    "//compute.googleapis.com/projects/shop-prod/regions/europe-west1/forwardingRules/in",
    "//compute.googleapis.com/projects/shop-prod/global/forwardingRules/in",
    "//compute.googleapis.com/projects/shop-prod/global/images/base",
    "//compute.googleapis.com/projects/shop-prod/global/machineImages/base",
    "//compute.googleapis.com/projects/shop-prod/global/snapshots/web-1",
    "//compute.googleapis.com/projects/shop-prod/global/securityPolicies/edge",
    "//compute.googleapis.com/projects/shop-prod/global/interconnects/dc",
    "//compute.googleapis.com/projects/shop-prod/regions/europe-west1/interconnectAttachments/dc",
    "//compute.googleapis.com/projects/shop-prod/regions/europe-west1/vpnTunnels/dc",
    "//compute.googleapis.com/projects/shop-prod/regions/europe-west1/vpnGateways/dc",
    "//compute.googleapis.com/projects/shop-prod/regions/europe-west1/targetVpnGateways/dc",
    "//compute.googleapis.com/projects/shop-prod/global/externalVpnGateways/dc",
    "//container.googleapis.com/projects/shop-prod/locations/europe-west1/clusters/main",
    "//container.googleapis.com/projects/shop-prod/zones/europe-west1-b/clusters/main",
    "//bigquery.googleapis.com/projects/shop-prod/datasets/sales",
    "//bigquery.googleapis.com/projects/shop-prod/datasets/sales/tables/orders 2026",
    "//secretmanager.googleapis.com/projects/100/secrets/key",
    "//secretmanager.googleapis.com/projects/100/locations/europe-west1/secrets/key",
)
# One of each way to hold a write back.
WAYS = (PROJECT, BUCKET, INSTANCE, NAMES[21], NAMES[23], NAMES[25])


def test_every_row_of_the_table_is_tried_here(clouds: Clouds) -> None:
    for name in NAMES:
        clouds.put(name, {"a": "b"})
    found = clouds.writer().read([target(name) for name in NAMES])
    assert [one.tags for one in found] == [{"a": "b"}] * len(NAMES)
    assert len(NAMES) == len(ROWS) + 1


@pytest.mark.parametrize("name", NAMES)
def test_only_the_labels_of_the_edit_change(clouds: Clouds, name: str) -> None:
    clouds.put(name, {"goog-managed": "x", "team": "shop", "env": "prd", "stage": "old"})
    labels = clouds.writer()
    assert labels.hindrance(target(name)) == ""
    seen = read(labels, name)
    answer = write(labels, name, seen, {"owner": "payments", "env": "production"}, {"team": "shop", "stage": "new"})
    assert (answer.how, answer.guard) == ("done", "etag")
    assert answer.by
    # The stage isn't what was to be taken away, so that it stays.
    after = {"goog-managed": "x", "owner": "payments", "env": "production", "stage": "old"}
    assert clouds.labels(name) == after
    assert read(labels, name).tags == after


@pytest.mark.parametrize("name", NAMES)
def test_the_first_label_and_the_last_one(clouds: Clouds, name: str) -> None:
    clouds.put(name, {})
    labels = clouds.writer()
    seen = read(labels, name)
    assert seen.tags == {}
    assert write(labels, name, seen, {"owner": ""}).how == "done"
    seen = read(labels, name)
    assert seen.tags == {"owner": ""}
    assert write(labels, name, seen, remove={"owner": ""}).how == "done"
    assert read(labels, name).tags == {}


@pytest.mark.parametrize("name", NAMES)
def test_an_edit_that_is_there_already_sends_nothing(clouds: Clouds, name: str) -> None:
    clouds.put(name, {"owner": "shop"})
    labels = clouds.writer()
    first = write(labels, name, read(labels, name), {"owner": "payments"}, {"absent": "x"})
    sent, there = clouds.sent(), clouds.labels(name)
    second = write(labels, name, read(labels, name), {"owner": "payments"}, {"absent": "x"})
    assert (first.how, second.how) == ("done", "done")
    assert (sent, clouds.sent()) == (1, 1)
    assert clouds.labels(name) == there == {"owner": "payments"}


@pytest.mark.parametrize("name", NAMES)
def test_a_label_that_came_after_the_reading_is_a_conflict(clouds: Clouds, name: str) -> None:
    clouds.put(name, {"a": "1"})
    labels = clouds.writer()
    seen = read(labels, name)
    clouds.label(name, "theirs", "kept")
    answer = write(labels, name, seen, {"owner": "payments"})
    assert (answer.how, answer.guard) == ("conflict", "etag")
    assert clouds.labels(name) == {"a": "1", "theirs": "kept"}
    # It is the caller that reads again and decides: nothing was tried a second time.
    assert clouds.sent() == 1


@pytest.mark.parametrize("name", NAMES)
def test_so_is_one_that_comes_while_the_write_is_on_its_way(clouds: Clouds, name: str) -> None:
    clouds.put(name, {"a": "1"})
    labels = clouds.writer()
    seen = read(labels, name)
    clouds.grpc.between = clouds.rest.between = lambda _: clouds.label(name, "theirs", "kept")
    assert write(labels, name, seen, {"owner": "payments"}).how == "conflict"
    assert clouds.labels(name) == {"a": "1", "theirs": "kept"}


@pytest.mark.parametrize("name", WAYS)
def test_two_writers_lose_nothing_in_whatever_order_they_come(clouds: Clouds, name: str) -> None:
    """Each reads, writes, and does both again after a conflict, as the run does that uses it."""
    one, two = clouds.writer(), clouds.writer()
    # Ours reads and writes at the places of 0, theirs at those of 1.
    for order in sorted(set(itertools.permutations((0, 0, 1, 1)))):
        clouds.put(name, {"a": "1"})
        seen: dict[int, Current] = {}
        behind = set()
        for who in order:
            labels, key = ((one, "ours"), (two, "theirs"))[who]
            if who not in seen:
                seen[who] = read(labels, name)
            elif write(labels, name, seen[who], {key: "x"}).how != "done":
                behind.add(who)
        assert clouds.labels(name).items() >= {"a": "1"}.items()
        assert len(behind) == (order not in ((0, 0, 1, 1), (1, 1, 0, 0)))
        for who in behind:
            labels, key = ((one, "ours"), (two, "theirs"))[who]
            assert write(labels, name, read(labels, name), {key: "x"}).how == "done"
        assert clouds.labels(name) == {"a": "1", "ours": "x", "theirs": "x"}


def test_many_workers_share_one_writer(clouds: Clouds) -> None:
    for name in NAMES:
        clouds.put(name, {"a": "1"})
    labels = clouds.writer(patience=5)
    with ThreadPoolExecutor(8) as workers:
        answers = list(workers.map(lambda name: write(labels, name, read(labels, name), {"owner": "x"}), NAMES))
    assert {answer.how for answer in answers} == {"done"}
    assert all(clouds.labels(name) == {"a": "1", "owner": "x"} for name in NAMES)
    assert clouds.sent() == len(NAMES)


KEYS = st.sampled_from(("owner", "env", "a", "b-2", "größe"))
VALUES = st.sampled_from(("", "x", "y_1", "zoë"))
LABELS = st.dictionaries(KEYS, VALUES, max_size=4)


@given(
    name=st.sampled_from(WAYS),
    start=LABELS,
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("theirs"), KEYS, VALUES),
            st.tuples(st.just("read"), st.none(), st.none()),
            st.tuples(st.just("write"), LABELS, LABELS),
        ),
        max_size=7,
    ),
)
@examples(max_examples=120, deadline=None)
def test_what_is_there_is_what_was_last_written_by_whoever_was_told_so(
    served: Clouds, name: str, start: dict[str, str], steps: list[tuple[str, object, object]]
) -> None:
    """A model of the labels beside the server, changed by what others do and by each edit that is done."""
    fresh(served)
    served.put(name, start)
    labels, model = served.writer(), dict(start)
    seen, current = read(labels, name), True
    for what, first, second in steps:
        if what == "theirs":
            assert isinstance(first, str)
            assert isinstance(second, str)
            served.label(name, first, second)
            model[first] = second
            current = False
        elif what == "read":
            seen, current = read(labels, name), True
        else:
            assert isinstance(first, dict)
            assert isinstance(second, dict)
            remove = {key: value for key, value in second.items() if key not in first}
            read_ = dict(seen.tags or {})
            wanted = {key: value for key, value in read_.items() if remove.get(key) != value} | first
            answer = write(labels, name, seen, first, remove)
            if wanted == read_:
                assert answer.how == "done"  # There was nothing to do when it was read.
            elif current:
                assert answer.how == "done"
                model, current = wanted, False
            else:
                assert answer.how == "conflict"
        assert served.labels(name) == model


@given(text=st.text(max_size=12))
@examples(max_examples=60, deadline=None)
def test_an_encoded_value_comes_back_as_what_it_was(served: Clouds, text: str) -> None:
    value = encode("google", text)
    if value is None:
        return
    fresh(served)
    for name in (PROJECT, BUCKET, INSTANCE):
        served.put(name, {"a": "1"})
        labels = served.writer()
        assert write(labels, name, read(labels, name), {"owner": value}).how == "done"
        there = read(labels, name).tags
        assert there is not None
        assert decode("google", there["owner"]) == text


@pytest.mark.parametrize("name", [PROJECT, INSTANCE])
@pytest.mark.parametrize(
    ("given_", "remove"),
    [
        ({"Owner": "x"}, {}),
        ({"": "x"}, {}),
        ({"1owner": "x"}, {}),
        ({"o" * 64: "x"}, {}),
        ({"owner": "alice@corp.com"}, {}),
        ({"owner": "Alice"}, {}),
        ({"owner": "x" * 64}, {}),
        ({"owner": "\ud800"}, {}),
        ({"goog-owner": "x"}, {}),
        ({}, {"goog-managed": "x"}),
        ({f"k{number}": "x" for number in range(63)}, {}),
    ],
)
def test_what_google_does_not_take_is_never_sent(
    clouds: Clouds, name: str, given_: dict[str, str], remove: dict[str, str]
) -> None:
    clouds.put(name, {"goog-managed": "x", "a": "1"})
    labels = clouds.writer()
    answer = write(labels, name, read(labels, name), given_, remove)
    assert answer.how == "refused"
    assert answer.why
    assert clouds.sent() == 0


def test_the_sixty_fourth_label_is_sent(clouds: Clouds) -> None:
    clouds.put(INSTANCE, {f"k{number}": "x" for number in range(63)})
    labels = clouds.writer()
    assert write(labels, INSTANCE, read(labels, INSTANCE), {"owner": "x"}).how == "done"


@pytest.mark.parametrize("name", [PROJECT, INSTANCE, BUCKET])
@pytest.mark.parametrize(
    ("seen", "how"),
    [
        (Current(None, "denied"), "refused"),
        (Current(None, "it is gone", gone=True), "gone"),
        (Current({"a": "1"}), "refused"),
        (Current({"a": "1"}, stamp="x\r\nX-Evil: 1"), "refused"),
        (Current({"a": "1"}, stamp="é"), "refused"),
    ],
)
def test_nothing_is_written_from_unknown_evidence(clouds: Clouds, name: str, seen: Current, how: str) -> None:
    clouds.put(name, {"a": "1"})
    assert write(clouds.writer(), name, seen, {"owner": "x"}).how == how
    assert clouds.sent() == 0


COMPUTE = "//compute.googleapis.com/projects/shop-prod"


@pytest.mark.parametrize(
    ("name", "cloud", "said"),
    [
        ("arn:aws:s3:::bucket", "aws", "no resource of Google Cloud's"),
        ("shop-invoices", "google", "no full resource name"),
        ("//storage.googleapis.com", "google", "no full resource name"),
        ("//storage.googleapis.com/", "google", "can't be the name"),
        ("//storage.googleapis.com/..", "google", "can't be the name"),
        ("//storage.googleapis.com/a\nb", "google", "can't be the name"),
        ("//storage.googleapis.com/\ud800", "google", "can't be the name"),
        (f"{COMPUTE}/zones/../instances/web", "google", "can't be the name"),
        (f"{COMPUTE}/global/instanceTemplates/web", "google", "no way to write labels only where nobody else has"),
        (f"{COMPUTE}/zones/europe-west1-b/storagePools/web", "google", "no way to write labels only where"),
        ("//cloudsql.googleapis.com/projects/p/instances/i", "google", "Cloud SQL holds the version"),
        ("//run.googleapis.com/projects/p/locations/l/services/s", "google", "rolls out"),
        ("//pubsub.googleapis.com/projects/p/topics/t", "google", "no way to write labels only where"),
        ("//cloudresourcemanager.googleapis.com/folders/1", "google", "no way to write labels only where"),
        ("//cloudresourcemanager.googleapis.com/projects/..", "google", "no way to write labels only where"),
        ("//evil.example/projects/p/zones/z/instances/i", "google", "no way to write labels only where"),
    ],
)
def test_what_can_not_be_written_says_why_and_is_not_asked_about(
    clouds: Clouds, name: str, cloud: str, said: str
) -> None:
    labels = clouds.writer()
    one = Target(name, "x", "aws" if cloud == "aws" else "google", "shop-prod", "global")
    assert said in hindrance(one) == labels.hindrance(one)
    [seen] = labels.read([one])
    assert (seen.tags, seen.gone, said in seen.why) == (None, False, True)
    [answer] = labels.write([Edit(one, {"owner": "x"}, {}, Current({}, stamp="x"))])
    assert (answer.how, said in answer.why) == ("refused", True)
    assert clouds.rest.requests == []
    assert clouds.grpc.requests == []


def test_a_name_stays_one_part_of_its_path(clouds: Clouds) -> None:
    """What a name has in it is sent as it is, and leads nowhere else."""
    name = "//storage.googleapis.com/b?userProject=victim#%2e%2e;x"
    clouds.put(name, {"a": "1"})
    assert read(clouds.writer(), name).tags == {"a": "1"}
    [request] = clouds.rest.requests
    assert request.target.startswith("/storage.googleapis.com/storage/v1/b/b%3FuserProject%3Dvictim%23%252e%252e%3Bx?")


def test_each_service_is_spoken_to_where_it_answers(clouds: Clouds) -> None:
    clouds.writer().read([target(name) for name in WAYS] + [target(NAMES[26])])
    assert clouds.rest.hosts == [
        "storage.googleapis.com",
        "compute.googleapis.com",
        "container.googleapis.com",
        "bigquery.googleapis.com",
        "secretmanager.googleapis.com",
        "secretmanager.europe-west1.rep.googleapis.com",
    ]


def test_the_configuration_makes_a_writer(clouds: Clouds, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment names the emulators, as a person does who tries it out."""
    monkeypatch.setenv("COSTGUARD_GOOGLE_EMULATOR_HOST", clouds.grpc.address)
    monkeypatch.setenv("COSTGUARD_GOOGLE_EMULATOR_HTTP_HOST", clouds.rest.url.removeprefix("http://"))
    for name in WAYS:
        clouds.put(name, {"a": "1"})
    labels: GoogleLabels = writer(InventoryDoc(), Pacer())
    assert labels.batch == 1
    for name in WAYS:
        assert write(labels, name, read(labels, name), {"owner": "x"}).how == "done"
        assert clouds.labels(name) == {"a": "1", "owner": "x"}


def test_one_emulator_without_the_other_sends_nobody_to_google(clouds: Clouds, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COSTGUARD_GOOGLE_EMULATOR_HTTP_HOST", raising=False)
    monkeypatch.setenv("COSTGUARD_GOOGLE_EMULATOR_HOST", clouds.grpc.address)
    clouds.put(PROJECT, {"a": "1"})
    labels = writer(InventoryDoc(), Pacer())
    assert read(labels, PROJECT).tags == {"a": "1"}
    assert "COSTGUARD_GOOGLE_EMULATOR_HTTP_HOST" in read(labels, BUCKET).why


def test_no_library_of_google_is_imported_before_one_is_needed() -> None:
    code = "import sys, costguard.clouds.google.labels; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(ran.stdout.split())
    assert "costguard.clouds.google.labels" in loaded
    assert not loaded & {"grpc", "google.auth", "google.api_core", "requests", "urllib3"}
