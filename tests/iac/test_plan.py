"""What the plan reader makes of things that no AWS provider at hand can write: other providers, newer formats."""

import json
from typing import Any

import pytest

from costguard.iac.plan import read_plan
from costguard.model.resource import Inventory, Known, Resource, Unknown

AWS = "registry.terraform.io/hashicorp/aws"


def change(
    address: str = "aws_sns_topic.t",
    *,
    after: dict[str, Any] | None,
    unknown: dict[str, Any] | None = None,
    actions: tuple[str, ...] = ("create",),
    provider: str = AWS,
    module: str = "",
    **more: Any,
) -> dict[str, Any]:
    """One entry of ``resource_changes``."""
    local = address.removeprefix(f"{module}.").split("[")[0]
    return {
        "address": address,
        **({"module_address": module} if module else {}),
        "mode": "managed",
        "type": local.split(".")[0],
        "name": local.split(".")[1],
        "provider_name": provider,
        "change": {
            "actions": list(actions),
            "before": None,
            "after": after,
            "after_unknown": unknown or {},
            "after_sensitive": {},
            **more,
        },
    }


def block(address: str, key: str) -> dict[str, Any]:
    """One resource of ``configuration``."""
    kind, name = address.split(".")
    return {"address": address, "mode": "managed", "type": kind, "name": name, "provider_config_key": key}


def read(*changes: dict[str, Any], **more: Any) -> Inventory:
    plan = {"format_version": "1.2", "planned_values": {}, "resource_changes": list(changes), **more}
    return read_plan(json.dumps(plan).encode(), "plan.json")


def only(inventory: Inventory) -> Resource:
    (resource,) = inventory.resources
    return resource


def shown(resource: Resource) -> dict[str, str | None]:
    """The first surface's tags; None for an unknown value."""
    tags = resource.surfaces[0].tags.tags
    return {key: tag.value.text if isinstance(tag.value, Known) else None for key, tag in tags.items()}


TAGGED = {"tags": {"owner": "payments"}, "tags_all": {"owner": "payments"}}


def test_a_type_that_the_catalogue_does_not_know_is_judged_by_what_the_plan_shows_and_said_to_be() -> None:
    inventory = read(change("aws_brand_new.x", after=TAGGED))
    assert shown(only(inventory)) == {"owner": "payments"}
    assert "aws_brand_new" in only(inventory).basis
    assert inventory.notes == ("aws_brand_new is not in the catalogue; 1 resource is judged by what the plan shows",)


def test_a_tags_attribute_alone_proves_nothing_for_an_unknown_aws_type() -> None:
    """It may be a selector: ``aws_inspector_resource_group.tags`` is."""
    assert only(read(change("aws_brand_new.x", after={"tags": {"a": "b"}}))).surfaces == ()


def test_a_type_that_became_taggable_after_the_catalogue_is_judged_by_its_tags_all() -> None:
    assert shown(only(read(change("aws_iam_role_policy.x", after=TAGGED)))) == {"owner": "payments"}


def test_a_taggable_type_whose_provider_is_too_old_for_tags_is_untaggable() -> None:
    assert only(read(change(after={"name": "t"}))).surfaces == ()


@pytest.mark.parametrize(
    ("after", "unknown", "taggable"),
    [
        ({"tags": {"a": "b"}}, {}, True),
        ({"tags": None}, {}, True),
        ({}, {"tags": True}, True),
        ({"tags": ["a"]}, {}, False),
        ({"name": "x"}, {}, False),
    ],
)
def test_azurerm_types_unknown_to_the_catalogue_carry_tags_where_the_attribute_is_no_list(
    after: dict[str, Any], unknown: dict[str, Any], taggable: bool
) -> None:
    planned = change(
        "azurerm_brand_new.x", after=after, unknown=unknown, provider="registry.terraform.io/hashicorp/azurerm"
    )
    assert bool(only(read(planned)).surfaces) is taggable


def test_azapi_resources_are_judged_only_where_tags_are_written() -> None:
    provider = "registry.terraform.io/azure/azapi"
    assert only(read(change("azapi_resource.x", after={}, unknown={"tags": True}, provider=provider))).surfaces == ()
    assert only(read(change("azapi_resource.x", after={"tags": {"a": "b"}}, provider=provider))).surfaces


def test_a_provider_whose_tags_are_not_judged_is_said_to_be_left_alone() -> None:
    planned = change("datadog_monitor.x", after={"tags": ["a"]}, provider="registry.terraform.io/datadog/datadog")
    inventory = read(
        planned, change("random_pet.x", after={"id": "p"}, provider="registry.terraform.io/hashicorp/random")
    )
    assert [resource.surfaces for resource in inventory.resources] == [(), ()]
    assert inventory.notes == ("provider datadog is not one whose tags are judged; 1 resource is left alone",)


def test_a_deferred_resource_is_a_gap_and_still_judged() -> None:
    deferred = {"reason": "provider_config_unknown", "resource_change": change(after=TAGGED)}
    inventory = read(deferred_changes=[deferred], complete=False)
    assert [gap.where for gap in inventory.gaps] == ["aws_sns_topic.t"]
    assert "provider_config_unknown" in inventory.gaps[0].why
    assert shown(only(inventory)) == {"owner": "payments"}


@pytest.mark.parametrize(
    ("more", "gaps"),
    [
        ({}, 0),
        ({"complete": True}, 0),
        ({"errored": True}, 1),
        ({"complete": False}, 1),
        ({"errored": True, "complete": False}, 1),
    ],
)
def test_an_incomplete_plan_is_one_gap(more: dict[str, Any], gaps: int) -> None:
    assert len(read(change(after=TAGGED), **more).gaps) == gaps


@pytest.mark.parametrize(
    ("actions", "more", "judged", "touched"),
    [
        (("create",), {}, True, True),
        (("update",), {}, True, True),
        (("delete", "create"), {}, True, True),
        (("create", "delete"), {}, True, True),
        (("create", "forget"), {}, True, True),
        (("no-op",), {}, True, False),
        (("no-op",), {"importing": {"id": "i"}}, True, True),
        (("read",), {}, False, False),
    ],
)
def test_what_the_change_touches(actions: tuple[str, ...], more: dict[str, Any], judged: bool, touched: bool) -> None:
    resources = read(change(after=TAGGED, actions=actions, **more)).resources
    assert [resource.touched for resource in resources] == ([touched] if judged else [])


@pytest.mark.parametrize("actions", [("delete",), ("forget",)])
def test_what_goes_away_is_not_judged(actions: tuple[str, ...]) -> None:
    assert read(change(after=None, actions=actions)).resources == ()


HIDDEN: dict[str, Any] = {"after": {"tags": {"service": ""}}, "unknown": {"tags_all": True}}
"""An empty text among a resource's tags makes ``tags_all`` unknown."""


def configuration(key: str, **providers: Any) -> dict[str, Any]:
    return {
        "provider_config": {name.replace("__", "."): {"expressions": stated} for name, stated in providers.items()},
        "root_module": {"resources": [block("aws_sns_topic.t", key), block("aws_sns_topic.other", "aws")]},
    }


def test_constant_defaults_count_where_tags_all_is_unknown() -> None:
    stated = {"default_tags": [{"tags": {"constant_value": {"owner": "platform", "number": 5, "none": None}}}]}
    resource = only(read(change(**HIDDEN), configuration=configuration("aws", aws=stated)))
    assert shown(resource) == {"owner": "platform", "number": "5", "service": ""}
    assert resource.surfaces[0].tags.tags["owner"].source == "default_tags of provider aws"
    assert resource.surfaces[0].tags.doubt("environment") == ""


def test_computed_defaults_are_learned_from_the_providers_other_resources_and_only_from_those() -> None:
    computed = {"default_tags": [{"tags": {"references": ["local.tags"]}}]}
    other = change("aws_sns_topic.other", after={"tags": None, "tags_all": {"owner": "platform"}})
    same = read(change(**HIDDEN), other, configuration=configuration("aws", aws=computed))
    assert shown(same.resources[0]) == {"owner": "platform", "service": ""}
    assert same.resources[0].surfaces[0].tags.doubt("environment") == ""
    bare = read(change(**HIDDEN), other, configuration=configuration("aws.bare", aws=computed, aws__bare={}))
    assert shown(bare.resources[0]) == {"service": ""}
    assert bare.resources[0].surfaces[0].tags.doubt("owner") == ""


def test_a_key_that_every_other_resource_sets_itself_may_be_a_default() -> None:
    computed = {"default_tags": [{"tags": {"references": ["local.tags"]}}]}
    other = change(
        "aws_sns_topic.other",
        after={"tags": {"environment": "dev"}, "tags_all": {"environment": "dev", "owner": "platform"}},
    )
    tags = read(change(**HIDDEN), other, configuration=configuration("aws", aws=computed)).resources[0].surfaces[0].tags
    assert tags.doubt("environment")
    assert not tags.doubt("cost-center")


def test_without_a_configuration_nothing_is_learned_and_nothing_is_denied() -> None:
    other = change("aws_sns_topic.other", after={"tags": None, "tags_all": {"owner": "platform"}})
    resource = read(change(**HIDDEN), other).resources[0]
    assert shown(resource) == {"service": ""}
    assert resource.surfaces[0].tags.doubt("owner")


def test_a_module_without_a_provider_of_its_own_inherits_the_callers() -> None:
    stated = {"default_tags": [{"tags": {"constant_value": {"owner": "platform"}}}]}
    module = {"module": {"resources": [block("aws_sns_topic.t", "module.a.module.b:aws")]}}
    tree = {
        "provider_config": {"aws": {"expressions": stated}},
        "root_module": {"module_calls": {"a": {"module": {"module_calls": {"b": module}}}}},
    }
    address = 'module.a["x.y"].module.b[0].aws_sns_topic.t["k"]'
    planned = change(address, module='module.a["x.y"].module.b[0]', **HIDDEN)
    planned |= {"type": "aws_sns_topic", "name": "t"}
    assert shown(only(read(planned, configuration=tree))) == {"owner": "platform", "service": ""}


def test_own_tags_that_are_unknown_may_override_a_default() -> None:
    stated = {"default_tags": [{"tags": {"constant_value": {"owner": "platform"}}}]}
    resource = only(
        read(change(after={}, unknown={"tags": True, "tags_all": True}), configuration=configuration("aws", aws=stated))
    )
    owner = resource.surfaces[0].tags.tags["owner"].value
    assert isinstance(owner, Unknown)
    assert "may override" in owner.reason
    assert resource.surfaces[0].tags.doubt("service")


def test_names_of_existing_resources_come_from_their_arn() -> None:
    arn = "arn:aws:sns:eu-west-1:123456789012:t"
    resource = only(read(change(after={**TAGGED, "arn": arn}, actions=("update",))))
    assert (resource.id, resource.account, resource.region) == (arn, "123456789012", "eu-west-1")


# --- what two sceptical readers found, each seen in a plan of real Terraform and what its apply did


def test_a_default_that_is_an_empty_text_is_empty_and_not_unknown() -> None:
    stated = {"default_tags": [{"tags": {"constant_value": {"owner": "", "environment": "dev"}}}]}
    planned = change(
        after={"tags": {"service": "x"}, "tags_all": {"environment": "dev", "service": "x"}},
        unknown={"tags": {}, "tags_all": {"owner": True}},
    )
    assert shown(only(read(planned, configuration=configuration("aws", aws=stated))))["owner"] == ""


def test_a_blank_default_proves_no_presence_where_the_own_tags_are_unknown() -> None:
    stated = {"default_tags": [{"tags": {"constant_value": {"owner": " "}}}]}
    planned = change(after={}, unknown={"tags": True, "tags_all": True})
    tags = only(read(planned, configuration=configuration("aws", aws=stated))).surfaces[0].tags
    assert "owner" not in tags.tags
    assert tags.doubt("owner")


def test_an_update_proves_only_the_defaults_that_it_changes() -> None:
    """``ignore_changes = [tags_all["owner"]]`` keeps an owner that is no default, and so does an import."""
    computed = {"default_tags": [{"tags": {"references": ["local.tags"]}}]}
    kept = change(
        "aws_sns_topic.other",
        after={"tags": None, "tags_all": {"environment": "production", "owner": "foreign"}},
        actions=("update",),
        before={"tags_all": {"environment": "staging", "owner": "foreign"}},
    )
    tags = read(change(**HIDDEN), kept, configuration=configuration("aws", aws=computed)).resources[0].surfaces[0].tags
    assert "owner" not in tags.tags
    assert tags.doubt("owner")
    assert shown(read(kept).resources[0])["owner"] == "foreign"


def test_what_is_left_alone_proves_nothing_about_the_present_defaults() -> None:
    computed = {"default_tags": [{"tags": {"references": ["local.tags"]}}]}
    old = change("aws_sns_topic.other", after={"tags": None, "tags_all": {"owner": "platform"}}, actions=("no-op",))
    inventory = read(change(**HIDDEN), old, configuration=configuration("aws", aws=computed))
    hidden, kept = inventory.resources
    assert hidden.surfaces[0].tags.doubt("owner")
    assert hidden.surfaces[0].tags.doubt("environment")
    assert not kept.surfaces[0].tags.doubt("environment")


def test_a_tag_that_tags_all_lacks_on_what_exists_may_never_be_written() -> None:
    frozen = change(
        after={"tags": {"service": "x"}, "tags_all": {"owner": "foreign"}},
        actions=("update",),
        before={"tags": {"owner": "foreign"}, "tags_all": {"owner": "foreign"}},
    )
    tags = only(read(frozen)).surfaces[0].tags
    assert "service" not in tags.tags
    assert tags.doubt("service")


def test_a_constant_default_that_no_created_resource_shows_is_ignored_and_sent() -> None:
    stated = {"default_tags": [{"tags": {"constant_value": {"owner": "platform"}}}]}
    planned = change(after={"tags": None, "tags_all": {}})
    assert shown(only(read(planned, configuration=configuration("aws", aws=stated)))) == {"owner": "platform"}


def test_an_out_of_band_label_is_no_default() -> None:
    google = "registry.terraform.io/hashicorp/google"
    sibling = change(
        "google_storage_bucket.other",
        after={"labels": {}, "terraform_labels": {}, "effective_labels": {"owner": "by-hand"}},
        provider=google,
    )
    unknown = {"labels": True, "terraform_labels": True, "effective_labels": True}
    planned = change("google_storage_bucket.t", after={}, unknown=unknown, provider=google)
    tree = {
        "provider_config": {"google": {"expressions": {"default_labels": {"references": ["local.labels"]}}}},
        "root_module": {
            "resources": [block("google_storage_bucket.t", "google"), block("google_storage_bucket.other", "google")]
        },
    }
    assert shown(read(planned, sibling, configuration=tree).resources[0]) == {}


def secret_defaults(reference: str, **more: Any) -> Known:
    """The owner that a provider adds whose default_tags refer to ``reference``."""
    tree = configuration("aws", aws={"default_tags": [{"tags": {"references": [reference]}}]})
    tree["root_module"] |= more.pop("root", {})
    planned = change(after={"tags": None, "tags_all": {"owner": "hunter2-in-clear"}})
    value = only(read(planned, configuration=tree, **more)).surfaces[0].tags.tags["owner"].value
    assert isinstance(value, Known)
    return value


def state(sensitive: bool) -> dict[str, Any]:
    source = {
        "address": "data.aws_ssm_parameter.o",
        "values": {"value": "hunter2-in-clear", "name": "o"},
        "sensitive_values": {"value": sensitive},
    }
    return {"values": {"root_module": {"resources": [source]}}}


@pytest.mark.parametrize(
    ("reference", "more", "sensitive"),
    [
        ("var.owner", {"root": {"variables": {"owner": {"sensitive": True}}}}, True),
        ("var.owner", {"root": {"variables": {"owner": {}}}}, False),
        (
            "module.m.owner",
            {"root": {"module_calls": {"m": {"module": {"outputs": {"owner": {"sensitive": True}}}}}}},
            True,
        ),
        ("module.m.owner", {"root": {"module_calls": {"m": {"module": {"outputs": {"owner": {}}}}}}}, False),
        ("data.aws_ssm_parameter.o.value", {"prior_state": state(True)}, True),
        ("data.aws_ssm_parameter.o.value", {"prior_state": state(False)}, False),
        ("data.aws_ssm_parameter.unread.value", {}, True),
        ("local.owner", {"prior_state": state(True)}, True),
        ("local.owner", {"prior_state": state(False)}, False),
    ],
)
def test_what_comes_from_something_sensitive_through_defaults_is_never_printed(
    reference: str, more: dict[str, Any], sensitive: bool
) -> None:
    assert secret_defaults(reference, **more).sensitive is sensitive


def test_an_id_that_is_sensitive_is_not_carried() -> None:
    arn = "arn:aws:sns:eu-west-1:123456789012:t"
    planned = change(after={**TAGGED, "arn": arn, "id": arn}, after_sensitive={"arn": True, "id": True})
    resource = only(read(planned))
    assert (resource.id, resource.account) == (None, None)


def test_a_fork_of_a_provider_is_judged_like_the_provider() -> None:
    planned = change(after={"tags": None, "tags_all": {}}, provider="registry.terraform.io/acme/aws")
    assert only(read(planned)).surfaces
