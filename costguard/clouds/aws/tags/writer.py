"""The writer of AWS's tags.

Most types are written by the Resource Groups Tagging API, twenty at once; what that doesn't know, or knows badly, is
written by the service itself. Hidden here are ARNs, the two dozen ways in which services spell tags, how one resource
that spoils a call for the others is found, and what an error means for whoever must not write anything twice:

- an answer that says no wrote nothing; a throttle is waited out, within bounds;
- an answer that says "internal error" of one resource is followed by reading it, and only then by another call;
- nothing is sent a second time, in smaller batches or another way, nor is the second part of a rename, that wasn't read
  in between and found as it was when it was decided on: what somebody else wrote meanwhile is a conflict. What is left
  of the window is one wait for the bucket;
- a call without an answer may have been taken. It is ``unknown``, and is never sent again here.
"""

import re
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import jmespath
import msgspec

from costguard.clouds.aws import api
from costguard.clouds.aws.api import Access
from costguard.clouds.aws.calls import Call
from costguard.clouds.aws.native.listing import Batch, Reading, gone, legible, tags_of
from costguard.clouds.aws.tags import services
from costguard.clouds.aws.tags.services import Native, Removal, Write
from costguard.clouds.pace import Stopped
from costguard.clouds.sighting import GLOBAL, SourceError
from costguard.clouds.writing import Answer, Current, Edit, Guard, How, Target

_TAGGING = "resourcegroupstaggingapi"
_TRIES = 6
"""How often a call is sent that is throttled each time. The bucket halves its rate with each, down to one in five
seconds, so this is half a minute in the worst case."""
_INTERNAL = 2
"""How often a resource is sent again of which the tagging API said "internal error" and that turned out untouched."""


class _Failed(msgspec.Struct, frozen=True):
    """What became of a call that brought no good answer. ``code`` is AWS's word, where there was an answer. ``each``:
    the answer need not hold for all resources of the call."""

    how: How
    why: str
    code: str = ""
    each: bool = False


class _Work(msgspec.Struct, frozen=True):
    """One edit, with where it goes: its number among the edits, the table's row, and the fields of its templates."""

    number: int
    target: Target
    row: Native
    fields: Mapping[str, Any]
    seen: Mapping[str, str] = {}
    """The tags on which it was decided."""
    leaves: Mapping[str, str] = {}
    """What is to go, with the values on which that was decided."""

    @property
    def arn(self) -> str:
        return self.target.id


class AwsTags:
    """:class:`costguard.clouds.writing.TagWriter` for AWS. Safe to use from several threads.

    ``access`` gives the way into an account; the session must have been opened for writing. Before the first call into
    an account its credentials are asked whose they are: nothing is ever written to another account than was meant.
    """

    batch = 20

    def __init__(self, access: Callable[[str], Access]) -> None:
        self._open = access
        self._lock = threading.Lock()
        self._accesses: dict[str, Access] = {}
        self._merged_by_put: set[tuple[str, str, str]] = set()
        """Where S3 has no call that merges: (account, region, bucket), the bucket empty for all that are there."""

    # -------------------------------------------------------------- what may be written at all

    def hindrance(self, target: Target) -> str:
        found = _place(target, "aws")
        return found if isinstance(found, str) else ""

    # -------------------------------------------------------------- reading

    def read(self, targets: Sequence[Target]) -> Sequence[Current]:
        if not targets:
            return []
        try:
            access = self._access(targets[0].account)
        except (SourceError, Stopped) as error:
            return [Current(None, str(error) or "the run was stopped")] * len(targets)
        found: list[Current | None] = [None] * len(targets)
        rows: dict[tuple[int, str], list[_Work]] = {}
        for number, target in enumerate(targets):
            placed = _place(target, access.home)
            if isinstance(placed, str):
                found[number] = Current(None, placed)
            else:
                row, fields = placed
                rows.setdefault((id(row), fields["at"]), []).append(_Work(number, target, row, fields))
        for (_, region), works in rows.items():
            reading = Reading(access, works[0].row.service, region, ())
            try:
                currents = _read(reading, works)
            except Stopped:
                currents = [Current(None, "the run was stopped")] * len(works)
            for work, current in zip(works, currents, strict=True):
                found[work.number] = current
        return [current or Current(None, "it was not read") for current in found]

    # -------------------------------------------------------------- writing

    def write(self, edits: Sequence[Edit]) -> Sequence[Answer]:
        if not edits:
            return []
        answers: dict[int, Answer] = {}
        try:
            access = self._access(edits[0].target.account)
        except Stopped:
            return [_NOT_SENT] * len(edits)
        except SourceError as error:
            return [Answer("again", f"{error}; nothing was written")] * len(edits)
        works: list[_Work] = []
        for number, edit in enumerate(edits):
            placed = _place(edit.target, access.home)
            if isinstance(placed, str):
                answers[number] = Answer("refused", placed)
            elif flaw := _flaw(edit):
                answers[number] = Answer("refused", flaw)
            else:
                work = _Work(number, edit.target, *placed, edit.seen.tags or {}, edit.remove)
                if same := _same_key(work, edit.set, work.seen):
                    answers[number] = Answer("refused", same)
                else:
                    works.append(work)
        wanted = dict(edits[0].set)
        removals = self._unless_changed(works, edits, answers)
        works = [work for work in works if work.number not in answers]
        for at in sorted({work.fields["at"] for work in works}):
            there = [work for work in works if work.fields["at"] == at]
            _Writing(self, access, at, wanted, removals, answers).do(there)
        return [answers.get(number, Answer("unknown", "nobody said what became of it")) for number in range(len(edits))]

    def _unless_changed(
        self, works: Sequence[_Work], edits: Sequence[Edit], answers: dict[int, Answer]
    ) -> dict[int, dict[str, str]]:
        """What is to be taken away from each, read just now; whose value isn't the expected one is a conflict."""
        asked = [work for work in works if edits[work.number].remove]
        removals: dict[int, dict[str, str]] = {}
        for work, current in zip(asked, self.read([work.target for work in asked]), strict=True):
            expected = edits[work.number].remove
            if current.gone:
                answers[work.number] = Answer("gone", "it isn't there any more")
            elif current.tags is None:
                answers[work.number] = Answer("again", f"it could not be read, so nothing was written: {current.why}")
            else:
                tags = current.tags
                other = sorted(key for key, value in expected.items() if tags.get(key, value) != value)
                if other:
                    why = f"{', '.join(other)} changed meanwhile; nothing was written"
                    answers[work.number] = Answer("conflict", why)
                else:
                    # Where letter case makes no key, setting one takes its other spelling away.
                    renamed = {key.casefold() for key in edits[work.number].set} if work.row.folds else set()
                    removals[work.number] = {
                        key: value for key, value in expected.items() if key in tags and key.casefold() not in renamed
                    }
        return removals

    def _access(self, account: str) -> Access:
        """The way into the account. Raises :class:`SourceError` where there is none."""
        with self._lock:
            found = self._accesses.get(account)
            if found is None:
                found = self._open(account)
                found.identify()
                if found.account != account:
                    raise SourceError(f"the credentials for {account} are those of {found.account}")
                self._accesses[account] = found
            return found


_NOT_SENT = Answer("again", "the run was stopped before it was sent")


class _Writing:
    """One :meth:`AwsTags.write` in one region. Every answer goes to ``answers``."""

    def __init__(
        self,
        writer: AwsTags,
        access: Access,
        region: str,
        wanted: Mapping[str, str],
        removals: Mapping[int, Mapping[str, str]],
        answers: dict[int, Answer],
    ) -> None:
        self._writer = writer
        self._access = access
        self._region = region
        self._wanted = wanted
        self._removals = removals
        self._answers = answers

    def do(self, works: Sequence[_Work]) -> None:
        by_way: dict[str, list[_Work]] = {}
        for work in works:
            by_way.setdefault(work.row.way, []).append(work)
        for work in by_way.pop("sets", ()):
            self._answers[work.number] = self._bucket(work)
        for way, some in by_way.items():
            if way == "groups":
                some = self._unshared(some)
            if self._wanted:
                if way == "ec2":
                    self._together(some, "CreateTags", self._wanted)
                elif way == "groups":
                    self._groups(some)
                elif way == "native":
                    for work in some:
                        self._answers[work.number] = self._add(work)
                else:
                    self._tagging(some, "TagResources", {"Tags": dict(self._wanted)})
            self._remove(
                way,
                [
                    work
                    for work in some
                    if self._answers.get(work.number, _NOTHING).how == "done" or work.number not in self._answers
                ],
            )

    # -------------------------------------------------------------- taking away

    def _remove(self, way: str, works: Sequence[_Work]) -> None:
        """Takes away what is to be taken away from those whose tags were set, if any were to be."""
        before = {work.number: self._answers.pop(work.number, None) for work in works}
        alike: dict[tuple[bool, tuple[tuple[str, str], ...]], list[_Work]] = {}
        if any(before.values()):
            # The first part may have waited long, and what was read before it is old.
            self._unchanged([work for work in works if self._removals.get(work.number)], True, "")
            works = [work for work in works if work.number not in self._answers]
        for work in works:
            pairs = tuple(sorted(self._removals.get(work.number, {}).items()))
            alike.setdefault((_compares(work.row), pairs), []).append(work)
        for (_, pairs), some in alike.items():
            if not pairs:
                for work in some:
                    self._answers[work.number] = Answer("done", by=Call(work.row.service, work.row.read.operation).name)
            elif way == "ec2":
                self._together(some, "DeleteTags", dict(pairs))
            elif way == "tagging" and not _compares(some[0].row):
                self._tagging(some, "UntagResources", {"TagKeys": [key for key, _ in pairs]})
            else:
                for work in some:
                    self._answers[work.number] = self._take(work, dict(pairs))
        for number, first in before.items():
            if first is not None:
                self._answers[number] = _both(first, self._answers[number], bool(self._removals.get(number)))

    def _take(self, work: _Work, pairs: Mapping[str, str]) -> Answer:
        """By the service itself."""
        row = work.row
        if row.way == "groups":
            tags = [{**_group(work), "Key": key} for key in pairs]
            return self._settled(work, "autoscaling", "DeleteTags", {"Tags": tags}, removing=True)
        if row.remove is None:
            return Answer("refused", f"{row.service} itself can't take a tag away")
        named = self._named(work)
        if isinstance(named, Answer):
            return named
        asks = {**_filled(row.remove.asks, named), row.remove.tags: _keys(row.remove, pairs)}
        guard: Guard = "compare" if row.remove.compares else "read"
        return self._settled(work, row.service, row.remove.operation, asks, guard, removing=True)

    # -------------------------------------------------------------- by the services themselves

    def _add(self, work: _Work) -> Answer:
        row = work.row
        if row.add is None:
            return Answer("refused", f"{row.service} itself can't add a tag")
        named = self._named(work)
        if isinstance(named, Answer):
            return named
        asks = {**_filled(row.add.asks, named), row.add.tags: _spelt(row.add, self._wanted)}
        return self._settled(work, row.service, row.add.operation, asks)

    def _named(self, work: _Work) -> Mapping[str, Any] | Answer:
        """The fields, with what has to be looked up."""
        reading = Reading(self._access, work.row.service, self._region, ())
        found = _looked_up(reading, work)
        if isinstance(found, Current):
            if found.gone:
                return Answer("gone", "it isn't there any more")
            return Answer("again", f"{found.why}; nothing was written")
        return found

    def _settled(
        self,
        work: _Work,
        service: str,
        operation: str,
        asks: Mapping[str, Any],
        guard: Guard = "read",
        *,
        removing: bool = False,
    ) -> Answer:
        """One call for one resource."""
        by = Call(service, operation).name
        answer = self._ask(work, service, operation, asks, removing=removing)
        if isinstance(answer, _Failed):
            return Answer(answer.how, answer.why, by, guard)
        return Answer("done", "", by, guard)

    def _ask(
        self, work: _Work, service: str, operation: str, asks: Mapping[str, Any], *, removing: bool
    ) -> Mapping[str, Any] | _Failed:
        """One call for one resource, waiting throttles out."""
        for left in range(_TRIES - 1, -1, -1):
            answer = self._send(service, operation, asks)
            if not (isinstance(answer, _Failed) and answer.code == _THROTTLED and left):
                break
            (objection,) = self._objections([work], removing, "")
            if objection is not None:
                return _Failed(objection.how, objection.why)
        return answer

    def _together(self, works: Sequence[_Work], operation: str, pairs: Mapping[str, str]) -> None:
        """EC2's own calls: one bad id fails all, so that halves are tried until it is alone."""
        tags = [{"Key": key, "Value": value} for key, value in pairs.items()]
        by = Call("ec2", operation).name
        removing = operation == "DeleteTags"
        guard: Guard = "compare" if removing else "read"
        fresh, left = list(works), list[list[_Work]]()
        tries: dict[int, int] = {}
        while fresh or left:
            some = fresh or self._unchanged(left.pop(), removing, by)
            fresh = []
            if not some:
                continue
            ids = list(dict.fromkeys(work.fields["id"] for work in some))
            answer = self._send("ec2", operation, {"Resources": ids, "Tags": tags})
            if isinstance(answer, _Failed) and answer.each and len(ids) > 1:
                left += _halves(some)
                continue
            if isinstance(answer, _Failed) and answer.code == _THROTTLED:
                fresh = self._repeatable([(work, answer.why) for work in some], tries, removing, by)
                continue
            for work in some:
                failed = answer if isinstance(answer, _Failed) else None
                self._answers[work.number] = Answer(
                    failed.how if failed else "done", failed.why if failed else "", by, guard
                )

    # -------------------------------------------------------------- Auto Scaling

    def _shared(self, works: Sequence[_Work]) -> Mapping[str, Mapping[str, bool]] | None:
        """Of each group that is there, by name, whether new instances get its tags, by key. None where that can't be
        read, and those that could not be told have their answers."""
        reading = Reading(self._access, "autoscaling", self._region, ())
        names = [work.fields["name"] for work in works]
        try:
            pages = reading.pages("DescribeAutoScalingGroups", {"AutoScalingGroupNames": names})
            return {
                group["AutoScalingGroupName"]: {
                    tag["Key"]: tag.get("PropagateAtLaunch") is True for tag in group.get("Tags") or ()
                }
                for page in pages
                for group in page.get("AutoScalingGroups") or ()
            }
        except _troubles() as error:
            self._answer(works, "again", f"{_why_unread(error)}; nothing was written", "")
            return None

    def _unshared(self, works: Sequence[_Work]) -> list[_Work]:
        """Without those that are to lose a tag which new instances get. The journal keeps values alone: undo would
        bring the tag back for the group, and nobody would notice that its instances come without it."""
        losing = [work for work in works if self._removals.get(work.number)]
        shared = self._shared(losing) if losing else {}
        if shared is None:
            return [work for work in works if work.number not in self._answers]
        for work in losing:
            flags = shared.get(work.fields["name"], {})
            if keys := sorted(key for key in self._removals[work.number] if flags.get(key)):
                why = f"new instances get {', '.join(keys)} of this group, which undo could not restore"
                self._answer([work], "refused", why, "")
        return [work for work in works if work.number not in self._answers]

    def _groups(self, works: Sequence[_Work]) -> None:
        """Auto Scaling groups. A tag also says whether new instances get it: one that is there keeps its word, a new
        one says no, for the instances are not what was to be tagged."""
        if not works:
            return
        shared = self._shared(works)
        if shared is None:
            return
        for work in works:
            flags = shared.get(work.fields["name"])
            if flags is None:
                self._answers[work.number] = Answer("gone", "it isn't there any more")
                continue
            tags = [
                {**_group(work), "Key": key, "Value": value, "PropagateAtLaunch": flags.get(key, False)}
                for key, value in self._wanted.items()
            ]
            self._answers[work.number] = self._settled(work, "autoscaling", "CreateOrUpdateTags", {"Tags": tags})

    # -------------------------------------------------------------- buckets

    def _bucket(self, work: _Work) -> Answer:
        """A bucket. S3's TagResource adds to what is there; where it isn't to be had, PutBucketTagging replaces the
        whole set: it is read just before, and whatever somebody else adds in between would be lost."""
        pairs = self._removals.get(work.number, {})
        place = (self._access.account, self._region)
        buckets = {(*place, ""), (*place, work.fields["bucket"])}
        if self._writer._merged_by_put.isdisjoint(buckets):
            answer = self._bucket_merged(work, pairs)
            if isinstance(answer, Answer):
                return answer
            everywhere = answer.code in _NO_SUCH_CALL_AT_ALL
            self._writer._merged_by_put.add((*place, "" if everywhere else work.fields["bucket"]))
        return self._bucket_replaced(work, pairs)

    def _bucket_merged(self, work: _Work, pairs: Mapping[str, str]) -> Answer | _Failed:
        """What S3 said, where it has no such call: there, or for this bucket."""
        named = {"AccountId": self._access.account, "ResourceArn": work.arn}
        done = Answer("done", by="s3:GetBucketTagging")
        if self._wanted:
            tags = [{"Key": key, "Value": value} for key, value in self._wanted.items()]
            answer = self._ask(work, "s3control", "TagResource", {**named, "Tags": tags}, removing=False)
            if isinstance(answer, _Failed):
                return answer if answer.code in _NO_SUCH_CALL else Answer(answer.how, answer.why, "s3:TagResource")
            done = Answer("done", by="s3:TagResource")
            if pairs:
                (objection,) = self._objections([work], True, "s3:UntagResource")
                if objection is not None:
                    return _both(done, objection, True)
        if pairs:
            asks = {**named, "TagKeys": list(pairs)}
            answer = self._ask(work, "s3control", "UntagResource", asks, removing=True)
            if isinstance(answer, _Failed):
                if answer.code in _NO_SUCH_CALL and not self._wanted:
                    return answer
                return _both(done, Answer(answer.how, answer.why, "s3:UntagResource"), bool(self._wanted))
            done = Answer("done", by="s3:UntagResource")
        return done

    def _bucket_replaced(self, work: _Work, pairs: Mapping[str, str]) -> Answer:
        """The set is made anew of what is there for every sending, also where one was throttled away."""
        by = "s3:PutBucketTagging"
        for left in range(_TRIES - 1, -1, -1):
            reading = Reading(self._access, "s3", self._region, ())
            try:
                (current,) = _read(reading, [work])
            except Stopped:
                return _NOT_SENT
            objection = self._objection(work, current, True, by) or self._objection(work, current, False, by)
            if objection is not None or current.tags is None:
                return objection or _NOT_SENT
            # S3 wants those that AWS itself set sent along as they are.
            tags = {**{key: value for key, value in current.tags.items() if key not in pairs}, **self._wanted}
            if tags == current.tags:
                return Answer("done", by="s3:GetBucketTagging")
            asks = {
                "Bucket": work.fields["bucket"],
                "Tagging": {"TagSet": [{"Key": key, "Value": value} for key, value in tags.items()]},
                "ExpectedBucketOwner": self._access.account,
            }
            answer = self._send("s3", "PutBucketTagging", asks)
            if not isinstance(answer, _Failed):
                return Answer("done", "", by)
            if answer.code != _THROTTLED or not left:
                return Answer(answer.how, answer.why, by)
        raise AssertionError("each try returns or goes on")

    # -------------------------------------------------------------- the tagging API

    def _tagging(self, works: Sequence[_Work], operation: str, asks: Mapping[str, Any]) -> None:
        by = Call(_TAGGING, operation).name
        removing = operation == "UntagResources"
        fresh, left = list(works), list[list[_Work]]()
        tries: dict[int, int] = {}
        internal: dict[str, int] = {}
        native: list[_Work] = []
        while fresh or left:
            some = fresh or self._unchanged(left.pop(), removing, by)
            fresh = []
            if not some:
                continue
            arns = list(dict.fromkeys(work.arn for work in some))
            answer = self._send(_TAGGING, operation, {**asks, "ResourceARNList": arns})
            if isinstance(answer, _Failed):
                if answer.each and len(arns) > 1:
                    left += _halves(some)
                elif answer.code == _THROTTLED:
                    fresh = self._repeatable([(work, answer.why) for work in some], tries, removing, by)
                elif answer.each and answer.how == "refused":
                    native += some
                else:
                    self._answer(some, answer.how, answer.why, by)
                continue
            failures = answer.get("FailedResourcesMap")
            if not isinstance(failures, dict) or not set(failures) <= set(arns):
                self._answer(some, "unknown", f"{by} doesn't say which of the resources it failed with", by)
                continue
            slow: list[tuple[_Work, str]] = []
            doubtful: list[_Work] = []
            for work in some:
                failure = failures.get(work.arn)
                if failure is None:
                    self._answer([work], "done", "", by)
                    continue
                code = str(failure.get("ErrorCode") or "")
                why = f"{by} failed with it ({_words(code, failure.get('ErrorMessage'))})"
                match _treatment(code, failure.get("StatusCode")):
                    case "throttled":
                        slow.append((work, f"{why}, however slowly it was repeated"))
                    case "internal":
                        doubtful.append(work)
                    case "native":
                        native.append(work)
                    case how:
                        self._answer([work], how, why, by)
            if slow:
                self._access.throttled(_TAGGING, self._region, operation)
            fresh = self._repeatable(slow, tries, removing, by)
            fresh += self._read_after(doubtful, removing, internal, native, by)
        for work in native:
            can = work.row.remove if removing else work.row.add
            if can is None:
                why = f"{by} doesn't know it, and {work.row.service} itself has no call for it"
                self._answer([work], "refused", why, by)
            elif self._unchanged([work], removing, by):
                self._answers[work.number] = (
                    self._take(work, self._removals.get(work.number, {})) if removing else self._add(work)
                )

    def _read_after(
        self, works: Sequence[_Work], removing: bool, tried: dict[str, int], native: list[_Work], by: str
    ) -> list[_Work]:
        """Those that may be sent again: after an internal error only reading tells whether it was taken."""
        again: list[_Work] = []
        for work, current in zip(works, self._writer.read([work.target for work in works]), strict=True):
            if current.tags is None and not current.gone:
                why = f"{by} failed on the side of AWS, and then it could not be read: {current.why}"
                self._answer([work], "unknown", why, by)
            elif current.tags is not None and self._is_so(work, current.tags, removing):
                self._answer([work], "done", "", by)
            elif (objection := self._objection(work, current, removing, by)) is not None:
                self._answers[work.number] = objection
            else:
                tried[work.arn] = tried.get(work.arn, 0) + 1
                (again if tried[work.arn] <= _INTERNAL else native).append(work)
        return again

    # -------------------------------------------------------------- before anything is sent once more

    def _repeatable(
        self, throttled: Sequence[tuple[_Work, str]], tries: dict[int, int], removing: bool, by: str
    ) -> list[_Work]:
        """Those that may be sent once more of what was throttled away, each with what to say if it may not. The others
        get their answers."""
        left: list[_Work] = []
        for work, why in throttled:
            tries[work.number] = tries.get(work.number, 0) + 1
            if tries[work.number] < _TRIES:
                left.append(work)
            else:
                self._answer([work], "again", why, by)
        return self._unchanged(left, removing, by)

    def _unchanged(self, works: Sequence[_Work], removing: bool, by: str) -> list[_Work]:
        """Those that may be sent, read just now. The others get their answers."""
        objections = self._objections(works, removing, by)
        for work, objection in zip(works, objections, strict=True):
            if objection is not None:
                self._answers[work.number] = objection
        return [work for work, objection in zip(works, objections, strict=True) if objection is None]

    def _objections(self, works: Sequence[_Work], removing: bool, by: str) -> list[Answer | None]:
        """What speaks against sending these, read just now."""
        currents = self._writer.read([work.target for work in works])
        return [self._objection(work, current, removing, by) for work, current in zip(works, currents, strict=True)]

    def _objection(self, work: _Work, current: Current, removing: bool, by: str) -> Answer | None:
        """What speaks against sending, now that it reads so; None where all that is to be written is either as it was
        when that was decided, or written already. To be asked of what nothing was taken of, as far as anybody knows."""
        if current.gone:
            return Answer("gone", "it isn't there any more", by)
        tags = current.tags
        if tags is None:
            return Answer("again", f"it could not be read, so nothing was written: {current.why}", by)
        if removing:
            before: Mapping[str, str] = self._removals.get(work.number, {})
            after: Mapping[str, str] = {}
            keys = set(before)
        else:
            before, after, keys = work.seen, self._wanted, set(self._wanted)
        other = sorted(key for key in keys if tags.get(key) not in (before.get(key), after.get(key)))
        if not removing:
            # What is to go once these are set, or goes with that where letter case makes no key.
            other += sorted(key for key, value in work.leaves.items() if tags.get(key, value) != value)
        if not other:
            same = "" if removing else _same_key(work, self._wanted, tags)
            return Answer("conflict", f"{same}; nothing was written", by) if same else None
        if any(tags.get(key) == after.get(key) != before.get(key) for key in keys):
            # Half of it is written, be it by us or by somebody else.
            return Answer("unknown", f"{', '.join(other)} changed meanwhile, and the rest is as it was to be", by)
        return Answer("conflict", f"{', '.join(other)} changed meanwhile; nothing was written", by)

    def _is_so(self, work: _Work, tags: Mapping[str, str], removing: bool) -> bool:
        if removing:
            return not any(key in tags for key in self._removals.get(work.number, {}))
        return all(tags.get(key) == value for key, value in self._wanted.items())

    def _answer(self, works: Iterable[_Work], how: How, why: str, by: str) -> None:
        self._answers.update({work.number: Answer(how, why, by) for work in works})

    # -------------------------------------------------------------- one call

    def _send(self, service: str, operation: str, asks: Mapping[str, Any]) -> Mapping[str, Any] | _Failed:
        """Sends a call once."""
        from botocore import xform_name
        from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

        try:
            client = self._access.writing(service, self._region)
            answer: Mapping[str, Any] = getattr(client, xform_name(operation))(**asks)
            return answer
        except ClientError as error:
            return _meaning(error)
        except Stopped:
            return _Failed(_NOT_SENT.how, _NOT_SENT.why)
        except ParamValidationError as error:
            # A few services want a value of at least one character, for one.
            return _Failed("refused", f"{operation} can't be asked that: {_words('', error)}", "ParamValidation")
        except BotoCoreError as error:
            why = api.explain(error)
            if isinstance(error, _never_sent()):
                return _Failed("again", f"{why}; nothing was sent")
            return _Failed("unknown", why)


_NOTHING = Answer("done")
_THROTTLED = "throttled"
# What S3 says where it doesn't do what is asked: of the call in that place, and of the call on such a bucket.
_NO_SUCH_CALL_AT_ALL = frozenset({"NotImplemented", "InvalidAction"})
_NO_SUCH_CALL = _NO_SUCH_CALL_AT_ALL | {"MethodNotAllowed", "UnsupportedOperation"}

_STATES = re.compile(
    r"State(?:Fault|Exception)?$|InUse|Concurren|Conflict|OperationAborted|NotReady|Busy|^LimitExceededException$"
)
"""Codes that speak of a moment, and no fault of the call's: ``InvalidReplicationGroupState``, ``ResourceInUse``."""
_UNFIT = re.compile(r"^(?:InvalidParameter|BadRequest|BadResource|InvalidRequest|Validation)(?:Exception|Error)?$")
"""The tagging API doesn't know the type, or the service doesn't like the API's way of asking."""
_INNER = re.compile(r"^Internal(?:Service|Server)?(?:Failure|Error|Exception|ServiceException|ServerException)?$")


def _treatment(code: str, status: object) -> Any:
    """What to do about a resource that the tagging API failed with: the codes are those that it was seen to send, and
    documents, for one resource of an answer that was good otherwise."""
    kind = api.refusal(code)
    if kind == "throttled" and not _STATES.search(code):
        return "throttled"
    if kind in ("denied", "elsewhere"):
        return "refused"
    if kind == "expired" or _STATES.search(code):
        return "again"
    if _missing(code):
        return "gone"
    if _UNFIT.match(code):
        return "native"
    if _INNER.match(code) or not isinstance(status, int) or status >= 500:
        return "internal"
    return "refused"


def _meaning(error: Any) -> _Failed:
    """What an error that AWS answered with means for what was to be written."""
    code = api.code(error)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    why = api.explain(error)
    kind = api.refusal(code, status)
    if error.operation_name == "AssumeRole":
        return _Failed("refused" if kind == "denied" else "again", why)
    if kind == "throttled" and not _STATES.search(code):
        return _Failed("again", why, _THROTTLED)
    if code in _NO_SUCH_CALL or status == 501:
        return _Failed("refused", why, "NotImplemented" if status == 501 else code, each=True)
    if status >= 500 or status in (0, 408):
        return _Failed("unknown", why, code)
    if kind == "denied":
        # EC2 may deny one resource of many; the tagging API denies the call.
        return _Failed("refused", why, code, each=error.operation_name in ("CreateTags", "DeleteTags"))
    if kind == "elsewhere":
        return _Failed("refused", why, code)
    if kind == "expired":
        return _Failed("again", why)
    if gone(error) or _missing(code):
        return _Failed("gone", why, code, each=True)
    return _Failed("again" if _STATES.search(code) else "refused", why, code, each=True)


def _missing(code: str) -> bool:
    return "NotFound" in code or code.startswith("NoSuch") or code in ("InvalidResourceId", "ResourceNotExist")


@cache
def _never_sent() -> tuple[type[Exception], ...]:
    """What goes wrong before anything is sent: no connection came about, or no call did."""
    from botocore import exceptions

    return (
        exceptions.ConnectTimeoutError,
        exceptions.CredentialRetrievalError,
        exceptions.EndpointConnectionError,
        exceptions.EndpointProviderError,
        exceptions.MetadataRetrievalError,
        exceptions.NoCredentialsError,
        exceptions.NoRegionError,
        exceptions.PartialCredentialsError,
        exceptions.ProxyConnectionError,
        exceptions.UnknownEndpointError,
    )


# ------------------------------------------------------------------ what a resource is


def _place(target: Target, home: str) -> tuple[Native, Mapping[str, Any]] | str:
    """The row for a resource and the fields of its templates; or why it is never written."""
    parts = target.id.split(":", 5)
    if target.cloud != "aws" or len(parts) != 6 or parts[0] != "arn" or not parts[5]:
        return "it has no ARN, by which AWS could be told what is meant"
    _, partition, service, region, account, resource = parts
    if account and account != target.account:
        return f"it belongs to account {account}, whose tags are its own affair"
    if region and region != target.region:
        return f"its ARN names {region}, and it was seen in {target.region}"
    form = f"{service}:{resource}"
    if danger := services.hazard(form):
        return danger
    found = services.row_for(form, target.type)
    if found is None:
        return f"no call of {service} that costguard knows reads its tags back"
    row, fields = found
    at = region or row.where or (target.region if row.way == "sets" and target.region != GLOBAL else home)
    return row, {**fields, "arn": target.id, "partition": partition, "account": target.account, "region": at, "at": at}


def _flaw(edit: Edit) -> str:
    """What AWS would refuse in any event; some services without a word."""
    for key in (*edit.set, *edit.remove):
        if key.lower().startswith("aws:"):
            return f"{key} is AWS's own: nobody else can set it"
    for key, value in edit.set.items():
        if not 1 <= len(key) <= 128 or len(value) > 256:
            return f"{legible(key)[:128]}: a key has 1 to 128 characters, a value at most 256"
    return ""


def _same_key(work: _Work, wanted: Mapping[str, str], tags: Mapping[str, str]) -> str:
    """Why setting ``wanted`` would take a tag away that isn't among those to go: where letter case makes no key, it
    takes the place of its other spelling. Empty where it would not."""
    if not work.row.folds:
        return ""
    spelt = {key.casefold(): key for key in wanted}
    for key in sorted(tags):
        new = spelt.get(key.casefold(), key)
        if key not in wanted and key not in work.leaves and new != key:
            return f"to {work.row.service} {legible(new)} and {legible(key)}, which it has, are one key"
    return ""


def _compares(row: Native) -> bool:
    """Whether the service itself compares the value that it is to take away."""
    return row.remove is not None and row.remove.compares


def _both(first: Answer, then: Answer, mattered: bool) -> Answer:
    """What became of an edit that first set tags and then took others away."""
    if then.how == "done":
        return then if mattered else first
    # Half of it was written, so that none of the answers for a whole is true.
    return Answer("unknown", f"{first.by} did its part, and then: {then.why}", then.by, then.guard)


def _halves(works: Sequence[_Work]) -> list[list[_Work]]:
    half = len(works) // 2
    return [list(works[half:]), list(works[:half])]


def _words(code: str, message: object) -> str:
    text = " ".join(legible(str(message or "")).split())[:300]
    return f"{code}: {text}" if text and code else text or code


# ------------------------------------------------------------------ spelling


def _spelt(write: Write, tags: Mapping[str, str]) -> Any:
    match write.form:
        case "map":
            return dict(tags)
        case "Key":
            return [{"Key": key, "Value": value} for key, value in tags.items()]
        case "key":
            return [{"key": key, "value": value} for key, value in tags.items()]
        case "TagKey":
            return [{"TagKey": key, "TagValue": value} for key, value in tags.items()]
        case "Items":
            return {"Items": [{"Key": key, "Value": value} for key, value in tags.items()]}


def _keys(removal: Removal, pairs: Mapping[str, str]) -> Any:
    match removal.form:
        case None:
            return list(pairs)
        case "Key":
            return [{"Key": key} for key in pairs]
        case "Items":
            return {"Items": list(pairs)}
        case "pairs":
            return [{"Key": key, "Value": value} for key, value in pairs.items()]


def _filled(asks: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _fill(value, fields) for name, value in asks.items()}


def _fill(value: Any, fields: Mapping[str, Any]) -> Any:
    if isinstance(value, str):
        return re.sub(r"\{(\w+)\}", lambda found: str(fields[found[1]]), value)
    if isinstance(value, list):
        return [_fill(one, fields) for one in value]
    if isinstance(value, Mapping):
        return _filled(value, fields)
    return value


def _group(work: _Work) -> dict[str, str]:
    return {"ResourceId": work.fields["name"], "ResourceType": "auto-scaling-group"}


# ------------------------------------------------------------------ reading


def _read(reading: Reading, works: Sequence[_Work]) -> Sequence[Current]:
    """What the resources of one row carry, one for one."""
    row = works[0].row
    if row.way == "ec2":
        return _read_ec2(reading, works)
    found: dict[int, Current] = {}
    named: list[tuple[_Work, Mapping[str, Any]]] = []
    for work in works:
        fields = _looked_up(reading, work)
        if isinstance(fields, Current):
            found[work.number] = fields
        else:
            named.append((work, fields))
    if isinstance(row.read, Batch) and row.complete:
        found.update(_read_listed(reading, row.read, named))
    elif isinstance(row.read, Batch):
        together = reading.tags_together(row.read, [fields for _, fields in named])
        found.update({work.number: _current(tags) for (work, _), tags in zip(named, together, strict=True)})
    else:
        found.update({work.number: _current(reading.tags(row.read, fields)) for work, fields in named})
    return [found[work.number] for work in works]


def _current(tags: Mapping[str, str] | str | None) -> Current:
    if tags is None:
        return Current(None, "it isn't there any more", gone=True)
    return Current(None, tags) if isinstance(tags, str) else Current(tags)


def _looked_up(reading: Reading, work: _Work) -> Mapping[str, Any] | Current:
    """The fields, with what has to be looked up."""
    first = work.row.first
    if first is None:
        return work.fields
    try:
        pages = reading.pages(first.operation, _filled(first.asks, work.fields))
        said = [value for page in pages for value in _texts(_path(first.found).search(page))]
    except _troubles() as error:
        if gone(error) or _missing(api.code(error)):
            return Current(None, "it isn't there any more", gone=True)
        return Current(None, _why_unread(error))
    if not said:
        return Current(None, "it isn't there any more", gone=True)
    if len(set(said)) > 1:
        return Current(None, f"its ARN may mean {' or '.join(sorted(set(said)))}")
    return {**work.fields, first.name: said[0]}


def _texts(value: object) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [one for one in values if isinstance(one, str) and one]


def _read_ec2(reading: Reading, works: Sequence[_Work]) -> Sequence[Current]:
    """DescribeTags of many ids at once. It knows no ids but those with tags: what is gone looks untagged."""
    found: dict[str, Current] = {}
    ids = list(dict.fromkeys(work.fields["id"] for work in works))
    for start in range(0, len(ids), 200):
        some = ids[start : start + 200]
        tags: dict[str, dict[str, str]] = {id_: {} for id_ in some}
        try:
            for page in reading.pages("DescribeTags", {"Filters": [{"Name": "resource-id", "Values": some}]}):
                for tag in page.get("Tags") or ():
                    id_, pair = tag.get("ResourceId"), tags_of([tag])
                    if pair is None or id_ not in tags:
                        raise SourceError("DescribeTags answered with something that isn't a tag of what was asked for")
                    tags[id_].update(pair)
        except _troubles() as error:
            found.update(dict.fromkeys(some, Current(None, _why_unread(error))))
        else:
            found.update({id_: Current(pairs) for id_, pairs in tags.items()})
    return [found[work.fields["id"]] for work in works]


def _read_listed(
    reading: Reading, batch: Batch, named: Sequence[tuple[_Work, Mapping[str, Any]]]
) -> Mapping[int, Current]:
    """Of a listing that shows all that it is asked for and there is."""
    found: dict[int, Current] = {}
    for start in range(0, len(named), batch.size):
        some = [(work, _fill(batch.name, fields)) for work, fields in named[start : start + batch.size]]
        tags: dict[str, Current] = {}
        try:
            for page in reading.pages(batch.operation, {batch.parameter: sorted({name for _, name in some})}):
                for part in _path(batch.answers).search(page) or ():
                    own = tags_of(part.get(batch.tags))
                    why = f"{batch.operation} answered with something that isn't tags"
                    tags[str(part.get(batch.key))] = Current(None, why) if own is None else Current(own)
        except _troubles() as error:
            found.update({work.number: Current(None, _why_unread(error)) for work, _ in some})
        else:
            found.update({work.number: tags.get(name, _current(None)) for work, name in some})
    return found


@cache
def _troubles() -> tuple[type[Exception], ...]:
    """All that may come of asking AWS for something."""
    from botocore.exceptions import BotoCoreError, ClientError

    return (BotoCoreError, ClientError, SourceError, Stopped)


def _why_unread(error: Exception) -> str:
    if isinstance(error, Stopped):
        return "the run was stopped"
    return str(error) if isinstance(error, SourceError) else api.explain(error)


@cache
def _path(expression: str) -> Any:
    return jmespath.compile(expression)
