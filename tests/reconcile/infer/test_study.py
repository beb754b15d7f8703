"""The inference: each kind of evidence on inventories made by hand, what it is worth, and the laws that it keeps."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costguard.model.resource import Known, Manager, Relation, Resource, Surface, Tag, TagSet, Unknown
from costguard.policy.load import load
from costguard.policy.rules.require import Require
from costguard.reconcile.infer import Hint, Inference, Inferred, Witness
from costguard.reconcile.infer.study import study
from tests.policy.build import policy
from tests.reconcile.infer.exam import examined
from tests.reconcile.infer.organisation import POLICY, Setting, generated

ACCOUNT = "111122223333"
EC2 = f"arn:aws:ec2:eu-west-1:{ACCOUNT}"
INSTANCE, VOLUME, SNAPSHOT = f"{EC2}:instance/i-1", f"{EC2}:volume/vol-1", f"{EC2}:snapshot/snap-1"
SUBNET, VPC = f"{EC2}:subnet/subnet-1", f"{EC2}:vpc/vpc-1"
GROUP = f"arn:aws:autoscaling:eu-west-1:{ACCOUNT}:autoScalingGroup:1:autoScalingGroupName/shop"
STACK = (Manager(tool="cloudformation", name="Queue", where="stack shop-prod"),)


@pytest.fixture(scope="session")
def rules(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Require]:
    """The rules of the generated organisation: owner, service, environment."""
    path = tmp_path_factory.mktemp("policy") / "policy.yaml"
    path.write_text(POLICY)
    return {rule.spelling.name: rule for rule in load([path]).rules if isinstance(rule, Require)}


def queue(name: str) -> str:
    return f"arn:aws:sqs:eu-west-1:{ACCOUNT}:{name}"


def made(
    id_: str,
    tags: Mapping[str, str | None] | None = None,
    *related: Relation,
    managers: tuple[Manager, ...] = (),
    account: str | None = None,
) -> Resource:
    """A resource in an account of its own, unless that is said: its account would say something, too."""
    google = id_.startswith("//")
    entries = {
        key: Tag(Known(text) if text is not None else Unknown("not read"), "the resource")
        for key, text in (tags or {}).items()
    }
    return Resource(
        address=id_,
        id=id_,
        type="google_storage_bucket" if google else "aws_sqs_queue",
        provider="google" if google else "aws",
        cloud="google" if google else "aws",
        account=account,
        region="eu-west-1",
        surfaces=(Surface("labels" if google else "tags", TagSet(entries)),),
        managers=managers,
        related=related,
    )


def studied(
    resources: Sequence[Resource], rules: Iterable[Require], *witnesses: Witness, model: bool = False
) -> Inference:
    return study(lambda: resources, list(rules), witnesses, threshold=0.95, model=model)


def said(found: Inferred) -> list[tuple[str, str]]:
    return [(one.kind, one.value) for one in found.evidence]


def parent(id_: str) -> Relation:
    return Relation("parent", id_)


SHOP = {"Owner": "shop"}
STATE = (Manager(tool="terraform", name="aws_sqs_queue.a", where="s3://states/shop"),)
MODULE = (Manager(tool="terraform", name='module.shop["x"].aws_sqs_queue.a', where="s3://states/shop"),)
SERVICE = (Manager(tool="ecs", name="ECS service shop", where="cluster main"),)

EVIDENCE: dict[str, tuple[Resource, list[Resource], list[tuple[str, str]], str]] = {
    "another case of the key": (
        made(queue("a"), {"OWNER": "shop"}),
        [],
        [("alias", "shop")],
        "its own tag OWNER is shop",
    ),
    "an alias": (made(queue("a"), {"Team": "shop"}), [], [("alias", "shop")], "its own tag Team is shop"),
    "an alias that the rule forbids": (made(queue("a"), {"team": "The Shop"}), [], [], ""),
    "an alias that isn't known": (made(queue("a"), {"team": None}), [], [], ""),
    "what it belongs to": (
        made(VOLUME, {}, parent(INSTANCE)),
        [made(INSTANCE, SHOP)],
        [("parent", "shop")],
        "i-1, which it belongs to, has Owner = shop",
    ),
    "what that belongs to": (
        made(SNAPSHOT, {}, parent(VOLUME)),
        [made(VOLUME, {}, parent(INSTANCE)), made(INSTANCE, SHOP)],
        [("parent", "shop")],
        "what vol-1 belongs to, as it does itself, has Owner = shop",
    ),
    "the nearer parent alone": (
        made(SNAPSHOT, {}, parent(VOLUME)),
        [made(VOLUME, {"Owner": "cart"}, parent(INSTANCE)), made(INSTANCE, SHOP)],
        [("parent", "cart")],
        "vol-1, which it belongs to, has Owner = cart",
    ),
    "a parent that nobody knows": (made(VOLUME, {}, parent(INSTANCE)), [], [], ""),
    "itself as its parent": (made(VOLUME, SHOP, parent(VOLUME)), [], [], ""),
    "others of the same parent": (
        made(SNAPSHOT, {}, parent(VOLUME)),
        [made(f"{EC2}:snapshot/snap-2", SHOP, parent(VOLUME))],
        [("parent", "shop")],
        "1 of 1 other resources that belong to vol-1 have Owner = shop",
    ),
    "what belongs to it": (
        made(INSTANCE),
        [made(VOLUME, SHOP, parent(INSTANCE)), made(f"{EC2}:volume/vol-2", SHOP, parent(INSTANCE))],
        [("child", "shop")],
        "all 2 resources that belong to it have Owner = shop",
    ),
    "what belongs to that": (
        made(INSTANCE),
        [made(VOLUME, {}, parent(INSTANCE)), made(SNAPSHOT, SHOP, parent(VOLUME))],
        [("child", "shop")],
        "what belongs to what belongs to it has Owner = shop",
    ),
    "what belongs to it and doesn't agree": (
        made(INSTANCE),
        [made(VOLUME, SHOP, parent(INSTANCE)), made(f"{EC2}:volume/vol-2", {"Owner": "cart"}, parent(INSTANCE))],
        [],
        "",
    ),
    "its cluster": (
        made(INSTANCE, {}, Relation("cluster", GROUP)),
        [made(GROUP, SHOP)],
        [("cluster", "shop")],
        "its cluster shop has Owner = shop itself",
    ),
    "the others of its cluster": (
        made(INSTANCE, {}, Relation("cluster", GROUP)),
        [made(f"{EC2}:instance/i-2", SHOP, Relation("cluster", GROUP))],
        [("cluster", "shop")],
        "1 of 1 other resources of the cluster shop have Owner = shop",
    ),
    "what its cluster's own mark joins": (
        made(queue("a"), managers=SERVICE),
        [made(queue("b"), SHOP, managers=SERVICE)],
        [("cluster", "shop")],
        "1 of 1 other resources of ECS service shop in cluster main have Owner = shop",
    ),
    "the others of its subnet": (
        made(INSTANCE, {}, Relation("network", SUBNET)),
        [made(f"{EC2}:instance/i-2", SHOP, Relation("network", SUBNET))],
        [("network", "shop")],
        "1 of 1 other resources in the subnet subnet-1 have Owner = shop",
    ),
    "its network": (
        made(INSTANCE, {}, Relation("network", VPC)),
        [made(VPC, {"Owner": "network"})],
        [("network", "network")],
        "its network vpc-1 has Owner = network itself",
    ),
    "its stack": (
        made(queue("a"), managers=STACK),
        [made(queue(f"b{number}"), SHOP, managers=STACK) for number in range(11)],
        [("stack", "shop")],
        "11 of 11 other resources in stack shop-prod have Owner = shop",
    ),
    "its stack, of which not all have the tag": (
        made(queue("a"), managers=STACK),
        [made(queue("b"), SHOP, managers=STACK), made(queue("c"), managers=STACK)],
        [("stack", "shop")],
        "1 of the 1 others that have Owner, of 2 in stack shop-prod, have shop",
    ),
    "a stack of that name elsewhere": (
        made(queue("a"), managers=STACK, account="1"),
        [made(queue("b"), SHOP, managers=STACK, account="2")],
        [],
        "",
    ),
    "its state": (
        made(queue("a"), managers=STATE),
        [made(queue("b"), SHOP, managers=STATE)],
        [("state", "shop")],
        "1 of 1 other resources in the state s3://states/shop have Owner = shop",
    ),
    "its module": (
        made(queue("a"), managers=MODULE),
        [made(queue("b"), SHOP, managers=MODULE)],
        [("module", "shop"), ("state", "shop")],
        '1 of 1 other resources in module.shop["x"] in s3://states/shop have Owner = shop',
    ),
    "a tag that only says terraform": (
        made(queue("a"), managers=(Manager(tool="terraform-tag", name="managed-by=terraform"),)),
        [made(queue("b"), SHOP, managers=(Manager(tool="terraform-tag", name="managed-by=terraform"),))],
        [],
        "",
    ),
    "its account": (
        made(queue("a"), account=ACCOUNT),
        [made(queue("b"), SHOP, account=ACCOUNT), made(queue("c"), SHOP, account=ACCOUNT)],
        [("account", "shop")],
        "2 of 2 other resources in the account 111122223333 have Owner = shop",
    ),
    "the majority of its account": (
        made(queue("a"), account=ACCOUNT),
        [made(queue(str(n)), {"Owner": "cart" if n else "shop"}, account=ACCOUNT) for n in range(3)],
        [("account", "cart")],
        "2 of 3 other resources in the account 111122223333 have Owner = cart",
    ),
    "an account of another cloud": (
        made(queue("a"), account="shop"),
        [made("//storage.googleapis.com/b", {"owner": "shop"}, account="shop")],
        [],
        "",
    ),
    "what made it": (
        made(queue("a"), {}, Relation("creator", f"arn:aws:iam::{ACCOUNT}:role/shop-deploy")),
        [made(queue("b"), SHOP, Relation("creator", f"arn:aws:iam::{ACCOUNT}:role/shop-deploy"))],
        [("creator", "shop")],
        "1 of 1 other resources made by shop-deploy have Owner = shop",
    ),
    "values that the rule forbids": (
        made(queue("a"), managers=STACK),
        [made(queue("b"), {"Owner": "The Shop"}, managers=STACK), made(queue("c"), {"Owner": ""}, managers=STACK)],
        [],
        "",
    ),
    "a value that isn't known": (
        made(queue("a"), managers=STACK),
        [made(queue("b"), {"Owner": None}, managers=STACK)],
        [],
        "",
    ),
    "nothing at all": (made(queue("a")), [made(queue("b"), SHOP)], [], ""),
}


@pytest.mark.parametrize("name", EVIDENCE)
def test_evidence_and_what_it_says(rules: Mapping[str, Require], name: str) -> None:
    resource, others, expected, sentence = EVIDENCE[name]
    found = studied([resource, *others], [rules["owner"]]).of(resource, rules["owner"])
    assert sorted(said(found)) == sorted(expected)
    assert found.value == (expected[0][1] if expected else None)
    if sentence:
        assert sentence in [one.says for one in found.evidence]


def test_a_label_is_read_as_what_it_stands_for(tmp_path: Path) -> None:
    [rule] = [one for one in policy(tmp_path, "tags: {owner: {}}").rules if isinstance(one, Require)]
    disk, machine = "//compute.googleapis.com/projects/p/zones/z/disks/d", "//compute.googleapis.com/projects/p/i"
    resources = [made(disk, {}, parent(machine)), made(machine, {"owner": "cg--alice_40corp_2ecom"})]
    assert studied(resources, [rule]).of(resources[0], rule).value == "alice@corp.com"


@pytest.mark.parametrize(
    ("tags", "kind", "value"),
    [
        ({"Environment": "prod"}, "synonym", "production"),
        ({"Environment": "PRODUCTION "}, "synonym", "production"),
        ({"env": "prd"}, "alias", "production"),
        ({"env": "green"}, None, None),
        ({"Environment": "green"}, None, None),
        ({"Environment": "dev"}, None, None),
    ],
)
def test_synonyms_mend_an_own_value_and_an_alias(
    rules: Mapping[str, Require], tags: dict[str, str | None], kind: str | None, value: str | None
) -> None:
    resource = made(queue("a"), tags)
    found = studied([resource], rules.values()).of(resource, rules["environment"])
    assert found.value == value
    assert [one.kind for one in found.evidence] == ([kind] if kind else [])


def test_where_nothing_can_be_measured_only_the_policy_s_own_word_counts(rules: Mapping[str, Require]) -> None:
    """Fewer than fifty tagged resources."""
    stack = [made(queue(f"b{number}"), SHOP, managers=STACK) for number in range(49)]
    sure = made(queue("a"), {"team": "shop"})
    unsure = made(queue("c"), managers=STACK)
    inference = studied([*stack, sure, unsure], [rules["owner"]])
    assert inference.of(sure, rules["owner"]).confidence >= 0.95
    assert inference.of(unsure, rules["owner"]) == Inferred(
        "shop", 0.0, inference.of(unsure, rules["owner"]).evidence, ""
    )
    calibration = inference.calibration
    assert (calibration.held_out, calibration.error, calibration.precision, calibration.coverage) == (
        0,
        None,
        None,
        None,
    )


def test_aliases_that_disagree_are_a_conflict(rules: Mapping[str, Require]) -> None:
    resource = made(queue("a"), {"team": "shop", "owned-by": "cart"})
    found = studied([resource], [rules["owner"]]).of(resource, rules["owner"])
    assert found.conflict in (
        "its own tag team is shop, but its own tag owned-by is cart",
        "its own tag owned-by is cart, but its own tag team is shop",
    )


def stacks(count: int, size: int = 4) -> list[Resource]:
    """Stacks in which all have the same owner, each of another one."""
    return [
        made(
            queue(f"{stack}-{number}"),
            {"Owner": f"team-{stack % 7}"},
            managers=(Manager(tool="cloudformation", name="Queue", where=f"stack {stack}"),),
        )
        for stack in range(count)
        for number in range(size)
    ]


def in_stack(stack: int, tags: dict[str, str | None] | None = None, *related: Relation) -> Resource:
    where = f"stack {stack}"
    return made(queue("new"), tags, *related, managers=(Manager(tool="cloudformation", name="Queue", where=where),))


def test_a_stack_whose_like_was_always_right_is_sure(rules: Mapping[str, Require]) -> None:
    new = in_stack(3)
    inference = studied([*stacks(80), new], [rules["owner"]])
    found = inference.of(new, rules["owner"])
    assert (found.value, found.conflict) == ("team-3", "")
    assert found.confidence >= 0.95
    assert inference.calibration.precision == 1


def test_a_few_stacks_prove_little_however_many_resources_they_have(rules: Mapping[str, Require]) -> None:
    new = in_stack(3)
    found = studied([*stacks(5, 64), new], [rules["owner"]]).of(new, rules["owner"])
    assert found.value == "team-3"
    assert found.confidence < 0.95


def test_evidence_that_is_right_half_the_time_is_never_sure(rules: Mapping[str, Require]) -> None:
    """In every stack two resources have one owner and two another."""
    mixed = [
        msgspec.structs.replace(
            one, surfaces=(Surface("tags", TagSet({"Owner": Tag(Known(f"team-{index % 2}"), "the resource")})),)
        )
        for index, one in enumerate(stacks(80))
    ]
    new = in_stack(3)
    inference = studied([*mixed, new], [rules["owner"]])
    assert inference.of(new, rules["owner"]).confidence < 0.6
    assert inference.calibration.coverage == 0


def test_an_alias_that_contradicts_what_is_believable_is_a_conflict(rules: Mapping[str, Require]) -> None:
    new = in_stack(3, {"team": "team-5"})
    found = studied([*stacks(80), new], [rules["owner"]]).of(new, rules["owner"])
    assert set(found.conflict.split(", but ")) == {
        "its own tag team is team-5",
        "4 of 4 other resources in stack 3 have Owner = team-3",
    }


def test_an_alias_that_is_mostly_wrong_here_is_not_believed(rules: Mapping[str, Require]) -> None:
    """Everybody writes the department under ``team``, which the policy takes for the owner."""
    wrong = [
        made(queue(f"w{number}"), {"Owner": f"team-{number % 7}", "team": "commerce"}, account=str(number))
        for number in range(80)
    ]
    new = made(queue("new"), {"team": "commerce"})
    found = studied([*wrong, new], [rules["owner"]]).of(new, rules["owner"])
    assert found.value == "commerce"
    assert found.confidence < 0.5


def test_witnesses_are_measured_like_everything_else(rules: Mapping[str, Require]) -> None:
    # ruff: noqa: ARG001 - a witness is called with both.
    def right(resource: Resource, rule: Require) -> Iterable[Hint]:
        yield Hint("codeowners", f"team-{int(resource.address.rpartition(':')[2]) % 7}", "CODEOWNERS says so")

    def wrong(resource: Resource, rule: Require) -> Iterable[Hint]:
        yield Hint("folder", "nobody", "its folder says so")

    def forbidden(resource: Resource, rule: Require) -> Iterable[Hint]:
        yield Hint("account", "The Shop", "its account says so")

    tagged = [made(queue(str(n)), {"Owner": f"team-{n % 7}"}, account=str(n)) for n in range(200)]
    new = made(queue("201"))
    found = studied([*tagged, new], [rules["owner"]], right, wrong, forbidden).of(new, rules["owner"])
    assert said(found) == [("codeowners", "team-5"), ("folder", "nobody")]
    assert found.confidence >= 0.95
    assert found.evidence[0].confidence >= 0.95
    assert found.evidence[1].confidence < 0.05


def test_names_are_learned_and_never_write_alone(rules: Mapping[str, Require]) -> None:
    """Each team has a word of its own in its names, and nothing else tells them apart."""
    words = ("cart", "ledger", "search", "video")
    tagged = [
        made(
            queue(f"{word}-{'abcdefgh'[number % 8]}{'xyz'[number % 3]}-jobs"[:40]) + str(number),
            {"Owner": f"{word}-team"},
        )
        for number in range(60)
        for word in words
    ]
    new = made(queue("search-export"))
    resources = [*tagged, new]
    found = studied(resources, [rules["owner"]], model=True).of(new, rules["owner"])
    assert said(found) == [("model", "search-team")]
    assert 0.5 < found.confidence < 0.95
    assert studied(resources, [rules["owner"]], model=False).of(new, rules["owner"]) == Inferred(None)


def test_names_of_any_length_and_kind_are_kept_short_and_harmless(rules: Mapping[str, Require]) -> None:
    hostile = "\x1b[31m\ud800" + "x" * 100_000
    managers = (Manager(tool="cloudformation", name=hostile, where=hostile),)
    new = made(
        queue(hostile), {hostile: hostile, "team": "a" * 41}, parent(hostile), managers=managers, account=hostile
    )
    tagged = [made(queue(f"{n}{hostile}"), SHOP, managers=managers, account=hostile) for n in range(60)]
    found = studied([new, *tagged], rules.values(), model=True).of(new, rules["owner"])
    assert found.value == "shop"
    assert all(len(one.says) < 600 for one in found.evidence)


def test_a_resource_that_one_state_has_twice_is_no_evidence_for_itself(rules: Mapping[str, Require]) -> None:
    twice = (*STATE, Manager(tool="terraform", name="aws_sqs_queue.b", where="s3://states/shop"))
    resource = made(queue("a"), SHOP, managers=twice)
    assert studied([resource], [rules["owner"]]).of(resource, rules["owner"]) == Inferred(None)


def test_rules_that_ask_for_one_key_do_not_tell_each_other(tmp_path: Path) -> None:
    """The second rule's own value is also what the first one sees, and must be hidden from it."""
    text = "tags: {owner: {}}\nrules: [{id: again, require: {owner: {}}}]"
    both = [one for one in policy(tmp_path, text).rules if isinstance(one, Require)]
    assert len({rule.id for rule in both}) == 2
    tagged = [made(queue(f"q{n}"), {"owner": f"t{n % 9}"}) for n in range(90)]
    inference = studied(tagged, both, model=True)
    assert inference.calibration.coverage == 0


# Laws

TEXT = st.sampled_from(["shop", "cart", "The Shop", "", "prod", "production", "dev"])
NAMES = st.sampled_from("abcdef")
KEYS = st.sampled_from(["Owner", "owner", "Team", "Environment", "env", "Service", "app", "Name", "Project"])
RELATIONS = st.builds(
    Relation,
    st.sampled_from(["parent", "network", "cluster", "creator"]),
    NAMES.map(queue),
)
MANAGERS = st.builds(
    Manager,
    tool=st.sampled_from(["terraform", "cloudformation", "ecs", "yor"]),
    name=st.sampled_from(["module.a.x.y", "x.y"]),
    where=st.sampled_from(["", "one", "two"]),
)
RESOURCES = st.lists(
    st.builds(
        lambda name, tags, related, managers, account: made(
            queue(name), tags, *sorted(set(related)), managers=tuple(managers), account=account
        ),
        NAMES,
        st.dictionaries(KEYS, TEXT, max_size=4),
        st.lists(RELATIONS, max_size=3),
        st.lists(MANAGERS, max_size=2),
        st.sampled_from([None, "1", "2"]),
    ),
    max_size=6,
    unique_by=lambda one: one.address,
)


@given(st.permutations(range(6)), RESOURCES)
@settings(max_examples=60, deadline=None)
def test_law_the_order_of_the_inventory_does_not_matter(
    rules: Mapping[str, Require], order: list[int], resources: list[Resource]
) -> None:
    turned = [resources[at] for at in order if at < len(resources)]
    one, other = studied(resources, rules.values()), studied(turned, rules.values())
    assert one.calibration == other.calibration
    for resource in resources:
        for rule in rules.values():
            assert one.of(resource, rule) == other.of(resource, rule)


@given(RESOURCES, st.sampled_from(["shop", "cart", "production", "dev", None]))
@settings(max_examples=80, deadline=None)
def test_law_a_value_says_nothing_of_itself(
    rules: Mapping[str, Require], resources: list[Resource], value: str | None
) -> None:
    """Whatever allowed value a resource has, or none: what is said about it is the same."""
    for index, resource in enumerate(resources):
        for rule in rules.values():
            key = rule.spelling.on("aws")
            bare = _with(resource, key, None)
            if value is not None and not rule.allows(value):
                continue
            full = _with(resource, key, value)
            others = [*resources[:index], *resources[index + 1 :]]
            assert studied([*others, bare], [rule]).of(bare, rule) == studied([*others, full], [rule]).of(full, rule)


def _with(resource: Resource, key: str, value: str | None) -> Resource:
    tags = {name: tag for name, tag in resource.surfaces[0].tags.tags.items() if name != key}
    if value is not None:
        tags[key] = Tag(Known(value), "the resource")
    return msgspec.structs.replace(resource, surfaces=(Surface("tags", TagSet(tags)),))


@given(RESOURCES)
@settings(max_examples=80, deadline=None)
def test_law_only_allowed_values_with_evidence(rules: Mapping[str, Require], resources: list[Resource]) -> None:
    inference = studied(resources, rules.values())
    for resource in resources:
        for rule in rules.values():
            found = inference.of(resource, rule)
            assert all(rule.allows(one.value) for one in found.evidence)
            assert (found.value is None) is (found.evidence == ())
            assert found.value is None or found.value in [one.value for one in found.evidence]
            assert 0 <= found.confidence < 1


def test_what_no_surface_carries_is_no_evidence_and_no_obstacle(rules: Mapping[str, Require]) -> None:
    untaggable = msgspec.structs.replace(made(queue("b"), SHOP, managers=STACK), surfaces=())
    resource = made(queue("a"), managers=STACK)
    inference = studied([resource, untaggable], [rules["owner"]])
    assert inference.of(resource, rules["owner"]) == Inferred(None)
    assert inference.of(untaggable, rules["owner"]) == Inferred(None)


def test_an_empty_inventory_is_no_obstacle(rules: Mapping[str, Require]) -> None:
    inference = studied([], rules.values(), model=True)
    assert inference.of(made(queue("a")), rules["owner"]) == Inferred(None)


# An organisation, smaller than that of bench/inference, whose bars it keeps with a margin


@pytest.fixture(scope="module")
def company(rules: Mapping[str, Require]) -> tuple[Sequence[Resource], Inference]:
    organisation = generated(11, Setting(resources=4_000))
    return organisation.resources, studied(organisation.resources, rules.values(), model=True)


def test_what_is_written_in_an_organisation_is_right_and_as_sure_as_it_says(
    rules: Mapping[str, Require], company: tuple[Sequence[Resource], Inference]
) -> None:
    marks = examined(generated(11, Setting(resources=4_000)), rules, company[1], threshold=0.95)[""]
    assert marks.precision is not None
    assert marks.precision >= 0.98
    assert marks.coverage >= 0.25
    assert marks.error <= 0.06


def test_the_same_inventory_in_another_order_is_the_same_to_the_last_digit(
    rules: Mapping[str, Require], company: tuple[Sequence[Resource], Inference]
) -> None:
    resources, inference = company
    turned = studied(resources[::-1], rules.values(), model=True)
    assert turned.calibration == inference.calibration
    for resource in resources[::97]:
        for rule in rules.values():
            assert turned.of(resource, rule) == inference.of(resource, rule)


def test_the_report_s_bins_are_its_figures(company: tuple[Sequence[Resource], Inference]) -> None:
    calibration = company[1].calibration
    assert {one.tag for one in calibration.bins} == {"owner", "service", "environment"}
    assert sum(one.count for one in calibration.bins) == calibration.held_out
    assert calibration.error == pytest.approx(
        sum(abs(one.stated - one.right / one.count) * one.count for one in calibration.bins) / calibration.held_out,
        abs=1e-3,
    )
    assert calibration.precision is not None
    assert calibration.precision >= 0.95


def test_without_signal_nothing_is_written(rules: Mapping[str, Require]) -> None:
    organisation = generated(12, Setting(resources=2_000, signal=False))
    inference = studied(organisation.resources, rules.values(), model=True)
    marks = examined(organisation, rules, inference, threshold=0.95)[""]
    assert marks.asked > 900
    assert marks.taken == marks.filled == 0


def test_the_generated_organisation_leaks_nothing_by_its_order_or_its_hiding() -> None:
    """The same seed makes the same one; what is hidden was there; ids are in order, and nothing that shows is what it
    was hidden for."""
    one, other = (generated(5, Setting(resources=500)) for _ in range(2))
    assert one == other
    assert [each.address for each in one.resources] == sorted(one.truth)
    keys = {("aws", tag): tag.capitalize() for tag in ("owner", "service", "environment")}
    for resource in one.resources:
        for tag in ("owner", "service", "environment"):
            key = keys.get((str(resource.cloud), tag), tag)
            assert (resource.address, tag) not in one.hidden or key not in resource.surfaces[0].tags.tags
