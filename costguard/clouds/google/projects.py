"""Resource Manager: the folders and projects below a scope, with their labels and the Tags that hold for them.

Its lists are what is there now, where the asset inventory trails. They also tell a project's id by its number, and
which projects are being deleted.
"""

from collections import deque
from collections.abc import Iterator
from typing import Any

from costguard.clouds.google.api import Google
from costguard.clouds.google.assets import MANAGER, Hierarchy, short_value
from costguard.clouds.google.calls import GET_FOLDER, GET_PROJECT, LIST_EFFECTIVE_TAGS, LIST_FOLDERS, LIST_PROJECTS
from costguard.clouds.sighting import GLOBAL, Binding, Sighting, SourceError
from costguard.model.resource import Relation

TYPES = ("google_project", "google_folder")


def _in(parent: str) -> tuple[Relation, ...]:
    """What a project or a folder lies in (``folders/1``, ``organizations/2``)."""
    return (Relation("parent", f"{MANAGER}{parent}"),) if parent else ()


class Tree:
    """What is below one scope; :meth:`pages` adds to ``hierarchy`` what it reads."""

    def __init__(self, google: Google, scope: str, hierarchy: Hierarchy, *, tags: bool) -> None:
        """``tags``: the Tags of each folder and project are asked for too, one call each."""
        self._hierarchy = hierarchy
        self._google = google
        self._scope = scope
        self._tags = tags
        self._chain: dict[str, str] = {}  # each folder and project, and what it lies in
        self._own: dict[str, frozenset[tuple[str, str]]] = {}  # the Tags that are bound to each
        self._failures: list[str] = []

    def pages(self) -> Iterator[list[Sighting]]:
        """The projects and folders. What one folder doesn't show doesn't keep others from being read.

        Raises :class:`SourceError` at the end where something could not be read.
        """
        kind = self._scope.partition("/")[0]
        folders = deque([self._scope])
        if kind == "projects":
            yield [self._project(self._google.ask(GET_PROJECT, {"name": self._scope}, self._scope))]
            folders.clear()
        elif kind == "folders":
            yield [self._folder(self._google.ask(GET_FOLDER, {"name": self._scope}, self._scope))]
        elif self._tags:
            self._tags_of(self._scope, "")
        failed: list[SourceError] = []
        while folders:
            parent = folders.popleft()
            try:
                for page in self._google.pages(LIST_FOLDERS, {"parent": parent}, parent, page_size=300):
                    folders += [folder.name for folder in page.folders]
                    yield [self._folder(folder) for folder in page.folders]
            except SourceError as error:
                failed.append(error)
            try:
                request = {"parent": parent, "show_deleted": True}
                for page in self._google.pages(LIST_PROJECTS, request, parent, page_size=300):
                    yield [self._project(project) for project in page.projects]
            except SourceError as error:
                failed.append(error)
        if len(failed) == 1:
            raise failed[0]
        if failed:
            raise type(failed[0])(f"{failed[0]}; and {len(failed) - 1} more of its listings failed") from failed[0]
        if self._failures:
            raise SourceError(f"the Tags of {len(self._failures):,} could not be read: {self._failures[0]}")

    def _folder(self, folder: Any) -> Sighting:
        bound = self._tags_of(folder.name, folder.parent) if self._tags else None
        return Sighting(
            id=f"{MANAGER}{folder.name}",
            type="google_folder",
            account=folder.name,
            region=GLOBAL,
            tags={},
            bound=bound,
            related=_in(folder.parent),
        )

    def _project(self, project: Any) -> Sighting:
        from google.cloud.resourcemanager_v3 import Project

        number = project.name.removeprefix("projects/")
        self._hierarchy.names[number] = project.project_id
        leaving = project.state == Project.State.DELETE_REQUESTED
        if leaving:
            self._hierarchy.leaving.add(number)
        bound = self._tags_of(project.name, project.parent) if self._tags and not leaving else None
        return Sighting(
            id=f"{MANAGER}{project.name}",
            type="google_project",
            account=project.project_id,
            region=GLOBAL,
            tags=dict(project.labels),
            bound=bound,
            untaggable="it is being deleted" if leaving else "",
            related=_in(project.parent),
        )

    def _tags_of(self, name: str, parent: str) -> tuple[Binding, ...] | None:
        """Keeps them, too: what lies in it inherits them."""
        bound = self._hierarchy.bound[name] = self._bound(name, parent)
        return bound

    def _bound(self, name: str, parent: str) -> tuple[Binding, ...] | None:
        """The Tags that hold for a folder or project, None where they can't be read.

        Google says which are inherited and not from where: that is the nearest one above that has it as its own.
        """
        self._chain[name] = parent
        found: dict[str, tuple[str, bool]] = {}
        try:
            pages = self._google.pages(LIST_EFFECTIVE_TAGS, {"parent": f"{MANAGER}{name}"}, name, page_size=300)
            for page in pages:
                for tag in page.effective_tags:
                    spelled = tag.namespaced_tag_key
                    key = self._hierarchy.spelled.get(tag.tag_key, spelled)
                    found[key] = short_value(spelled, tag.namespaced_tag_value), tag.inherited
        except SourceError as error:
            self._failures.append(str(error))
            return None
        self._own[name] = frozenset((key, value) for key, (value, inherited) in found.items() if not inherited)
        return tuple(
            Binding(key, value, self._origin(name, key, value) if inherited else "")
            for key, (value, inherited) in sorted(found.items())
        )

    def _origin(self, name: str, key: str, value: str) -> str:
        above = self._chain.get(name, "")
        while above:
            if (key, value) in self._own.get(above, ()):
                return above
            above = self._chain.get(above, "")
        return "above"
