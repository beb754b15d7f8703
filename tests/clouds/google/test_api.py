"""The one door: what goes through it, how it is repeated, and what it says where nothing comes back."""

from concurrent import futures
from pathlib import Path
from typing import Any

import grpc  # type: ignore[import-untyped] # It has none.
import pytest

from costguard.clouds.google import calls
from costguard.clouds.google.api import EMULATOR, DeniedError, Google
from costguard.clouds.google.calls import CALLS, GET_PROJECT, LIST, LIST_EFFECTIVE_TAGS, LIST_FOLDERS, SEARCH, Call
from costguard.clouds.pace import Pacer
from costguard.clouds.sighting import SourceError
from tests.servers.google import MANAGER, FakeGoogle, Fault, disabled, key_id, refused, result, slow

Status = grpc.StatusCode


def door(google: FakeGoogle, *, patience: float = 0.8, timeout: float = 10.0) -> Google:
    return Google(Pacer(), channel=google.channel, patience=patience, pause=0.01, timeout=timeout)


def test_every_call_of_the_table_is_one_that_google_has(google: FakeGoogle) -> None:
    asks: dict[Call, dict[str, Any]] = {
        SEARCH: {"scope": "organizations/1", "read_mask": {"paths": ["name"]}},
        LIST: {"parent": "organizations/1"},
        GET_PROJECT: {"name": "projects/shop-prod"},
        calls.LIST_PROJECTS: {"parent": "folders/10"},
        calls.GET_FOLDER: {"name": "folders/10"},
        LIST_FOLDERS: {"parent": "organizations/1"},
        calls.GET_TAG_KEY: {"name": "1/owner"},
        calls.LIST_TAG_KEYS: {"parent": "organizations/1"},
        calls.LIST_TAG_VALUES: {"parent": key_id("1/owner")},
        LIST_EFFECTIVE_TAGS: {"parent": f"{MANAGER}projects/100"},
    }
    google.tag_keys = {"1/owner": ["payments"]}
    for call in CALLS:
        door(google).ask(call, asks[call], "organizations/1")
    assert [rpc for rpc, _ in google.requests] == [call.rpc for call in CALLS]


def test_what_is_not_in_the_table_does_not_go_out(google: FakeGoogle) -> None:
    call = Call(
        api="cloudresourcemanager.googleapis.com",
        service="google.cloud.resourcemanager.v3.Projects",
        method="DeleteProject",
        permission="resourcemanager.projects.delete",
        per_minute=1,
    )
    with pytest.raises(AssertionError, match="table of calls"):
        door(google).ask(call, {}, "projects/shop-prod")
    assert google.requests == []
    assert google.hosts == []


def test_the_role_is_what_the_table_says() -> None:
    # Google's "Cloud Asset Inventory: access control" and "Resource Manager: permissions".
    assert calls.permissions() == (
        "cloudasset.assets.listResource",
        "cloudasset.assets.searchAllResources",
        "resourcemanager.folders.get",
        "resourcemanager.folders.list",
        "resourcemanager.hierarchyNodes.listEffectiveTags",
        "resourcemanager.projects.get",
        "resourcemanager.projects.list",
        "resourcemanager.tagKeys.get",
        "resourcemanager.tagKeys.list",
        "resourcemanager.tagValues.list",
    )
    assert all(f"\n- {permission}\n" in calls.role_document() for permission in calls.permissions())


@pytest.mark.parametrize(("call", "in_a_minute"), [(SEARCH, 400), (LIST, 100)])
def test_no_minute_has_more_calls_than_google_takes(call: Call, in_a_minute: int) -> None:
    _, quota = call.quota
    assert quota.burst + quota.rate * 60 <= in_a_minute
    assert quota.rate * 60 >= 0.9 * in_a_minute


def test_a_zone_is_asked_where_it_answers(google: FakeGoogle) -> None:
    disk = "//compute.googleapis.com/projects/100/zones/europe-west1-b/disks/1"
    door(google).ask(LIST_EFFECTIVE_TAGS, {"parent": disk}, disk, location="europe-west1-b")
    assert google.hosts == ["europe-west1-b-cloudresourcemanager.googleapis.com"]


@pytest.mark.parametrize(
    "status", [Status.RESOURCE_EXHAUSTED, Status.UNAVAILABLE, Status.INTERNAL, Status.DEADLINE_EXCEEDED]
)
def test_what_passes_is_repeated(google: FakeGoogle, status: grpc.StatusCode) -> None:
    google.faults["ListFolders"] = refused(status, times=2)
    page = door(google, patience=5).ask(LIST_FOLDERS, {"parent": "organizations/1"}, "organizations/1")
    assert [folder.name for folder in page.folders] == ["folders/10"]
    assert len(google.asked("ListFolders")) == 3


@pytest.mark.parametrize(
    "status",
    [Status.PERMISSION_DENIED, Status.NOT_FOUND, Status.INVALID_ARGUMENT, Status.UNAUTHENTICATED, Status.UNIMPLEMENTED],
)
def test_what_does_not_pass_is_not_repeated(google: FakeGoogle, status: grpc.StatusCode) -> None:
    google.faults["ListFolders"] = refused(status)
    with pytest.raises(SourceError, match=status.name):
        door(google).ask(LIST_FOLDERS, {"parent": "organizations/1"}, "organizations/1")
    assert len(google.asked("ListFolders")) == 1


def test_a_throttle_slows_the_bucket_down_and_good_answers_bring_it_back(google: FakeGoogle) -> None:
    google.faults["ListFolders"] = refused(Status.RESOURCE_EXHAUSTED, times=1)
    now = [0.0]
    pacer = Pacer(clock=lambda: now[0], sleep=lambda seconds: now.__setitem__(0, now[0] + seconds))
    google_door = Google(pacer, channel=google.channel, pause=0.01)
    family, quota = LIST_FOLDERS.quota
    bucket = pacer.bucket(("google", None, "", family), quota)
    google_door.ask(LIST_FOLDERS, {"parent": "organizations/1"}, "organizations/1")
    assert pacer.throttles == 1
    assert quota.rate / 2 <= bucket.rate < quota.rate
    for _ in range(20):
        google_door.ask(LIST_FOLDERS, {"parent": "organizations/1"}, "organizations/1")
    assert bucket.rate == quota.rate


def test_an_answer_that_takes_too_long_is_asked_for_again(google: FakeGoogle) -> None:
    google.faults["ListFolders"] = slow(0.6, times=1)
    answer = door(google, patience=5, timeout=0.2).ask(LIST_FOLDERS, {"parent": "organizations/1"}, "organizations/1")
    assert len(answer.folders) == 1


def test_many_projects_are_one_quota_and_another_quota_project_is_another() -> None:
    pacer = Pacer()
    family, quota = SEARCH.quota
    assert pacer.bucket(("google", None, "", family), quota) is pacer.bucket(("google", None, "", family), quota)
    assert pacer.bucket(("google", "billing", "", family), quota) is not pacer.bucket(
        ("google", None, "", family), quota
    )


def test_pages_that_lead_in_a_circle_are_left(google: FakeGoogle) -> None:
    google.results = [result(f"//x/{n}", "x.googleapis.com/X") for n in range(1100)]
    google.circling = True
    pages = door(google).pages(
        SEARCH, {"scope": "organizations/1", "read_mask": {"paths": ["name"]}}, "it", page_size=500
    )
    with pytest.raises(SourceError, match="circle"):
        for _ in pages:
            pass
    assert len(google.asked("SearchAllResources")) == 2


DENIED = (
    "access denied to SearchAllResources, which needs cloudasset.assets.searchAllResources on organizations/1 "
    "(PERMISSION_DENIED: no permission)"
)
ENABLE = "gcloud services enable cloudasset.googleapis.com"
SAID = [
    (refused(Status.PERMISSION_DENIED, "no\npermission"), DENIED),
    (disabled("cloudasset.googleapis.com", "projects/55"), f"`{ENABLE} --project=55`"),
    (
        disabled(
            "cloudasset.googleapis.com", "projects/1", "The API requires a quota project, which is not set by default."
        ),
        "name one with quota-project",
    ),
    (refused(Status.UNAUTHENTICATED, "who?"), "the Google credentials were not accepted"),
    (refused(Status.NOT_FOUND), "there is no organizations/1"),
    (refused(Status.RESOURCE_EXHAUSTED, "Quota exceeded"), "throttled away: SearchAllResources"),
    (refused(Status.UNAVAILABLE), "failed on the side of Google, also when it was repeated"),
    (refused(Status.INTERNAL), "failed on the side of Google, also when it was repeated"),
    (refused(Status.INVALID_ARGUMENT, "x" * 5000), "SearchAllResources was refused (INVALID_ARGUMENT: x"),
    (refused(Status.PERMISSION_DENIED, "\x1b[31m\u202egone"), "(PERMISSION_DENIED: [31m gone)"),
    (slow(0.5, times=99), "SearchAllResources failed on the side of Google"),
]


@pytest.mark.parametrize(("fault", "words"), SAID)
def test_what_is_said_where_nothing_comes_back(google: FakeGoogle, fault: Fault, words: str) -> None:
    google.faults["SearchAllResources"] = fault
    asks = {"scope": "organizations/1", "read_mask": {"paths": ["name"]}}
    with pytest.raises(SourceError) as caught:
        door(google, patience=0.3, timeout=0.2 if "on the side" in words else 5).ask(SEARCH, asks, "organizations/1")
    assert words in str(caught.value)
    assert len(str(caught.value)) < 500
    assert str(caught.value).isprintable()
    assert isinstance(caught.value, DeniedError) == ("PERMISSION_DENIED" in str(caught.value))


def test_a_server_that_is_not_there(google: FakeGoogle) -> None:
    google.address = "127.0.0.1:1"
    with pytest.raises(SourceError, match="failed on the side of Google"):
        door(google, patience=0.2).ask(LIST_FOLDERS, {"parent": "organizations/1"}, "organizations/1")


class Forgetful(grpc.AuthMetadataPlugin):  # type: ignore[misc] # It comes without types.
    """Credentials that were taken back: gRPC asks them for a token before it sends anything."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, _: Any, callback: Any) -> None:
        self.asked += 1
        callback((), RuntimeError("invalid_grant: Token has been expired or revoked."))


def test_credentials_that_can_not_be_renewed_are_tried_once() -> None:
    server = grpc.server(futures.ThreadPoolExecutor(1))
    port = server.add_secure_port("127.0.0.1:0", grpc.local_server_credentials())
    server.start()
    forgetful = Forgetful()
    whole = grpc.composite_channel_credentials(
        grpc.local_channel_credentials(), grpc.metadata_call_credentials(forgetful)
    )
    try:
        one = Google(Pacer(), channel=lambda _: grpc.secure_channel(f"127.0.0.1:{port}", whole), patience=5, pause=0.01)
        with pytest.raises(SourceError, match=r"can't be renewed: .*expired or revoked"):
            one.ask(LIST_FOLDERS, {"parent": "organizations/1"}, "organizations/1")
    finally:
        server.stop(0).wait()
    assert forgetful.asked == 1


def test_a_google_that_never_answers_is_waited_for_once(google: FakeGoogle) -> None:
    google.faults["ListFolders"] = refused(Status.UNAVAILABLE)
    one = door(google, patience=0.3)
    with pytest.raises(SourceError, match="side of Google"):
        one.ask(LIST_FOLDERS, {"parent": "organizations/1"}, "organizations/1")
    tried = len(google.asked("ListFolders"))
    assert tried > 1
    with pytest.raises(SourceError, match="side of Google"):
        one.ask(LIST_FOLDERS, {"parent": "organizations/1"}, "organizations/1")
    assert len(google.asked("ListFolders")) == tried + 1
    one.ask(GET_PROJECT, {"name": "projects/shop-prod"}, "projects/shop-prod")  # It does answer after all.
    google.faults["ListFolders"] = refused(Status.UNAVAILABLE, times=2, after=tried + 1)
    one.ask(LIST_FOLDERS, {"parent": "organizations/1"}, "organizations/1")
    assert len(google.asked("ListFolders")) == tried + 4


def test_credentials_are_looked_for_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where there are none it takes a quarter of a minute to see that, and there are many calls."""
    file = tmp_path / "none.json"
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
    one = Google(Pacer())
    with pytest.raises(SourceError, match="no Google credentials"):
        one.ask(LIST_FOLDERS, {"parent": "organizations/1"}, "organizations/1")
    file.write_text("{}")  # Another look would say what is wrong with this.
    with pytest.raises(SourceError, match="no Google credentials"):
        one.ask(GET_PROJECT, {"name": "projects/shop-prod"}, "projects/shop-prod")


def test_no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    with pytest.raises(SourceError, match="application-default"):
        Google(Pacer()).ask(LIST_FOLDERS, {"parent": "organizations/1"}, "organizations/1")


def test_the_environment_may_name_an_emulator(monkeypatch: pytest.MonkeyPatch, google: FakeGoogle) -> None:
    monkeypatch.setenv(EMULATOR, google.address)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")  # There is none, and gRPC would ask it.
    page = Google(Pacer()).ask(LIST_FOLDERS, {"parent": "organizations/1"}, "organizations/1")
    assert [folder.name for folder in page.folders] == ["folders/10"]
