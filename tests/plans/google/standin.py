"""A stand-in for the Google and Azure providers, so that real Terraform plans their resources without them.

Terraform itself writes the plan; this program only answers, over Terraform's plugin protocol, what the providers
would say about labels and tags at plan time:

- the SDK that both are built on gives up a whole map for one unknown value, and drops null values;
- Google merges `default_labels`, the resource's labels and `goog-terraform-provisioned` into `terraform_labels` and
  `effective_labels`, which are both unknown where the labels are (its source: tpgresource/labels.go);
- Google's monitoring types and Cloud SQL have `user_labels`, which nothing is merged into;
- Azure has plain `tags` and no defaults.

It knows only the few arguments that the configuration beside it uses. `python standin.py NAME` serves one provider;
PROVIDERS lists names and versions for scripts/write-plans. It needs the package `tf`.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from typing import Any

TEXT, TRUTH, NUMBER, LABELS = '"string"', '"bool"', '"number"', '["map","string"]'


@dataclass(frozen=True)
class Block:
    """What an author may write (`given`), what the provider fills in (`computed`), and nested blocks."""

    given: dict[str, str] = field(default_factory=dict)
    computed: dict[str, str] = field(default_factory=dict)
    blocks: dict[str, Block] = field(default_factory=dict)
    merged_from: str = ""  # the attribute that the provider's default labels are merged with


MERGED = {"terraform_labels": LABELS, "effective_labels": LABELS}
SELF = {"id": TEXT, "self_link": TEXT}

GOOGLE = {
    "google_compute_instance": Block(
        {"name": TEXT, "zone": TEXT, "machine_type": TEXT, "labels": LABELS}, SELF | MERGED, merged_from="labels"
    ),
    "google_storage_bucket": Block(
        {"name": TEXT, "location": TEXT, "labels": LABELS},
        SELF | MERGED | {"project": TEXT, "url": TEXT},
        merged_from="labels",
    ),
    "google_pubsub_topic": Block(
        {"name": TEXT, "labels": LABELS}, {"id": TEXT, "project": TEXT} | MERGED, merged_from="labels"
    ),
    "google_container_cluster": Block(
        {"name": TEXT, "location": TEXT, "initial_node_count": NUMBER, "resource_labels": LABELS},
        SELF | MERGED,
        merged_from="resource_labels",
    ),
    "google_cloud_run_service": Block(
        {"name": TEXT, "location": TEXT},
        {"id": TEXT},
        {"metadata": Block({"labels": LABELS}, MERGED | {"generation": NUMBER}, merged_from="labels")},
    ),
    "google_sql_database_instance": Block(
        {"name": TEXT, "database_version": TEXT},
        SELF,
        {"settings": Block({"tier": TEXT, "user_labels": LABELS}, {"version": NUMBER})},
    ),
    "google_monitoring_alert_policy": Block(
        {"display_name": TEXT, "combiner": TEXT, "user_labels": LABELS}, {"id": TEXT}
    ),
    "google_monitoring_notification_channel": Block(
        {"display_name": TEXT, "type": TEXT, "labels": LABELS, "user_labels": LABELS}, {"id": TEXT}
    ),
    "google_monitoring_metric_descriptor": Block(
        {"type": TEXT, "metric_kind": TEXT, "value_type": TEXT, "description": TEXT},
        {"id": TEXT},
        {"labels": Block({"key": TEXT, "value_type": TEXT, "description": TEXT})},
    ),
    "google_project_service": Block({"service": TEXT}, {"id": TEXT}),
}
AZURE = {
    "azurerm_resource_group": Block({"name": TEXT, "location": TEXT, "tags": LABELS}, {"id": TEXT}),
    "azurerm_storage_account": Block(
        {
            "name": TEXT,
            "resource_group_name": TEXT,
            "location": TEXT,
            "account_tier": TEXT,
            "account_replication_type": TEXT,
            "tags": LABELS,
        },
        {"id": TEXT},
    ),
    "azurerm_kubernetes_cluster": Block(
        {"name": TEXT, "resource_group_name": TEXT, "location": TEXT, "dns_prefix": TEXT, "tags": LABELS},
        {"id": TEXT},
        {"default_node_pool": Block({"name": TEXT, "vm_size": TEXT, "node_count": NUMBER, "tags": LABELS})},
    ),
    "azurerm_role_assignment": Block({"scope": TEXT, "role_definition_name": TEXT, "principal_id": TEXT}, {"id": TEXT}),
}
PROVIDERS = {"google": "6.0.0", "azurerm": "4.0.0"}
CONFIGURATION = {
    "google": Block({"project": TEXT, "region": TEXT, "default_labels": LABELS}),
    "azurerm": Block({"subscription_id": TEXT}, blocks={"features": Block()}),
}
RESOURCES = {"google": GOOGLE, "azurerm": AZURE}


def serve(name: str) -> None:
    import tf.provider
    from tf.gen import tfplugin_pb2 as pb
    from tf.runner import run_provider
    from tf.types import Unknown
    from tf.utils import read_dynamic_value, to_dynamic_value

    def schema_block(block: Block) -> Any:
        given = [pb.Schema.Attribute(name=key, type=kind.encode(), optional=True) for key, kind in block.given.items()]
        filled = [
            pb.Schema.Attribute(name=key, type=kind.encode(), computed=True) for key, kind in block.computed.items()
        ]
        nested = [
            pb.Schema.NestedBlock(
                type_name=key, block=schema_block(inner), nesting=pb.Schema.NestedBlock.NestingMode.LIST
            )
            for key, inner in block.blocks.items()
        ]
        return pb.Schema.Block(attributes=given + filled, block_types=nested)

    def planned(block: Block, written: dict[str, Any], defaults: dict[str, str]) -> dict[str, Any]:
        values = {key: sdk_map(written[key]) if kind == LABELS else written[key] for key, kind in block.given.items()}
        values |= dict.fromkeys(block.computed, Unknown)
        for key, inner in block.blocks.items():
            values[key] = [planned(inner, each, defaults) for each in written[key]]
        if block.merged_from and values[block.merged_from] is not Unknown:
            merged = defaults | {"goog-terraform-provisioned": "true"} | (values[block.merged_from] or {})
            values |= dict.fromkeys(MERGED, merged)
        return values

    def sdk_map(value: Any) -> Any:
        if value is Unknown or value is None:
            return value
        if any(each is Unknown for each in value.values()):
            return Unknown
        return {key: each for key, each in value.items() if each is not None} or None

    class Servicer(tf.provider.ProviderServicer):
        """Create-time planning and nothing else."""

        def __init__(self, _app: object) -> None:
            self.defaults: dict[str, str] = {}

        def GetProviderSchema(self, _request: Any, _context: Any) -> Any:  # noqa: N802
            return pb.GetProviderSchema.Response(
                provider=pb.Schema(block=schema_block(CONFIGURATION[name])),
                resource_schemas={
                    key: pb.Schema(version=0, block=schema_block(block)) for key, block in RESOURCES[name].items()
                },
            )

        def ValidateProviderConfig(self, _request: Any, _context: Any) -> Any:  # noqa: N802
            return pb.ValidateProviderConfig.Response()

        def ValidateResourceConfig(self, _request: Any, _context: Any) -> Any:  # noqa: N802
            return pb.ValidateResourceConfig.Response()

        def ConfigureProvider(self, request: Any, _context: Any) -> Any:  # noqa: N802
            # The SDK reads a map with an unknown value as an empty one.
            given = sdk_map(read_dynamic_value(request.config).get("default_labels"))
            self.defaults = {} if given is Unknown or given is None else given
            return pb.ConfigureProvider.Response()

        def PlanResourceChange(self, request: Any, _context: Any) -> Any:  # noqa: N802
            written = read_dynamic_value(request.config)
            state = planned(RESOURCES[name][request.type_name], written, self.defaults)
            return pb.PlanResourceChange.Response(planned_state=to_dynamic_value(state), legacy_type_system=True)

    tf.provider.ProviderServicer = Servicer
    run_provider(None, sys.argv)  # type: ignore[arg-type]


if __name__ == "__main__":
    if sys.argv[1:] == ["--list"]:
        sys.stdout.write(json.dumps(PROVIDERS))
    else:
        serve(sys.argv[1])
