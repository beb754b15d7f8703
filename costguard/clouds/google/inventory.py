"""The inventory of Google Cloud: every source over every scope.

Of each scope the tree of its folders and projects is read first: it gives the projects their ids. What is named nowhere
is searched, and what the search isn't documented to show is listed.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial

from costguard.catalog import native
from costguard.clouds.google import assets
from costguard.clouds.google.api import DeniedError, Google
from costguard.clouds.google.projects import TYPES, Tree
from costguard.clouds.run import Run, Task
from costguard.clouds.sighting import GLOBAL, Place, Sighting, SourceAbsent, SourceError, record
from costguard.config import GoogleDoc
from costguard.model.coverage import ANY_TYPE, Cell


def tasks(doc: GoogleDoc, run: Run, google: Google | None = None) -> list[Task]:
    """What there is to do to read Google Cloud as the configuration says.

    A scope belongs to one shard as a whole: Google counts calls for a project and an organisation, so that two readers
    of one organisation are no quicker than one. ``google`` is a door to something else than Google. Raises
    :class:`UsageError` where Google's libraries aren't installed.
    """
    asked = None if run.types is None else _asset_types(run.types)
    scopes = [scope for scope in dict.fromkeys(doc.scopes) if run.shard.owns(f"google:{scope}")]
    if asked is not None and not asked and not any(name.startswith("google_") for name in run.types or ()):
        return []
    google = google or Google(run.pacer, doc.quota_project)
    run.tally.add(accounts=len(scopes))
    return [_Scope(google, run, doc.sources, scope, asked).start for scope in scopes]


def _asset_types(types: Iterable[str]) -> list[str]:
    """Google's names of the types that are asked for."""
    found = {spelling for name in types if name.startswith("google_") for spelling in native.native_types(name)}
    return sorted(found | {name for name in types if ".googleapis.com/" in name})


class _Scope:
    """One organisation, folder or project."""

    def __init__(
        self, google: Google, run: Run, sources: Sequence[str] | None, scope: str, asked: list[str] | None
    ) -> None:
        self._google = google
        self._run = run
        self._sources = sources
        self._scope = scope
        self._asked = asked
        self._place = Place("google", scope.removeprefix("projects/"))

    def start(self) -> Iterable[Task]:
        """Reads the tree, and says what there is to read in it."""
        unlisted = sorted(
            name for name in self._run.types or () if name.startswith("google_") and not native.native_types(name)
        )
        for name in unlisted:
            why = f"which of Google's asset types is {name} isn't known, so that nothing looks for it"
            self._run.cell(
                Cell(
                    cloud="google",
                    account=self._place.account,
                    region=GLOBAL,
                    type=name,
                    source="search",
                    outcome="failed",
                    error=why,
                )
            )
        searches = self._sources is None or "search" in self._sources
        # The search shows Tags, a page of resources at a time; without it they are asked for one by one.
        tree = Tree(self._google, self._scope, tags=not searches)
        whole = record(self._run, self._place, "native", _if_allowed(tree.pages()), types=TYPES, now=self._run.now)
        names = tree.names if whole or not searches else self._names(tree.names)
        todo: list[Task] = []
        if self._asked is None or self._asked:
            if searches:
                todo.append(partial(self._search, names))
            if self._sources is None or "list" in self._sources:
                todo.append(partial(self._list, names))
        self._run.tally.add(places=len(todo) + 1, places_done=1, accounts_done=1)
        return todo

    def _names(self, known: assets.Names) -> assets.Names:
        """What Resource Manager doesn't say of the projects, the search may: rules about accounts go by their ids."""
        try:
            return {**assets.project_names(self._google, self._scope), **known}
        except SourceError:
            return known  # The search itself comes next, and what it refuses is said there.

    def _search(self, names: assets.Names) -> Iterable[Task]:
        pages = assets.search(self._google, self._scope, names, self._asked or ())
        record(self._run, self._place, "search", pages, now=self._run.now)
        self._run.tally.add(places_done=1)
        return ()

    def _list(self, names: assets.Names) -> Iterable[Task]:
        types: tuple[str, ...] = (ANY_TYPE,)
        asked, allowed = self._asked, self._sources is not None
        if not allowed:
            types = tuple(name for name in assets.unshown_types() if self._run.types is None or name in self._run.types)
            asked = _asset_types(types)
        if types:
            pages = assets.listing(self._google, self._scope, names, asked or ())
            record(
                self._run,
                self._place,
                "list",
                pages if allowed else _if_allowed(pages),
                types=types,
                now=self._run.now,
            )
        self._run.tally.add(places_done=1)
        return ()


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
