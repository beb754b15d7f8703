"""The run of a change set against Google Cloud: Google's own clients and a real journal, with the cloud on loopback.

Whatever is written here is held back by a fingerprint, a generation or an etag: what somebody else does between reading
and writing is never lost, and never needs to be.
"""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import grpc  # type: ignore[import-untyped] # It has none.
import msgspec
import pytest
from google.rpc import code_pb2, status_pb2  # type: ignore[import-untyped] # They have none.
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from costguard.clouds.google.labels import GoogleLabels
from costguard.errors import UsageError
from costguard.model.change import Change, ChangeSet
from costguard.reconcile.apply import apply, resume
from costguard.reconcile.journal import Journal
from costguard.reconcile.journal.sql import open_journal
from costguard.reconcile.run import Outcome, Settings, what
from costguard.reconcile.undo import undo
from tests.clouds.google.labels.conftest import PROJECT, Clouds, fresh
from tests.clouds.google.labels.test_writing import BUCKET, INSTANCE, WAYS
from tests.reconcile.build import NOW, WIDE, change, change_set
from tests.servers.google import FakeGoogle, refused
from tests.servers.google import serving as serving_grpc
from tests.servers.google_rest import FakeRest, instead, saying, serving
from tests.servers.http1 import Response

Labels = Mapping[str, Mapping[str, str]]
Edits = Mapping[str, Mapping[str, str | None]]

LAWS = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
SETTINGS: Settings = {
    "limits": msgspec.structs.replace(WIDE, canary=1, errors=100),
    "now": lambda: NOW,
    "workers": 2,
    "sleep": lambda _: None,
}
_ROOM = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - a folder of the test's own is made in it.
TYPES = dict(
    zip(
        WAYS,
        [
            ("google_project", "global"),
            ("google_storage_bucket", "europe-west1"),
            ("google_compute_instance", "europe-west1"),
            ("google_container_cluster", "europe-west1"),
            ("google_bigquery_dataset", "europe-west1"),
            ("google_secret_manager_secret", "global"),
        ],
        strict=True,
    )
)


@contextmanager
def _opened() -> Iterator[Journal]:
    with (
        tempfile.TemporaryDirectory(dir=_ROOM) as folder,
        closing(open_journal(f"sqlite:///{folder}/journal.db")) as journal,
    ):
        yield journal


@pytest.fixture(scope="module")
def served() -> Iterator[Clouds]:
    with serving_grpc(FakeGoogle()) as google, serving(FakeRest()) as rest:
        yield Clouds(google, rest, rest.url)


@pytest.fixture
def clouds(served: Clouds) -> Clouds:
    """A cloud in which there is nothing."""
    fresh(served)
    return served


@pytest.fixture
def journal() -> Iterator[Journal]:
    with _opened() as opened:
        yield opened


def planned(edits: Edits, before: Labels) -> ChangeSet:
    """As a plan makes it, which has seen ``before``."""

    def one(name: str, after: Mapping[str, str | None]) -> Change:
        own, (type_, region) = before.get(name, {}), TYPES[name]
        seen = {key: own.get(key) for key in after}
        made = change(name, after, seen, type_=type_, account="shop-prod", region=region)
        return msgspec.structs.replace(made, cloud="google")

    return change_set(one(name, after) for name, after in edits.items())


def put(clouds: Clouds, labels: Labels) -> None:
    """Each resource of :data:`WAYS`, with these labels or none."""
    for name in WAYS:
        clouds.put(name, dict(labels.get(name, {})))


def labels_of(clouds: Clouds) -> dict[str, dict[str, str]]:
    return {name: dict(clouds.labels(name)) for name in WAYS}


def applied(before: Labels, edits: Edits) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for name in WAYS:
        wanted = {**before.get(name, {}), **edits.get(name, {})}
        found[name] = {key: text for key, text in wanted.items() if text is not None}
    return found


class Google:
    """Whoever runs change sets against the cloud."""

    def __init__(self, clouds: Clouds, journal: Journal, *, patience: float = 0.5) -> None:
        """``patience`` in seconds is how long the end of an operation is waited for."""
        self._journal = journal
        self._writer: GoogleLabels = clouds.writer(patience=patience)

    def apply(self, changes: ChangeSet) -> Outcome:
        return apply(changes, self._journal, {"google": self._writer}, **SETTINGS)

    def resume(self, run: str) -> Outcome:
        return resume(run, self._journal, {"google": self._writer}, **SETTINGS)

    def undo(self, run: str) -> Outcome:
        return undo(run, self._journal, {"google": self._writer}, **SETTINGS)


# ------------------------------------------------------------------ laws


_KEYS = st.sampled_from(["owner", "team", "größe"])
_TEXTS = st.sampled_from(["shop", "web", ""])
_LABELS = st.dictionaries(st.sampled_from(WAYS), st.dictionaries(_KEYS, _TEXTS, max_size=3), max_size=len(WAYS))
_WANTED = st.dictionaries(
    st.sampled_from(WAYS),
    st.dictionaries(_KEYS, _TEXTS | st.none(), min_size=1, max_size=3),
    min_size=1,
    max_size=len(WAYS),
)


def _edits(wanted: Edits, before: Labels) -> Edits:
    """Without what is so already."""
    edits = {
        name: {key: text for key, text in after.items() if text != before.get(name, {}).get(key)}
        for name, after in wanted.items()
    }
    return {name: after for name, after in edits.items() if after}


@LAWS
@given(before=_LABELS, wanted=_WANTED)
def test_applying_twice_writes_nothing_the_second_time_and_undoing_leaves_what_was_there(
    served: Clouds, before: Labels, wanted: Edits
) -> None:
    fresh(served)
    put(served, before)
    edits = _edits(wanted, before)
    with _opened() as journal:
        google = Google(served, journal)
        done = google.apply(planned(edits, before))
        assert done.complete
        assert labels_of(served) == applied(before, edits)
        sent = served.sent()
        # What is set is one write, and what is taken away, when that is there, another.
        assert sent == sum(len({text is None for text in after.values()}) for after in edits.values())
        again = google.apply(planned(edits, before))
        assert again.complete
        assert set(again.counts) <= {"already"}
        assert served.sent() == sent
        if done.run:
            undone = google.undo(done.run)
            assert undone.complete
            assert {entry.guard for entry in undone.entries} == {"etag"}
        assert labels_of(served) == applied(before, {})


@LAWS
@given(
    before=_LABELS,
    wanted=_WANTED,
    theirs=st.lists(st.tuples(_KEYS | st.just("hers"), st.sampled_from(["theirs", "shop"])), min_size=1, max_size=4),
    undoing=st.booleans(),
)
def test_no_label_that_somebody_sets_while_a_write_is_on_its_way_is_lost(
    served: Clouds, before: Labels, wanted: Edits, theirs: list[tuple[str, str]], undoing: bool
) -> None:
    """Whatever key it is: also one that costguard is about to write."""
    fresh(served)
    put(served, before)
    edits = _edits(wanted, before)
    waiting = list(theirs)
    wrote: dict[tuple[str, str], str] = {}

    def between(name: str) -> None:
        if waiting:
            whose = name if name.startswith("//") else PROJECT
            key, value = waiting.pop(0)
            served.label(whose, key, value)
            wrote[whose, key] = value

    with _opened() as journal:
        google = Google(served, journal)
        if not undoing:
            served.rest.between = served.grpc.between = between
        done = google.apply(planned(edits, before))
        expected = before
        if undoing and done.run:
            served.rest.between = served.grpc.between = between
            google.undo(done.run)
            expected = applied(before, edits)
    for (name, key), value in wrote.items():
        # Only where they set just what was planned for (or, undoing, had been written) may it be written over.
        assert served.labels(name).get(key) == value or expected.get(name, {}).get(key) == value
    for name in WAYS:
        mine = {key for key, _ in theirs if (name, key) in wrote}
        ours = edits.get(name, {}).keys()
        others = {key: text for key, text in served.labels(name).items() if key not in mine | ours}
        assert others == {key: text for key, text in before.get(name, {}).items() if key not in mine | ours}


# ------------------------------------------------------------------ single cases, by the way of writing


BEFORE = {"team": "post"}


@pytest.fixture(params=WAYS, ids=lambda name: TYPES[name][0])
def name(request: pytest.FixtureRequest, clouds: Clouds) -> str:
    """A resource with a team, which is to get an owner."""
    found: str = request.param
    clouds.put(found, dict(BEFORE))
    return found


def owned(name: str) -> ChangeSet:
    return planned({name: {"owner": "shop"}}, {name: BEFORE})


def test_a_label_that_arrives_first_is_kept_and_the_write_is_decided_on_again(
    clouds: Clouds, name: str, journal: Journal
) -> None:
    once = iter([("cost", "low")])

    def between(_: str) -> None:
        for key, value in once:
            clouds.label(name, key, value)

    clouds.rest.between = clouds.grpc.between = between
    done = Google(clouds, journal).apply(owned(name))
    assert done.complete
    assert clouds.labels(name) == {**BEFORE, "cost": "low", "owner": "shop"}
    assert clouds.sent() == 2, "one that was refused for the other's label, and one that was taken"


def test_the_same_label_that_arrives_first_is_theirs(clouds: Clouds, name: str, journal: Journal) -> None:
    clouds.rest.between = clouds.grpc.between = lambda _: clouds.label(name, "owner", "theirs")
    done = Google(clouds, journal).apply(owned(name))
    assert done.counts == {"drifted": 1}
    assert clouds.labels(name) == {**BEFORE, "owner": "theirs"}
    assert clouds.sent() == 1


def test_what_was_changed_since_is_not_undone(clouds: Clouds, name: str, journal: Journal) -> None:
    google = Google(clouds, journal)
    done = google.apply(owned(name))
    clouds.label(name, "owner", "theirs")
    sent = clouds.sent()
    assert google.undo(done.run).counts == {"drifted": 1}
    assert clouds.labels(name) == {**BEFORE, "owner": "theirs"}
    assert clouds.sent() == sent


def lose_next(clouds: Clouds, name: str, *, effect: bool) -> None:
    """The next write gets no answer: the connection breaks after it took effect, or before."""
    if name != PROJECT:
        answer = instead(Response(reset=True), times=1)
        (clouds.rest.lost if effect else clouds.rest.faults).append(answer)
        return
    left = [effect]

    def broken(_: int, request: Any, context: grpc.ServicerContext) -> None:
        if not left:
            return
        left.clear()
        if effect:
            project = clouds.grpc.projects["projects/100"]
            project.labels = dict(request.project.labels)
            project.etag = 'W/"later"'
        context.abort(grpc.StatusCode.UNAVAILABLE, "the connection broke")

    clouds.grpc.faults["UpdateProject"] = broken


def test_an_answer_that_is_lost_after_the_effect_is_settled_by_reading(
    clouds: Clouds, name: str, journal: Journal
) -> None:
    google = Google(clouds, journal)
    lose_next(clouds, name, effect=True)
    done = google.apply(owned(name))
    assert done.complete
    assert [(entry.how, what(entry)) for entry in done.entries] == [("unknown", "written")]
    assert clouds.labels(name) == {**BEFORE, "owner": "shop"}
    assert clouds.sent() == 1
    lose_next(clouds, name, effect=True)
    assert google.undo(done.run).complete
    assert clouds.labels(name) == BEFORE
    assert clouds.sent() == 2


def test_what_certainly_was_not_taken_is_sent_again(clouds: Clouds, name: str, journal: Journal) -> None:
    lose_next(clouds, name, effect=False)
    done = Google(clouds, journal).apply(owned(name))
    assert done.complete
    assert clouds.labels(name) == {**BEFORE, "owner": "shop"}
    assert clouds.sent() == 2


@pytest.mark.parametrize("effect", [True, False], ids=["after the effect", "before it"])
def test_what_can_not_be_read_either_is_settled_when_the_run_is_resumed(
    clouds: Clouds, name: str, journal: Journal, effect: bool
) -> None:
    google = Google(clouds, journal)
    lose_next(clouds, name, effect=effect)
    # The reading that is decided on is the only one.
    clouds.grpc.faults["GetProject"] = refused(grpc.StatusCode.PERMISSION_DENIED, after=1)
    forbidden = saying(403, "PERMISSION_DENIED", writes=False)
    clouds.rest.faults.append(lambda request, number: forbidden(request, number) if number else None)
    stopped = google.apply(owned(name))
    assert not stopped.complete
    assert stopped.counts == {"unsettled": 1}
    assert [gap.where for gap in stopped.gaps] == [name]
    assert clouds.sent() == 1
    with pytest.raises(UsageError, match="isn't known yet"):
        google.undo(stopped.run)
    clouds.grpc.faults.clear()
    clouds.rest.faults.clear()
    assert google.resume(stopped.run).complete
    assert clouds.labels(name) == {**BEFORE, "owner": "shop"}
    assert clouds.sent() == (1 if effect else 2)
    assert google.undo(stopped.run).complete
    assert clouds.labels(name) == BEFORE


OPERATIONS = (PROJECT, *WAYS[2:4])
"""Those whose writes begin something that ends later."""


@pytest.mark.parametrize("name", OPERATIONS, ids=lambda name: TYPES[name][0], indirect=True)
def test_an_operation_whose_end_is_not_seen_is_settled_by_reading(clouds: Clouds, name: str, journal: Journal) -> None:
    clouds.rest.questions = clouds.grpc.questions = 10_000
    done = Google(clouds, journal, patience=0.05).apply(owned(name))
    assert done.complete
    assert [entry.how for entry in done.entries] == ["unknown"]
    assert clouds.labels(name) == {**BEFORE, "owner": "shop"}
    assert clouds.sent() == 1


@pytest.mark.parametrize("name", OPERATIONS[:2], ids=lambda name: TYPES[name][0], indirect=True)
def test_an_operation_that_ends_because_somebody_was_faster_is_decided_on_again(
    clouds: Clouds, name: str, journal: Journal
) -> None:
    clouds.rest.ends = {
        "error": {"errors": [{"code": "CONDITION_NOT_MET", "message": "no"}]},
        "httpErrorStatusCode": 412,
    }
    clouds.grpc.ends = status_pb2.Status(code=code_pb2.ABORTED, message="no")

    def between(_: str) -> None:
        if clouds.sent() > 1:
            clouds.rest.ends, clouds.grpc.ends = {}, None

    clouds.rest.between = clouds.grpc.between = between
    assert Google(clouds, journal).apply(owned(name)).complete
    assert clouds.labels(name) == {**BEFORE, "owner": "shop"}
    assert clouds.sent() == 2


def test_a_project_that_is_being_deleted_is_not_written(clouds: Clouds, journal: Journal) -> None:
    clouds.grpc.project(100, "shop-prod", "folders/10", BEFORE, leaving=True)
    done = Google(clouds, journal).apply(owned(PROJECT))
    assert not done.complete
    assert [entry.why for entry in done.entries] == ["it can't be read: it is being deleted"]
    assert clouds.sent() == 0


def test_what_is_not_there_any_more_is_gone(clouds: Clouds, journal: Journal) -> None:
    done = Google(clouds, journal).apply(owned(INSTANCE))
    assert done.complete
    assert done.counts == {"gone": 1}
    assert clouds.sent() == 0


def test_the_sixty_fifth_label_is_not_sent(clouds: Clouds, journal: Journal) -> None:
    clouds.put(BUCKET, {f"k{number}": "x" for number in range(64)})
    done = Google(clouds, journal).apply(planned({BUCKET: {"owner": "shop"}}, {}))
    assert done.counts == {"full": 1}
    assert clouds.sent() == 0
