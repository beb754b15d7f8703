"""What today's configuration and today's states say of what was planned earlier.

A change set lives for a day, and longer where its run is resumed. Meanwhile somebody may have imported a resource into
Terraform, put a stack's tag on it, excluded it in ``costguard.yaml``, or withdrawn the leave to write over a value. So
each act is asked again, with the tags that were just read: what the plan would no longer decide isn't done.
"""

from collections.abc import Callable, Iterable, Mapping

from costguard.catalog import native
from costguard.clouds.writing import Target
from costguard.config import ReconcileDoc
from costguard.iac import markers
from costguard.model.change import Change, ChangeSet, Step
from costguard.model.resource import Known, Manager, Resource, Surface, Tag, TagSet
from costguard.reconcile.plan import excludes
from costguard.reconcile.run import Act
from costguard.scan import Judging, claimed

Objection = Callable[[Act, Mapping[str, str]], str]


def objections(changes: ChangeSet, doc: ReconcileDoc, judging: Judging) -> Objection:
    """Asks what speaks against an act of this change set, for a resource that has these tags now; empty where nothing
    does. Reads the states once, here."""
    planned: dict[str, Change | Step] = {one.id: one for one in changes.steps}
    planned.update((one.id, one) for one in changes.changes if one.decision == "tag")
    keys = {key: id_ for id_ in planned for key in native.keys(id_)}
    claims, unread = claimed(judging, keys)
    owned: dict[str, set[Manager]] = {}
    for key, manager in claims:
        owned.setdefault(keys[key], set()).add(manager)
    unsure = ""
    if unread:
        unsure = f"not all states could be read ({unread[0].where}: {unread[0].why}), so that Terraform may manage it"
    elif not judging.states:
        unsure = "no state is named that says that Terraform doesn't manage it (terraform.states, --state)"

    def objection(act: Act, tags: Mapping[str, str]) -> str:
        if act.verb == "notice":
            return ""
        one = planned.get(act.target.id)
        known = one.managed_by if isinstance(one, Change) else ()
        if new := _managers(owned.get(act.target.id, ()), known) or _managers(markers.managers(tags), known):
            return f"{new} manages it by now: plan again"
        # What stops and terminates is never assumed to be unmanaged.
        if unsure and not (doc.assume_unmanaged and act.step is None):
            return unsure
        resource = _resource(act.target, tags)
        number = next((n for n, one in enumerate(doc.exclude) if excludes(one, resource)), None)
        if number is not None:
            return f"costguard.yaml leaves it alone by now (reconcile.exclude, entry {number + 1})"
        return _withdrawn(act, one, doc) if isinstance(one, Change) else ""

    return objection


def _managers(found: Iterable[Manager], known: Iterable[Manager]) -> str:
    """The first manager of a tool that the plan didn't know of."""
    tools = {manager.tool for manager in known}
    return next((f"{manager.tool} ({manager})" for manager in sorted(found) if manager.tool not in tools), "")


def _withdrawn(act: Act, change: Change, doc: ReconcileDoc) -> str:
    """Why nothing may be written over, or taken away, that the plan was given leave for."""
    names = {value.key: value.tag for value in change.values}
    for key, after in act.after.items():
        if after is None and key not in doc.delete:
            return f"costguard.yaml doesn't let {key} be taken away any more (reconcile.delete)"
        if after is not None and act.before.get(key) is not None and names.get(key) not in doc.overwrite:
            return f"costguard.yaml doesn't let {key} be written over any more (reconcile.overwrite)"
    return ""


def _resource(target: Target, tags: Mapping[str, str]) -> Resource:
    shown = TagSet({key: Tag(Known(text), "the resource") for key, text in tags.items()})
    return Resource(
        address=target.id,
        type=target.type,
        provider="",
        cloud=target.cloud,
        account=target.account,
        region=target.region,
        surfaces=(Surface("tags", shown),),
    )
