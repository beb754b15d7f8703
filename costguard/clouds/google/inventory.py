"""The inventory of Google Cloud: every source over every scope.

The Tags that the policy names are looked up first. Of each scope the tree of its folders and projects is read before
its resources: it gives the projects their ids. Where no source is named, all is searched, and what the search isn't
documented to show is listed.
"""

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence

from costguard.catalog import native
from costguard.clouds.google import assets
from costguard.clouds.google.api import DeniedError, Google
from costguard.clouds.google.projects import TYPES, Tree
from costguard.clouds.google.tags import Expected, look_up
from costguard.clouds.run import Run, Task
from costguard.clouds.sighting import GLOBAL, Place, Sighting, SourceAbsent, SourceError, record
from costguard.config import GoogleDoc
from costguard.model.coverage import ANY_TYPE, Cell, Outcome


def tasks(doc: GoogleDoc, run: Run, google: Google | None = None, *, tags: Sequence[Expected] = ()) -> list[Task]:
    """What there is to do to read Google Cloud as the configuration says.

    A scope belongs to one shard as a whole: Google counts calls for a project and an organisation, so that two readers
    of one organisation are no quicker than one; a shard without any has nothing to do. ``google`` is a door to
    something else than Google, and ``tags`` are those that the policy names. Raises :class:`UsageError` where Google's
    libraries aren't installed.
    """
    asked = None if run.types is None else _asset_types(run.types)
    scopes = [scope for scope in dict.fromkeys(doc.scopes) if run.shard.owns(f"google:{scope}")]
    if asked is not None and not asked and not any(name.startswith("google_") for name in run.types or ()):
        return []
    google = google or Google(run.pacer, doc.quota_project)
    run.tally.add(accounts=len(scopes))

    def start() -> Iterable[Task]:
        spelled = look_up(google, run, tags, doc.scopes) if scopes else {}
        return [_Scope(google, run, doc.sources, scope, asked, spelled).start for scope in scopes]

    return [start]


def _asset_types(types: Iterable[str]) -> list[str]:
    """Google's names of the types that are asked for."""
    found = {spelling for name in types if name.startswith("google_") for spelling in native.native_types(name)}
    return sorted(found | {name for name in types if ".googleapis.com/" in name})


class _Scope:
    """One organisation, folder or project."""

    def __init__(
        self,
        google: Google,
        run: Run,
        sources: Sequence[str] | None,
        scope: str,
        asked: list[str] | None,
        spelled: Mapping[str, str],
    ) -> None:
        self._google = google
        self._run = run
        self._sources = sources
        self._scope = scope
        self._asked = asked
        self._place = Place("google", scope.removeprefix("projects/"))
        self._hierarchy = assets.Hierarchy(spelled=spelled)

    def start(self) -> Iterable[Task]:
        """Reads the tree, and says what there is to read in it."""
        unlisted = sorted(
            name for name in self._run.types or () if name.startswith("google_") and not native.native_types(name)
        )
        for name in unlisted:
            why = f"which of Google's asset types is {name} isn't known, so that nothing looks for it"
            self._cell(name, "search", "failed", why)
        searches = self._sources is None or "search" in self._sources
        # The search shows Tags, a page of resources at a time; without it they are asked for one by one.
        tree = Tree(self._google, self._scope, self._hierarchy, tags=not searches)
        whole = record(self._run, self._place, "native", _if_allowed(tree.pages()), types=TYPES, now=self._run.now)
        if searches and not whole:
            # What Resource Manager doesn't say of the projects, the search may: rules about accounts go by their ids.
            # What that refuses, too, is said of the search itself, which comes next.
            with contextlib.suppress(SourceError):
                assets.search_projects(self._google, self._scope, self._hierarchy)
        todo: list[Task] = []
        if self._asked is None or self._asked:
            if searches:
                todo.append(self._search)
            if self._sources is None or "list" in self._sources:
                todo.append(self._list)
        self._run.tally.add(places=len(todo) + 1, places_done=1, accounts_done=1)
        return todo

    def _search(self) -> Iterable[Task]:
        unknown: list[str] = []
        pages = assets.search(self._google, self._scope, self._hierarchy, self._asked or (), unknown)
        record(self._run, self._place, "search", pages, now=self._run.now)
        self._not_known("search", unknown, "failed")
        self._run.tally.add(places_done=1)
        return ()

    def _list(self) -> Iterable[Task]:
        types: tuple[str, ...] = (ANY_TYPE,)
        asked, allowed = self._asked, self._sources is not None
        if not allowed:
            types = tuple(name for name in assets.unshown_types() if self._run.types is None or name in self._run.types)
            asked = _asset_types(types)
        if types:
            unknown: list[str] = []
            pages = assets.listing(self._google, self._scope, self._hierarchy, asked or (), unknown)
            record(
                self._run,
                self._place,
                "list",
                pages if allowed else _if_allowed(pages),
                types=types,
                now=self._run.now,
            )
            self._not_known("list", unknown, "failed" if allowed else "absent")
        self._run.tally.add(places_done=1)
        return ()

    def _not_known(self, source: str, asset_types: Iterable[str], outcome: Outcome) -> None:
        for name in asset_types:
            why = f"Google doesn't know the asset type {name}, so that nothing of it was looked for"
            self._cell(native.terraform_type(name) or name, source, outcome, why)

    def _cell(self, type_: str, source: str, outcome: Outcome, why: str) -> None:
        self._run.cell(
            Cell(
                cloud="google",
                account=self._place.account,
                region=GLOBAL,
                type=type_,
                source=source,
                outcome=outcome,
                error=why,
            )
        )


def _if_allowed(pages: Iterator[list[Sighting]]) -> Iterator[list[Sighting]]:
    """The pages of a source that nobody named: one that may not be used at all is no gap."""
    shown = False
    try:
        for page in pages:
            yield page
            shown = shown or bool(page)
    except DeniedError as denied:
        if shown:
            raise
        raise SourceAbsent(f"{denied}; no configuration names it, so nothing is held against that") from denied
