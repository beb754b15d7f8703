"""Clouds in memory, for laws that try thousands of cases: tags with the concurrency of the real ones, and no more.

:class:`MemoryCloud` is a :class:`costguard.clouds.writing.TagWriter`. With the guard ``etag`` a write is refused where
the resource has changed since it was read; with ``compare`` only what is taken away is compared (EC2's DeleteTags);
with ``read`` nothing is: whoever wrote between reading and writing loses its value. Between any two calls a test may
let others write, and it orders what goes wrong: a call that isn't taken, one that is refused, one whose answer is lost
before or after its effect, readings that fail or show the past.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import msgspec

from costguard.clouds.writing import Answer, Current, Edit, Guard, Target

Fault = Literal["again", "refused", "lost before", "lost after", "conflict"]


class Write(msgspec.Struct, frozen=True):
    """One effective write: a key of a resource that got another value, None where it was taken away."""

    id: str
    key: str
    before: str | None
    after: str | None


class MemoryCloud:
    """``tags`` by the resources' ids is the cloud itself. ``writes`` are the effective ones in their order, those of
    others not among them; ``calls`` counts edits that were sent."""

    def __init__(self, tags: Mapping[str, Mapping[str, str]], guard: Guard = "read", batch: int = 20) -> None:
        self.tags = {id_: dict(own) for id_, own in tags.items()}
        self.guard = guard
        self.batch = batch
        self.writes: list[Write] = []
        self.calls = 0
        self.faults: dict[str, list[Fault]] = {}
        """What becomes of a resource's next writes, one after the other."""
        self.unread: dict[str, int] = {}
        """How many readings of a resource fail."""
        self.lag = 0
        """How many readings after a write still show what was before it."""
        self.between: Callable[[], None] = lambda: None
        """Called before each write, and after it: whatever else happens in the cloud."""
        self._stale: dict[str, tuple[int, dict[str, str]]] = {}
        self._versions: dict[str, int] = {}
        self._lock = threading.RLock()

    # ------------------------------------------------------------- for the test

    def change(self, id_: str, key: str, value: str | None) -> None:
        """Somebody else writes."""
        with self._lock:
            if id_ in self.tags:
                self._set(id_, key, value)

    def remove(self, id_: str) -> None:
        """Somebody takes the resource away."""
        with self._lock:
            self.tags.pop(id_, None)

    # ------------------------------------------------------------- the writer

    def hindrance(self, target: Target) -> str:
        return ""

    def read(self, targets: Sequence[Target]) -> Sequence[Current]:
        assert len({target.place for target in targets}) == 1, "readings are of one place"
        with self._lock:
            return [self._read(target.id) for target in targets]

    def write(self, edits: Sequence[Edit]) -> Sequence[Answer]:
        assert 1 <= len(edits) <= self.batch, "a write is of one batch"
        assert len({edit.target.place for edit in edits}) == 1, "a write is of one place"
        assert len({str(sorted(edit.set.items())) for edit in edits}) == 1, "a write sets the same for all"
        assert len({str(sorted(edit.remove)) for edit in edits}) == 1, "a write takes the same keys from all"
        answers = []
        for edit in edits:
            self.between()
            with self._lock:
                answers.append(self._write(edit))
            self.between()
        return answers

    def _read(self, id_: str) -> Current:
        if self.unread.get(id_, 0) > 0:
            self.unread[id_] -= 1
            return Current(None, "the test says so")
        if id_ not in self.tags:
            return Current(None, gone=True)
        left, old = self._stale.get(id_, (0, {}))
        if left:
            self._stale[id_] = (left - 1, old)
            return Current(dict(old), stamp=str(self._versions.get(id_, 0) - 1))
        return Current(dict(self.tags[id_]), stamp=str(self._versions.get(id_, 0)))

    def _write(self, edit: Edit) -> Answer:
        id_ = edit.target.id
        self.calls += 1
        ordered = self.faults.get(id_)
        fault = ordered.pop(0) if ordered else None
        if fault == "again":
            return Answer("again", "too many requests")
        if fault == "refused":
            return Answer("refused", "access denied")
        if fault == "conflict":
            return Answer("conflict", "somebody was faster", guard=self.guard)
        if fault == "lost before":
            return Answer("unknown", "the connection broke")
        if id_ not in self.tags:
            return Answer("gone", "no such resource")
        own = self.tags[id_]
        if self.guard == "etag" and edit.seen.stamp != str(self._versions.get(id_, 0)):
            return Answer("conflict", "the etag is another one", guard="etag")
        if self.guard == "compare" and any(own.get(key) != value for key, value in edit.remove.items()):
            return Answer("conflict", "the value is another one", guard="compare")
        before = dict(own)
        changes: dict[str, str | None] = {**edit.set, **dict.fromkeys(edit.remove)}
        for key, value in changes.items():
            if own.get(key) != value:
                self.writes.append(Write(id_, key, own.get(key), value))
            self._set(id_, key, value)
        if self.lag:
            self._stale[id_] = (self.lag, before)
        if fault == "lost after":
            return Answer("unknown", "the connection broke")
        return Answer("done", by="memory:Write", guard=self.guard)

    def _set(self, id_: str, key: str, value: str | None) -> None:
        self._versions[id_] = self._versions.get(id_, 0) + 1
        if value is None:
            self.tags[id_].pop(key, None)
        else:
            self.tags[id_][key] = value


class MemoryPower:
    """Machines and volumes: a :class:`costguard.clouds.writing.Power`. ``states`` by their ids; ``done`` is what was
    really done, in its order; ``faults`` are what becomes of the next acts, one after the other."""

    types = frozenset({"aws_instance", "aws_ebs_volume"})

    def __init__(self, states: Mapping[str, str]) -> None:
        self.states = dict(states)
        self.done: list[tuple[str, str]] = []
        self.faults: list[Fault] = []
        self._snapshots: dict[str, str] = {}

    def state(self, target: Target) -> str:
        return self.states.get(target.id, "gone")

    def snapshot(self, target: Target, token: str) -> Answer:
        return self._act(target, "snapshot", lambda: self._snapshots.setdefault(token, target.id), token)

    def stop(self, target: Target) -> Answer:
        return self._act(target, "stop", lambda: self.states.update({target.id: "stopped"}))

    def terminate(self, target: Target) -> Answer:
        return self._act(target, "terminate", lambda: self.states.pop(target.id))

    def _act(self, target: Target, verb: str, effect: Callable[[], object], token: str = "") -> Answer:
        fault = self.faults.pop(0) if self.faults else None
        match fault:
            case "again" | "refused" | "conflict":
                return Answer(fault, "the test says so")
            case "lost before":
                return Answer("unknown", "the connection broke")
        if not token or token not in self._snapshots:
            self.done.append((verb, target.id))
        effect()
        return (
            Answer("unknown", "the connection broke") if fault == "lost after" else Answer("done", by=f"memory:{verb}")
        )
