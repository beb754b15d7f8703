"""Writes a plan of any size, made of resources that real Terraform planned.

The stack of ``tests/plans/acceptance`` (30 types in nested modules, with default tags, unknown values, launch templates
and violations) is repeated as the instances of a few modules. A third of the copies exist already, as in the plan of
most changes: they are no-ops, with a prior state. Most copies are compliant; each fifth one keeps the violations of
the original. Written in pieces, so that 50,000 resources need no more memory than one stack.
"""

import argparse
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

Json = dict[str, Any]

SOURCE = Path(__file__).parent.parent / "tests" / "plans" / "acceptance" / "plan.json"
INSTANCES_OF_A_MODULE = 8


def write_plan(path: Path, count: int) -> None:
    """A plan with ``count`` resource changes at ``path``."""
    plan = json.loads(SOURCE.read_text("utf-8"))
    size = len(plan["resource_changes"])
    copies = range(-(-count // size))
    head = {key: plan[key] for key in ("format_version", "terraform_version", "variables")}
    tail = {"relevant_attributes": [], "timestamp": plan["timestamp"], "applyable": True, "complete": True}
    with path.open("w", encoding="utf-8") as out:
        out.write(_text(head)[:-1])
        out.write(',"planned_values":{"root_module":{"child_modules":[')
        out.writelines(_joined(_planned_values(plan, copy) for copy in copies))
        out.write(']}},"resource_changes":[')
        left = [min(size, count - copy * size) for copy in copies]
        out.writelines(_joined(change for copy in copies for change in _changes(plan, copy)[: left[copy]]))
        prior = {**plan["prior_state"], "values": {"outputs": {}}}
        out.write(f'],"prior_state":{_text(prior)[:-2]},"root_module":{{"child_modules":[')
        out.writelines(_joined(_planned_values(plan, copy) for copy in copies if _exists(copy)))
        out.write(f']}}}}}},"configuration":{_text(_configuration(plan, len(copies)))},{_text(tail)[1:]}')


def _exists(copy: int) -> bool:
    return copy % 3 == 2


def _keeps_violations(copy: int) -> bool:
    return copy % 5 == 0


def _prefix(copy: int) -> str:
    return f'module.stack_{copy // INSTANCES_OF_A_MODULE}["team-{copy % INSTANCES_OF_A_MODULE}"]'


def _changes(plan: Json, copy: int) -> list[Json]:
    return [_change(planned, copy) for planned in plan["resource_changes"]]


def _change(planned: Json, copy: int) -> Json:
    change = planned["change"]
    after = change["after"] and _tagged(change["after"], copy)
    unknown = change["after_unknown"]
    if _exists(copy) and change["actions"] == ["create"]:
        after = _applied(after, change, copy)
        unknown = {name: mark for name, mark in unknown.items() if mark is not True}
        change = {**change, "actions": ["no-op"], "before": after, "before_sensitive": change["after_sensitive"]}
    module = planned.get("module_address")
    return {
        **planned,
        "address": f"{_prefix(copy)}.{planned['address']}",
        "module_address": f"{_prefix(copy)}.{module}" if module else _prefix(copy),
        "change": {**change, "after": after, "after_unknown": unknown},
    }


def _tagged(values: Json, copy: int) -> Json:
    """The values as a stack that minds its tags would have them."""
    if _keeps_violations(copy) or "tags" not in values:
        return values
    own = {"service": f"service-{copy}", "environment": "production", "owner": f"team-{copy % 40}"}
    return {**values, "tags": own, "tags_all": {**own, "managed-by": "terraform"}}


def _applied(values: Json, change: Json, copy: int) -> Json:
    """The values once the provider has filled in what is known only after apply."""
    # The marks of what is sensitive show which attributes are lists and maps.
    shapes = change["after_sensitive"]
    filled = {
        name: shapes.get(name, f"{name}-{copy:012d}") for name, mark in change["after_unknown"].items() if mark is True
    }
    return {**filled, **values}


def _planned_values(plan: Json, copy: int) -> Json:
    def module(node: Json) -> Json:
        moved = {**node, "address": f"{_prefix(copy)}.{node['address']}" if "address" in node else _prefix(copy)}
        if "resources" in node:
            moved["resources"] = [
                {
                    **resource,
                    "address": f"{_prefix(copy)}.{resource['address']}",
                    "values": _tagged(resource.get("values", {}), copy),
                }
                for resource in node["resources"]
            ]
        if "child_modules" in node:
            moved["child_modules"] = [module(child) for child in node["child_modules"]]
        return moved

    return module(plan["planned_values"]["root_module"])


def _configuration(plan: Json, copies: int) -> Json:
    configuration = plan["configuration"]
    calls = {
        f"stack_{number}": {
            "source": "./stack",
            "for_each_expression": {"references": ["var.teams"]},
            "module": configuration["root_module"],
        }
        for number in range(-(-copies // INSTANCES_OF_A_MODULE))
    }
    return {**configuration, "root_module": {"module_calls": calls}}


def _text(node: Any) -> str:
    return json.dumps(node, separators=(",", ":"), ensure_ascii=False)


def _joined(nodes: Iterable[Json]) -> Iterator[str]:
    for index, node in enumerate(nodes):
        yield ("," if index else "") + _text(node)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int, help="how many resources")
    parser.add_argument("path", type=Path, help="where to write the plan")
    wanted = parser.parse_args()
    write_plan(wanted.path, wanted.count)


if __name__ == "__main__":
    main()
