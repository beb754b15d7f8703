"""``costguard scan``: what really runs, judged by the same policy and the same engine.

Looking and judging are two steps with the store between them: :func:`look` reads the clouds into a store, :func:`judge`
makes a report of one. Shards of a run are stores that :func:`merge` puts together before they are judged.
"""

from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from costguard.clouds.run import ALL, Run, Shard, Tally, Task
from costguard.clouds.store import Store
from costguard.clouds.union import Union
from costguard.config import Config, InventoryDoc
from costguard.engine import Draft, Judged, remarks, stream
from costguard.errors import InputError, UsageError
from costguard.model.finding import Finding, Report
from costguard.model.resource import Gap, Manager
from costguard.policy import Policy
from costguard.policy.patterns import glob_matches
from costguard.policy.rules.require import Require

if TYPE_CHECKING:
    from costguard.clouds.google.tags import Expected

_SHARD = "shard"
_MERGED = "merged"
_ASKED = "asked"
SEEN = "seen"
"""When a scan began, in a store's notes; of several the earliest."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What to look at. ``types``: the Terraform types that are looked for, all without them. ``policy``: the Tags of
    Google's that it names are looked up."""

    inventory: InventoryDoc
    types: frozenset[str] | None = None
    shard: Shard = ALL
    policy: Policy | None = None


class Judging(msgspec.Struct, frozen=True, kw_only=True):
    """How to judge. ``states`` are patterns of Terraform states with the folder that each is seen from; ``profile`` is
    the SDK's for those in S3. ``allowed`` are globs of gaps that are accepted; ``accept`` marks old debt."""

    policy: Policy
    today: date
    states: Sequence[tuple[Path, str]] = ()
    profile: str | None = None
    allowed: Sequence[str] = ()
    with_resources: bool = False
    accept: Callable[[Finding], Finding] | None = None


def judging(
    config: Config | None,
    inventory: InventoryDoc | None,
    policy: Policy,
    today: date,
    *,
    states: Sequence[str] = (),
    allowed: Sequence[str] = (),
    with_resources: bool = False,
    accept: Callable[[Finding], Finding] | None = None,
) -> Judging:
    """How to judge by the configuration; ``states`` (seen from here) and ``allowed`` come on top of what it says."""
    named = config.doc.terraform.states if config is not None else []
    folder = config.folder if config is not None else Path()
    return Judging(
        policy=policy,
        today=today,
        states=(*((folder, state) for state in named), *((Path(), state) for state in states)),
        profile=inventory.aws.profile if inventory is not None and inventory.aws is not None else None,
        allowed=(*(inventory.allow_gaps if inventory is not None else ()), *allowed),
        with_resources=with_resources,
        accept=accept,
    )


def look(asked: Asked, store: Store, watch: Callable[[Tally], object] = lambda _: None) -> None:
    """Reads the clouds that the configuration names into a new store.

    What can't be read is a cell of the ledger. Raises :class:`UsageError` where nothing is named or an SDK is missing.
    """
    run = Run(store, workers=asked.inventory.workers, types=asked.types, shard=asked.shard)
    tasks: list[Task] = []
    if asked.inventory.aws is not None:
        from costguard.clouds.aws.inventory import tasks as aws_tasks

        tasks += aws_tasks(asked.inventory.aws, run)
    if asked.inventory.google is not None:
        from costguard.clouds.google.inventory import tasks as google_tasks

        tasks += google_tasks(asked.inventory.google, run, tags=_google_tags(asked.policy))
    if not tasks:
        raise UsageError(
            "nothing says what to scan: name it under inventory: in costguard.yaml, or with --cloud aws (as the "
            "credentials of the environment) and --google-scope"
        )
    store.note(_SHARD, str(asked.shard))
    store.note(SEEN, datetime.now(UTC).isoformat(timespec="seconds"))
    # Only stores that were asked the same may be put together; how fast, and what for, is nobody's question.
    question = [asked.inventory.aws, asked.inventory.google, sorted(asked.types or ())]
    store.note(_ASKED, msgspec.json.encode(question, order="deterministic").decode())
    run.work(tasks, watch)


def _google_tags(policy: Policy | None) -> "list[Expected]":
    """The Tags of Google's that the policy accepts, by each rule that does."""
    from costguard.clouds.google.tags import Expected

    return [
        Expected(
            key=rule.spelling.google_tag,
            allows=rule.allows if rule.values else None,
            values=rule.allowed.values if rule.allowed else (),
        )
        for rule in (policy.rules if policy else ())
        if isinstance(rule, Require) and rule.spelling.google_tag
    ]


class Survey:
    """What a store shows, with who claims what: the resources, as often as they are wanted, and what wasn't read."""

    def __init__(self, store: Store, judging: Judging) -> None:
        self._store = store
        self.cells = store.cells()
        # How a source ended is said once, of what it was asked for; the cells of what it had shown by then repeat
        # nothing.
        gaps = [Gap(cell.where, cell.error) for cell in self.cells if cell.outcome in ("cut", "failed") and cell.error]
        gaps += [Gap(f"shard/{shard}", "its store was not put in") for shard in _missing(store)]
        unread = _claims(store, judging)
        self._gaps = [*gaps, *unread]
        self._states_known = bool(judging.states) and not unread
        self._allowed = judging.allowed

    def union(self) -> Union:
        """The resources, to be read once."""
        return Union(self._store, self.cells, states_known=self._states_known)

    def gaps(self, union: Union) -> tuple[list[Gap], list[str]]:
        """The gaps that count, once a union was read to its end, and what is said of the others."""
        kept, notes = _accepted([*self._gaps, *union.gaps], self._allowed)
        notes += [f"{cell.where}: {cell.error}" for cell in self.cells if cell.outcome == "read" and cell.error]
        return kept, [*notes, *union.notes]


def judge(store: Store, judging: Judging, watch: Callable[[Judged], object] = lambda _: None) -> Report:
    """The report on a store; ``watch`` sees each resource of it."""
    survey = Survey(store, judging)
    union = survey.union()
    draft = Draft("live", with_resources=judging.with_resources, accept=judging.accept)
    for judged in stream(judging.policy, "live", union.resources(), judging.today):
        draft.add(judged)
        watch(judged)
    gaps, notes = survey.gaps(union)
    return draft.report(gaps=gaps, notes=(*notes, *remarks(judging.policy, judging.today)), coverage=survey.cells)


def merge(stores: Sequence[Path], into: Store) -> None:
    """Puts the stores of a run's shards together. Raises :class:`InputError` where they aren't of one run, or one comes
    twice; a shard that is missing is a gap of the report."""
    seen: list[str] = []
    asked: dict[str, Path] = {}
    shards: dict[str, Path] = {}
    problems: list[str] = []
    for path in stores:
        with Store.open(path) as store:
            asked.setdefault(store.noted(_ASKED) or "", path)
            seen += filter(None, [store.noted(SEEN)])
            if len(asked) > 1:
                problems.append(f"{path} is of a scan that was asked something else than {next(iter(asked.values()))}")
            for shard in _shards(store):
                first = next(iter(shards), shard)
                if shard in shards:
                    problems.append(f"{path} and {shards[shard]} are both shard {shard}")
                elif shard.partition("/")[2] != first.partition("/")[2]:
                    problems.append(f"{path} is shard {shard}, and {shards[first]} shard {first}")
                shards.setdefault(shard, path)
            if not problems:
                into.take_in(store)
    if problems:
        raise InputError("\n".join(problems))
    into.note(_ASKED, next(iter(asked)))
    into.note(_SHARD, " ".join(sorted(shards)))
    into.note(_MERGED, "yes")
    if seen:
        into.note(SEEN, min(seen))


def _shards(store: Store) -> list[str]:
    """Which shards a store holds: one, or those that were put together in it."""
    return (store.noted(_SHARD) or str(ALL)).split()


def _missing(store: Store) -> Iterator[str]:
    """The shards that a merged store should have and hasn't. A store of one shard is a report on that alone."""
    if store.noted(_MERGED):
        there = _shards(store)
        count = int(there[0].partition("/")[2])
        for index in range(1, count + 1):
            if f"{index}/{count}" not in there:
                yield f"{index}/{count}"


def _claims(store: Store, judging: Judging) -> list[Gap]:
    """Tells the store which state claims what; returns the states that could not be read."""
    gaps: list[Gap] = []
    if judging.states:
        store.claims(_claiming(judging, gaps))
    return gaps


def claimed(judging: Judging, keys: Container[str]) -> tuple[list[tuple[str, Manager]], list[Gap]]:
    """Who claims the resources of these keys, by the states as they are now, and the states that could not be read."""
    gaps: list[Gap] = []
    return [(key, manager) for key, manager in _claiming(judging, gaps) if key in keys], gaps


def _claiming(judging: Judging, gaps: list[Gap]) -> Iterator[tuple[str, Manager]]:
    """What each state claims; adds those that could not be read to ``gaps``."""
    from costguard.iac.state import read_state

    for name, where, raw in _states(judging, gaps):
        states = read_state(raw, name, where)
        gaps.extend(states.gaps)
        for claim in states.claims:
            for key in claim.keys:
                yield key, claim.manager


def _states(judging: Judging, gaps: list[Gap]) -> Iterator[tuple[str, str, bytes]]:
    """(what messages call it, the configuration that it is of, its bytes) of each state."""
    from costguard.iac.state import local_states

    for folder, pattern in judging.states:
        found: Iterable[tuple[str, str, bytes] | Gap]
        if pattern.startswith("s3://"):
            found = _remote(pattern, judging.profile)
        else:
            found = _local(local_states([pattern], Path("/") if pattern.startswith("/") else folder))
        for one in found:
            if isinstance(one, Gap):
                gaps.append(one)
            else:
                yield one


def _remote(url: str, profile: str | None) -> Iterator[tuple[str, str, bytes] | Gap]:
    from costguard.clouds.aws.api import Aws
    from costguard.clouds.aws.objects import objects
    from costguard.clouds.pace import Pacer
    from costguard.iac.state import configuration

    caller = Aws(Pacer(), profile).caller
    for one in objects(caller.client("s3", caller.region), url):
        if isinstance(one, Gap):
            yield one
        else:
            key, raw = one
            name = f"s3://{url.removeprefix('s3://').partition('/')[0]}/{key}"
            yield name, configuration(name), raw


def _local(found: Iterable[tuple[Path, str] | Gap]) -> Iterator[tuple[str, str, bytes] | Gap]:
    for one in found:
        if isinstance(one, Gap):
            yield one
            continue
        path, where = one
        try:
            yield str(path), where, path.read_bytes()
        except OSError as error:
            yield Gap(str(path), f"the state can't be read: {error.strerror}")


def _accepted(gaps: Iterable[Gap], allowed: Sequence[str]) -> tuple[list[Gap], list[str]]:
    """The gaps that count, and what is said of those that somebody accepted."""
    kept: list[Gap] = []
    notes: list[str] = []
    for gap in gaps:
        pattern = next((pattern for pattern in allowed if glob_matches(pattern, gap.where)), None)
        if pattern is None:
            kept.append(gap)
        else:
            notes.append(f"accepted gap ({pattern}): {gap.where}: {gap.why}")
    return kept, notes
