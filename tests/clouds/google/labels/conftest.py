"""Both of Google's faces on loopback, and a writer that speaks to them."""

from collections.abc import Iterator

import msgspec
import pytest

from costguard.clouds.google.api import Google
from costguard.clouds.google.calls import WRITER_CALLS
from costguard.clouds.google.labels import GoogleLabels
from costguard.clouds.pace import Pacer
from costguard.clouds.writing import Answer, Current, Edit, Target
from tests.servers.google import FakeGoogle
from tests.servers.google import serving as serving_grpc
from tests.servers.google_rest import FakeRest, serving

PROJECT = "//cloudresourcemanager.googleapis.com/projects/100"


class Clouds(msgspec.Struct):
    """``grpc`` has the projects, ``rest`` everything else."""

    grpc: FakeGoogle
    rest: FakeRest
    home: str
    """Where ``rest`` is, whatever a test makes of its address."""

    def writer(self, pacer: Pacer | None = None, *, patience: float = 0.5, timeout: float = 10.0) -> GoogleLabels:
        google = Google(
            pacer or Pacer(),
            channel=self.grpc.channel,
            http=self.rest.http,
            patience=patience,
            pause=0.01,
            timeout=timeout,
        )
        return GoogleLabels(google, patience=patience, pause=0.01)

    def put(self, name: str, labels: dict[str, str]) -> None:
        """A resource with these labels and no others."""
        if name == PROJECT:
            self.grpc.project(100, "shop-prod", "folders/10", labels)
        else:
            self.rest.put(name, labels)

    def labels(self, name: str) -> dict[str, str]:
        return dict(self.grpc.projects["projects/100"].labels) if name == PROJECT else self.rest.things[name].labels

    def label(self, name: str, key: str, value: str) -> None:
        """Somebody else's change."""
        if name == PROJECT:
            self.grpc.label(100, key, value)
        else:
            self.rest.label(name, key, value)

    def sent(self) -> int:
        """How many writes arrived."""
        return len(self.rest.writes()) + len(self.grpc.asked("UpdateProject"))


@pytest.fixture(scope="module")
def served() -> Iterator[Clouds]:
    with serving_grpc(FakeGoogle()) as grpc, serving(FakeRest()) as rest:
        yield Clouds(grpc, rest, rest.url)


@pytest.fixture
def clouds(served: Clouds) -> Iterator[Clouds]:
    fresh(served)
    yield served
    known = {call.rpc for call in WRITER_CALLS}
    assert {rpc for rpc, _ in served.grpc.requests} <= known


def fresh(clouds: Clouds) -> None:
    """Nothing is there, nothing goes wrong, and nothing was asked."""
    grpc, rest = FakeGoogle(), FakeRest()
    grpc.address, rest.url = clouds.grpc.address, clouds.home
    for fake, empty in ((clouds.grpc, grpc), (clouds.rest, rest)):
        fake.__dict__.update(empty.__dict__)


def target(name: str, type_: str = "google_compute_instance", region: str = "europe-west1") -> Target:
    return Target(name, type_, "google", "shop-prod", region)


def read(writer: GoogleLabels, name: str) -> Current:
    [found] = writer.read([target(name)])
    return found


def write(
    writer: GoogleLabels,
    name: str,
    seen: Current,
    set: dict[str, str] | None = None,  # noqa: A002 - the noun's own word.
    remove: dict[str, str] | None = None,
) -> Answer:
    [answer] = writer.write([Edit(target(name), set or {}, remove or {}, seen)])
    return answer
