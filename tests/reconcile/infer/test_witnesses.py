"""What is said beside the inventory: costguard.yaml of places and of makers, and the accounts' own tags."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from costguard.clouds.aws.trail import Creator
from costguard.config import InferDoc
from costguard.model.resource import Cloud, Known, Relation, Resource, Surface, Tag, TagSet, Unknown
from costguard.policy import Policy
from costguard.policy.load import load
from costguard.policy.rules.require import Require
from costguard.reconcile.infer import Hint
from costguard.reconcile.infer.witnesses import Facts, facts, in_question, objections, witnesses

SHOP, LABS = "111122223333", "444455556666"
MANAGER = "//cloudresourcemanager.googleapis.com/"
UNIT, OTHER_UNIT = "ou-abcd-aaaaaaaa", "ou-abcd-bbbbbbbb"
ROLE = f"arn:aws:iam::{SHOP}:role/deploy-web"
SESSION = f"arn:aws:sts::{SHOP}:assumed-role/deploy-web/ann"
POLICY = """
version: 1
tags:
  owner:
    keys: {aws: Owner, google: owner}
    aliases: [team]
    value: {enum: [shop, web, labs]}
    synonyms: {commerce: shop}
  environment:
    value: {enum: [production, dev]}
  contact:
    value: {pattern: "^[a-z@.]+$"}
rules:
  - id: databases-have-classes
    when: {type: "aws_db_*"}
    require: {class: {value: {enum: [public, secret]}}}
"""


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    file = tmp_path_factory.mktemp("policy") / "policy.yaml"
    file.write_text(POLICY)
    return load([file])


def rule(policy: Policy, tag: str = "owner") -> Require:
    return next(one for one in policy.rules if isinstance(one, Require) and one.spelling.name == tag)


def resource(
    account: str = SHOP, id_: str = "arn:x", type_: str = "aws_instance", cloud: Cloud = "aws", **more: Any
) -> Resource:
    tags: Mapping[str, str | None] = more.pop("tags", {})
    shown = {
        key: Tag(Unknown("not read") if value is None else Known(value), "the resource") for key, value in tags.items()
    }
    surfaces = (Surface("tags", TagSet(shown, more.pop("open", ""))),)
    provider = "google" if cloud == "google" else "aws"
    fields = {"region": "eu-west-1", "surfaces": surfaces, **more}
    return Resource(address=id_, id=id_, type=type_, provider=provider, cloud=cloud, account=account, **fields)


def doc(**parts: Any) -> InferDoc:
    return msgspec.convert(parts, InferDoc)


def said(
    stated: InferDoc, known: Facts, policy: Policy, of: Resource | None = None, tag: str = "owner"
) -> list[tuple[str, str]]:
    """Kind and value of every hint."""
    return [(hint.kind, hint.value) for hint in hints(stated, known, policy, of, tag)]


def hints(stated: InferDoc, known: Facts, policy: Policy, of: Resource | None = None, tag: str = "owner") -> list[Hint]:
    found = witnesses(stated, known)
    return [hint for witness in found for hint in witness(of or resource(), rule(policy, tag))]


# ------------------------------------------------------------------ defaults


@pytest.mark.parametrize(
    ("place", "account", "expected"),
    [
        ({"account": SHOP}, SHOP, [("account", "shop")]),
        ({"account": "1111*"}, SHOP, [("account", "shop")]),
        ({"account": SHOP}, LABS, []),
        ({"ou": UNIT}, SHOP, [("folder", "shop")]),
        ({"ou": UNIT}, LABS, []),
        ({"ou": OTHER_UNIT}, SHOP, []),  # It could not be read: nothing is known to be below it.
        ({"folder": "folders/1"}, "shop-prod", [("folder", "shop")]),
        ({"folder": "folders/2"}, "shop-prod", []),
        ({"account": "shop-*"}, "shop-prod", [("account", "shop")]),
    ],
)
def test_a_default_is_for_its_place(
    place: dict[str, str], account: str, expected: list[tuple[str, str]], policy: Policy
) -> None:
    known = Facts(below={UNIT: {SHOP}, "folders/1": {"shop-prod"}, "folders/2": set()})
    stated = doc(defaults=[{**place, "set": {"owner": "shop"}}])
    assert said(stated, known, policy, resource(account)) == expected


def test_the_last_entry_that_says_something_of_the_tag_counts(policy: Policy) -> None:
    stated = doc(
        defaults=[
            {"account": "*", "set": {"owner": "labs", "environment": "dev"}},
            {"ou": UNIT, "set": {"owner": "web"}},
            {"account": SHOP, "set": {"environment": "production"}},
        ]
    )
    known = Facts(below={UNIT: {SHOP}})
    assert said(stated, known, policy) == [("folder", "web")]
    assert said(stated, known, policy, tag="environment") == [("account", "production")]
    assert said(stated, known, policy, tag="contact") == []
    assert said(stated, known, policy, resource(LABS)) == [("account", "labs")]


def test_a_value_that_the_rule_does_not_allow_is_not_said_nor_is_an_earlier_one(policy: Policy) -> None:
    entries = [{"account": "*", "set": {"owner": "shop"}}, {"account": SHOP, "set": {"owner": "nobody"}}]
    assert said(doc(defaults=entries), Facts(), policy) == []


def test_a_resource_of_no_account_is_in_no_place(policy: Policy) -> None:
    stated = doc(defaults=[{"account": "*", "set": {"owner": "shop"}}])
    nowhere = msgspec.structs.replace(resource(), account=None)
    assert said(stated, Facts(tags={"": {"Owner": "shop"}}), policy, nowhere) == []


# ------------------------------------------------------------------ the accounts' own tags


@pytest.mark.parametrize(
    ("tags", "cloud", "expected"),
    [
        ({"Owner": "shop"}, "aws", ("shop", 1.0)),
        ({"owner": "shop"}, "aws", ("shop", 0.5)),
        ({"Team": "web"}, "aws", ("web", 0.5)),
        ({"Owner": "web", "owner": "shop"}, "aws", ("web", 1.0)),
        ({"Owner": "commerce"}, "aws", ("shop", 1.0)),  # the policy's synonym
        ({"Owner": "nobody", "team": "labs"}, "aws", ("labs", 0.5)),
        ({"Owner": "nobody"}, "aws", None),
        ({"Owner": ""}, "aws", None),
        ({"cost": "shop"}, "aws", None),
        ({"owner": "shop"}, "google", ("shop", 1.0)),
    ],
)
def test_an_account_s_tag_says_it_of_what_is_in_it(
    tags: dict[str, str], cloud: Cloud, expected: tuple[str, float] | None, policy: Policy
) -> None:
    found = hints(doc(), Facts(tags={SHOP: tags}), policy, resource(cloud=cloud))
    assert [(hint.value, hint.strength) for hint in found] == ([expected] if expected else [])
    assert all(hint.kind == "account" for hint in found)


def test_a_label_that_is_encoded_says_what_it_stands_for(policy: Policy) -> None:
    """``cg--alice_40corp_2ecom`` is ``alice@corp.com``, which no label can hold."""
    known = Facts(tags={"shop-prod": {"contact": "cg--alice_40corp_2ecom"}})
    assert said(doc(), known, policy, resource("shop-prod", cloud="google"), "contact") == [
        ("account", "alice@corp.com")
    ]


@pytest.mark.parametrize(
    ("type_", "id_", "account", "cloud"),
    [
        ("google_project", f"{MANAGER}projects/100", "shop-prod", "google"),
        ("aws_organizations_account", f"arn:aws:organizations::{SHOP}:account/o-a/{SHOP}", SHOP, "aws"),
    ],
)
def test_an_account_is_no_witness_of_its_own_tags(
    type_: str, id_: str, account: str, cloud: Cloud, policy: Policy
) -> None:
    known = Facts(tags={account: {"owner": "shop", "Owner": "shop"}})
    assert said(doc(), known, policy, resource(account, id_, type_, cloud)) == []
    assert said(doc(), known, policy, resource(account, "other", cloud=cloud)) == [("account", "shop")]


# ------------------------------------------------------------------ makers


def maker(session: str = SESSION, principal: str = ROLE) -> Creator:
    at = datetime(2026, 10, 2, 8, 30, tzinfo=UTC)
    return Creator(principal=principal, session=session, at=at, event="RunInstances")


@pytest.mark.parametrize(
    ("glob", "session", "found"),
    [
        (ROLE, SESSION, True),
        ("arn:aws:iam::*:role/deploy-*", SESSION, True),
        ("arn:aws:sts::*:assumed-role/*/ann", SESSION, True),
        ("*", "", True),
        ("arn:aws:sts::*:assumed-role/*/bob", SESSION, False),
        ("deploy-web", SESSION, False),
    ],
)
def test_whoever_made_it_is_known_by_the_role_or_by_the_session(
    glob: str, session: str, found: bool, policy: Policy
) -> None:
    stated = doc(principals=[{"principal": glob, "set": {"owner": "web"}}])
    known = Facts(creators={"arn:x": maker(session)})
    assert said(stated, known, policy) == ([("creator", "web")] if found else [])
    assert said(stated, known, policy, resource(id_="arn:y")) == []


def test_the_last_principal_that_fits_counts_and_says_who_it_was(policy: Policy) -> None:
    stated = doc(
        principals=[{"principal": "*", "set": {"owner": "labs"}}, {"principal": f"{ROLE}*", "set": {"owner": "web"}}]
    )
    (hint,) = hints(stated, Facts(creators={"arn:x": maker()}), policy)
    assert hint == Hint(
        "creator",
        "web",
        f"{ROLE} made it on 2026-10-02 (RunInstances), and costguard.yaml says owner = web of what that makes",
    )
    disallowed = doc(principals=[*msgspec.to_builtins(stated.principals), {"principal": "*", "set": {"owner": "x"}}])
    assert said(disallowed, Facts(creators={"arn:x": maker()}), policy) == []


# ------------------------------------------------------------------ what an inventory shows


def test_the_inventory_says_which_projects_are_below_a_folder_and_what_accounts_have() -> None:
    def inside(parent: str) -> tuple[Relation, ...]:
        return (Relation("parent", f"{MANAGER}{parent}"),)

    known = facts(
        [
            resource("folders/1", f"{MANAGER}folders/1", "google_folder", "google", related=inside("organizations/9")),
            resource("folders/2", f"{MANAGER}folders/2", "google_folder", "google", related=inside("folders/1")),
            resource(
                "shop-prod",
                f"{MANAGER}projects/100",
                "google_project",
                "google",
                related=inside("folders/2"),
                tags={"owner": "shop", "later": None},
            ),
            resource("shop-test", f"{MANAGER}projects/101", "google_project", "google", related=inside("folders/1")),
            resource(
                LABS,
                f"arn:aws:organizations::{LABS}:account/o-a/{SHOP}",
                "aws_organizations_account",
                tags={"Owner": "shop"},
            ),
            resource(tags={"Owner": "web"}),
        ]
    )
    assert known.below == {
        "folders/2": {"shop-prod"},
        "folders/1": {"shop-prod", "shop-test"},
        "organizations/9": {"shop-prod", "shop-test"},
    }
    assert known.tags == {"shop-prod": {"owner": "shop"}, SHOP: {"Owner": "shop"}}


def test_folders_that_lie_in_each_other_end() -> None:
    def one(id_: str, type_: str, parent: str) -> Resource:
        return resource("p", f"{MANAGER}{id_}", type_, "google", related=(Relation("parent", f"{MANAGER}{parent}"),))

    known = facts(
        [
            one("folders/1", "google_folder", "folders/2"),
            one("folders/2", "google_folder", "folders/1"),
            one("projects/1", "google_project", "folders/1"),
        ]
    )
    assert known.below == {"folders/1": {"p"}, "folders/2": {"p"}}


def test_makers_are_asked_for_where_a_tag_that_they_say_is_missing(policy: Policy) -> None:
    rules = [one for one in policy.rules if isinstance(one, Require)]
    owned = {"Owner": "web"}
    estate = [
        resource(id_="a", tags=owned),
        resource(id_="b"),
        resource(id_="c", region="us-east-1", tags=owned),  # nothing is missing there
        resource(id_="d", type_="aws_ebs_volume", tags={"Owner": "nobody"}),
        resource(id_="e", type_="aws_s3_bucket", open="its tags could not be read"),
        resource("shop-prod", "f", "google_storage_bucket", "google"),
        resource(id_="g", type_="aws_db_instance", tags=owned),
    ]
    stated = doc(principals=[{"principal": "*", "set": {"owner": "web"}}])
    assert in_question(lambda: estate, rules, stated) == {
        (SHOP, "eu-west-1"): {"aws_instance": {"a", "b"}, "aws_ebs_volume": {"d"}}
    }
    classes = doc(principals=[{"principal": "*", "set": {"class": "secret"}}])
    assert in_question(lambda: estate, rules, classes) == {(SHOP, "eu-west-1"): {"aws_db_instance": {"g"}}}
    assert in_question(lambda: estate, rules, doc()) == {}


# ------------------------------------------------------------------ mistakes


def test_what_no_rule_could_take_is_a_mistake(policy: Policy) -> None:
    stated = doc(
        defaults=[
            {"account": "*", "set": {"owner": "shop", "environment": "staging"}},
            {"account": "*", "set": {"onwer": "shop"}},
        ],
        principals=[{"principal": "*", "set": {"class": "secret", "owner": "ann"}}],
    )
    assert list(objections(stated, policy)) == [
        (
            ("defaults", 0, "set", "environment"),
            "'staging' is not a value that the policy allows for environment",
        ),
        (
            ("defaults", 1, "set", "onwer"),
            "no tag of the policy is called 'onwer'; there are class, contact, environment, owner",
        ),
        (
            ("principals", 0, "set", "owner"),
            "'ann' is not a value that the policy allows for owner",
        ),
    ]


# ------------------------------------------------------------------ laws

_text = st.text(max_size=6) | st.sampled_from(["shop", "web", "Owner", "owner", "team", "\ud800", "*", SHOP])
_tags = st.dictionaries(_text, _text, max_size=4)


@given(
    account=_text,
    own=_tags,
    of_account=_tags,
    value=st.text(min_size=1, max_size=6) | st.sampled_from(["shop", "labs"]),
    glob=st.text(min_size=1, max_size=4) | st.just("*"),
)
def test_whatever_is_said_is_allowed_and_is_not_the_resource_s_own_word(
    account: str, own: dict[str, str], of_account: dict[str, str], value: str, glob: str, policy: Policy
) -> None:
    stated = doc(
        defaults=[{"account": glob, "set": {"owner": value}}], principals=[{"principal": glob, "set": {"owner": value}}]
    )
    known = Facts(tags={account: of_account}, creators={"arn:x": maker()})
    bare, tagged = resource(account), resource(account, tags=own)
    found = hints(stated, known, policy, bare)
    assert found == hints(stated, known, policy, tagged)
    assert all(rule(policy).allows(hint.value) for hint in found)
