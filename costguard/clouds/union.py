"""One resource of all that was seen of it.

The word of the service itself counts before that of an index, and what a later, whole listing by the service doesn't
show any more is gone, whatever an index remembers. Tags that nobody could show are not known: the resource's set is
open, and nothing is ever missing from it.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from costguard import catalog
from costguard.catalog import native
from costguard.clouds.aws import marks
from costguard.clouds.sighting import Sighting
from costguard.clouds.store import RANKS, Store
from costguard.iac import markers
from costguard.model.coverage import ANY_TYPE, Cell
from costguard.model.resource import Cloud, Gap, Known, Manager, Relation, Resource, Surface, Tag, TagSet, Unknown

_FIRST_HAND = RANKS["native"]

_PROVIDERS: dict[Cloud, str] = {"aws": "aws", "google": "google", "azure": "azurerm"}


_Unread = tuple[str, str, str, str, str]
"""Cloud, account, region, type, and why."""


class Union:
    """The resources of a store, read once, in the order of their ids.

    After the last one, ``gaps`` says whose tags could not be read, and ``notes`` how many were only remembered.
    """

    def __init__(self, store: Store, cells: Iterable[Cell], *, states_known: bool = False) -> None:
        """``states_known``: all states that there are were read."""
        self._store = store
        self._states_known = states_known
        self._whole = {
            (cell.account, cell.region, cell.type)
            for cell in cells
            if RANKS.get(cell.source) == _FIRST_HAND and cell.outcome == "read" and cell.type != ANY_TYPE
        }
        self._unread: Counter[_Unread] = Counter()
        self._words: dict[_Unread, str] = {}
        self._gone = 0
        self._groups: dict[tuple[str, str, str], str] = {}

    @property
    def gaps(self) -> tuple[Gap, ...]:
        return tuple(
            Gap("/".join((*key[:4], "tags")), f"the tags of {count:,} could not be read: {self._words[key]}")
            for key, count in sorted(self._unread.items())
        )

    @property
    def notes(self) -> tuple[str, ...]:
        if not self._gone:
            return ()
        return (f"{self._gone:,} that an index still lists are gone: the service itself doesn't show them any more",)

    def resources(self) -> Iterator[Resource]:
        for seen in self._store.resources():
            resource = self._resource(seen)
            if resource is not None:
                yield resource

    def _resource(self, seen: Sequence[tuple[str, Sighting]]) -> Resource | None:
        best_source, best = seen[0]
        if RANKS[best_source] != _FIRST_HAND and (best.account, best.region, best.type) in self._whole:
            self._gone += 1
            return None
        cloud: Cloud = "google" if best.id.startswith("//") else "aws"
        managers = {manager for _, sighting in seen for manager in sighting.managers}
        related = {relation for _, sighting in seen for relation in sighting.related}
        claims = self._store.claimed(native.keys(best.id)) if self._store.has_claims else ()
        managers.update(claims)
        untaggable = next((sighting.untaggable for _, sighting in seen if sighting.untaggable), "")
        if cloud == "aws":
            related |= self._marked(best, next((one.tags for _, one in seen if one.tags), {}))
        surfaces: tuple[Surface, ...] = ()
        basis = untaggable or (f"only {_INDEXES[best_source]} shows it" if best_source in _INDEXES else "")
        if not untaggable:
            known = catalog.lookup(best.type)
            if known is None:
                basis = f"{best.type} has no Terraform type that costguard knows"
            own = known.own if known is not None else None
            if known is None or own is not None:
                tags = self._tags(cloud, seen)
                path = ".".join(own.path) if own is not None else ("labels" if cloud == "google" else "tags")
                managers.update(markers.managers(_texts(tags)))
                default = next((sighting.default for _, sighting in seen if sighting.default), "")
                if default and not claims and not tags.open and not any(not _reserved(cloud, key) for key in tags.tags):
                    basis = f"{default}, and nobody has tagged or declared this one"
                else:
                    surfaces = (Surface(path, tags),)
        return Resource(
            address=best.id,
            type=best.type,
            provider=_PROVIDERS[cloud],
            cloud=cloud,
            id=best.id,
            account=best.account,
            region=best.region,
            surfaces=surfaces,
            basis=basis,
            managers=_managers(managers),
            # A state that could not be read may have it, too.
            declared=tuple(claim.name for claim in claims) or (() if self._states_known else None),
            related=tuple(sorted(related)),
        )

    def _marked(self, best: Sighting, tags: Mapping[str, str]) -> set[Relation]:
        """What AWS's own tags say. Ids come in their order, so that all groups of Auto Scaling have been seen
        before the first instance of EC2."""
        if name := marks.group_name(best.id):
            self._groups[best.account, best.region, name] = best.id
        found = marks.relations(tags, best.id, best.account, best.region)
        if group := self._groups.get((best.account, best.region, tags.get(marks.GROUP, ""))):
            found.add(Relation("cluster", group))
        return {relation for relation in found if relation.id != best.id}

    def _tags(self, cloud: Cloud, seen: Sequence[tuple[str, Sighting]]) -> TagSet:
        bound = _bound(seen) if cloud == "google" else None
        best = seen[0][1]
        refused = ""
        whole_first = sorted(seen, key=lambda one: one[1].open != "")
        for source, sighting in whole_first:
            if sighting.tags is None:
                refused = refused or sighting.unread
                continue
            if refused and source in _INDEXES:
                break  # What an index remembers may have changed since, and whoever knows won't say.
            tags = {key: Tag(Known(value), "the resource") for key, value in sighting.tags.items()}
            return TagSet(tags, sighting.open, bound=bound)
        doubt = self._not_read(cloud, best, refused or "no source that was read shows them")
        return TagSet({}, doubt, bound=bound)

    def _not_read(self, cloud: Cloud, best: Sighting, why: str) -> str:
        # What AWS says in brackets names the resource: it is said of the first one, for all.
        key = (cloud, best.account, best.region, best.type, why.partition(" (")[0])
        self._unread[key] += 1
        self._words.setdefault(key, why)
        return f"its tags could not be read: {why}"


def _managers(found: Collection[Manager]) -> tuple[Manager, ...]:
    """In their order; a tag that only says "Terraform" adds nothing to the state that claims the resource."""
    claimed = any(manager.tool in ("terraform", "opentofu") for manager in found)
    return tuple(sorted(manager for manager in found if not (claimed and manager.tool == "terraform-tag")))


def _reserved(cloud: Cloud, key: str) -> bool:
    """Whether the cloud itself set the tag."""
    return key.casefold().startswith(catalog.LIMITS[cloud].reserved)


def _texts(tags: TagSet) -> dict[str, str]:
    return {key: tag.value.text for key, tag in tags.tags.items() if isinstance(tag.value, Known)}


def _bound(seen: Sequence[tuple[str, Sighting]]) -> TagSet | None:
    """The Tags of Google's resource manager, as the best source that shows them has them."""
    for _, sighting in seen:
        if sighting.bound is not None:
            tags = {
                one.key: Tag(Unknown(one.doubt) if one.doubt else Known(one.value), one.origin or "the resource")
                for one in sighting.bound
                if one.key != "*"
            }
            return TagSet(tags, next((one.doubt for one in sighting.bound if one.key == "*"), ""))
    return None


_INDEXES = {
    "search": "Google's asset search",
    "explorer": "Resource Explorer",
    "config": "AWS Config",
}
"""Sources that trail what is there: a resource that only they show says so."""
