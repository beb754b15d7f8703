"""What the organisation says of its accounts, against moto: which are below a unit, and what they are tagged with; and
all that is asked for a plan in one go."""

from datetime import timedelta
from typing import Any

import pytest

from costguard.clouds.aws.api import Access, Aws
from costguard.clouds.aws.organization import account_tags, accounts_below
from costguard.clouds.aws.origins import Asked, Origins, ask
from costguard.clouds.pace import Pacer
from costguard.config import AwsDoc
from costguard.model.resource import Gap
from tests.clouds.aws.native_reading import says
from tests.servers.aws import HOME, AwsServer, Role
from tests.servers.faults import cut, denied, refused
from tests.servers.trail import NOW

REGION = "us-east-1"
OTHER = "111122223333"


class Tree:
    """An organisation: an account in the root, a unit with another in it, a third account below that."""

    def __init__(self, aws: AwsServer) -> None:
        self._client = aws.client("organizations")
        self._client.create_organization(FeatureSet="ALL")
        self.root = str(self._client.list_roots()["Roots"][0]["Id"])
        self.shop = self._unit(self.root, "shop")
        self.web = self._unit(self.shop, "web")
        self.labs = self._unit(self.root, "labs")
        self.accounts = {unit: self._account(unit) for unit in (self.root, self.shop, self.web)}

    def _unit(self, parent: str, name: str) -> str:
        made = self._client.create_organizational_unit(ParentId=parent, Name=name)
        return str(made["OrganizationalUnit"]["Id"])

    def _account(self, unit: str) -> str:
        made = self._client.create_account(Email=f"{unit}@example.com", AccountName=unit)
        account = str(made["CreateAccountStatus"]["AccountId"])
        if unit != self.root:
            self._client.move_account(AccountId=account, SourceParentId=self.root, DestinationParentId=unit)
        return account

    def tag(self, account: str, **tags: str) -> None:
        self._client.tag_resource(ResourceId=account, Tags=[{"Key": key, "Value": tags[key]} for key in tags])


def test_accounts_are_below_every_unit_above_them(aws: AwsServer, caller: Access) -> None:
    tree = Tree(aws)
    below, gaps = accounts_below(caller, [tree.root, tree.shop, tree.web, tree.labs])
    shop, web = tree.accounts[tree.shop], tree.accounts[tree.web]
    assert gaps == []
    assert below[tree.web] == {web}
    assert below[tree.shop] == {shop, web}
    assert below[tree.labs] == frozenset()
    assert {tree.accounts[tree.root], shop, web} <= below[tree.root]


@pytest.fixture
def caller(aws: AwsServer, monkeypatch: pytest.MonkeyPatch) -> Access:
    assert aws.url
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    access = Aws(Pacer(sleep=lambda _: None)).caller
    access.identify()
    return access


def test_a_unit_of_which_a_part_could_not_be_read_is_a_gap_and_no_smaller_unit(aws: AwsServer, caller: Access) -> None:
    tree = Tree(aws)
    aws.fault(
        denied("no"), operation="ListAccountsForParent", where=lambda call: call.parameters["ParentId"] == tree.web
    )
    below, gaps = accounts_below(caller, [tree.shop, tree.labs])
    assert below == {tree.labs: frozenset()}
    assert gaps == [
        Gap(
            f"aws/organization/{tree.shop}",
            f"the accounts below {tree.shop} could not be read: access denied to ListAccountsForParent "
            "(AccessDeniedException: no)",
        )
    ]


def test_units_that_lead_in_a_circle_are_read_once(aws: AwsServer, caller: Access) -> None:
    aws.fault(says({"Accounts": [{"Id": OTHER}]}), operation="ListAccountsForParent")
    circle = {"ou-abcd-aaaaaaaa": "ou-abcd-bbbbbbbb", "ou-abcd-bbbbbbbb": "ou-abcd-aaaaaaaa"}
    effect = says(lambda call: {"OrganizationalUnits": [{"Id": circle[call.parameters["ParentId"]]}]})
    aws.fault(effect, operation="ListOrganizationalUnitsForParent")
    assert accounts_below(caller, ["ou-abcd-aaaaaaaa"]) == ({"ou-abcd-aaaaaaaa": frozenset({OTHER})}, [])
    assert len(aws.calls("organizations", "ListAccountsForParent")) == 2


def test_the_tags_of_accounts(aws: AwsServer, caller: Access) -> None:
    tree = Tree(aws)
    shop, web = tree.accounts[tree.shop], tree.accounts[tree.web]
    tree.tag(shop, owner="commerce")
    assert account_tags(caller, [shop, web]) == ({shop: {"owner": "commerce"}, web: {}}, [])


@pytest.mark.parametrize(
    ("effect", "tags", "why"),
    [
        (denied(), {}, ""),
        (refused("AWSOrganizationsNotInUseException"), {}, ""),
        (refused("TargetNotFoundException"), {}, ""),
        (refused("ServiceException"), {}, "ListTagsForResource was refused (ServiceException: refused by the test)"),
        (cut(), {}, "no whole answer"),
    ],
    ids=["denied", "no organisation", "no such account", "refused", "cut"],
)
def test_whom_the_organisation_does_not_tell_gets_no_tags_and_whom_it_could_gets_a_gap(
    effect: Any, tags: dict[str, dict[str, str]], why: str, aws: AwsServer, caller: Access
) -> None:
    Tree(aws)
    aws.fault(effect, operation="ListTagsForResource")
    found, gaps = account_tags(caller, [OTHER])
    assert found == tags
    assert [gap.where for gap in gaps] == ([f"aws/organization/{OTHER}/tags"] if why else [])
    assert all(why in gap.why for gap in gaps)


def _volume(aws: AwsServer, account: str, id_: str, principal: str) -> None:
    aws.trail.add(
        "CreateVolume",
        "ec2.amazonaws.com",
        {"type": "IAMUser", "arn": principal},
        account=account,
        region=REGION,
        at=NOW - timedelta(days=1),
        response={"volumeId": id_},
    )


def test_all_is_asked_of_each_account_as_its_role(aws: AwsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    tree = Tree(aws)
    shop = tree.accounts[tree.shop]
    tree.tag(shop, owner="commerce")
    aws.roles = {f"arn:aws:iam::{shop}:role/Reader": Role("tag-audit")}
    doc = AwsDoc(accounts=[HOME, shop, OTHER], role="Reader", external_id="tag-audit")
    wanted: dict[tuple[str, str], dict[str, list[str]]] = {}
    for account, id_ in ((HOME, "vol-0a"), (shop, "vol-0b"), (OTHER, "vol-0c")):
        _volume(aws, account, id_, f"arn:aws:iam::{account}:user/ann")
        wanted[account, REGION] = {"aws_ebs_volume": [f"arn:aws:ec2:{REGION}:{account}:volume/{id_}"]}
    asked = Asked(units=[tree.web], accounts=[shop], made=wanted, days=30)
    found, gaps = ask(Aws(Pacer(sleep=lambda _: None)), doc, asked, NOW, workers=2)
    assert found.below == {tree.web: {tree.accounts[tree.web]}}
    assert found.tags == {shop: {"owner": "commerce"}}
    assert {id_.rpartition("/")[2]: one.principal for id_, one in found.creators.items()} == {
        "vol-0a": f"arn:aws:iam::{HOME}:user/ann",
        "vol-0b": f"arn:aws:iam::{shop}:user/ann",
    }
    (gap,) = gaps
    assert gap.where == f"aws/{OTHER}/{REGION}/*/cloudtrail"
    assert "the role can't be assumed" in gap.why


def test_nothing_is_asked_where_nothing_is_wanted(aws: AwsServer) -> None:
    made = {(HOME, REGION): {"aws_ebs_volume": [f"arn:aws:ec2:{REGION}:{HOME}:volume/vol-0a"]}}
    assert ask(Aws(Pacer()), AwsDoc(), Asked(made=made, days=0), NOW) == (Origins(), [])
    assert aws.requests == []


def test_a_caller_who_is_nobody_is_one_gap(aws: AwsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    aws.fault(denied(), operation="GetCallerIdentity")
    found, (gap,) = ask(Aws(Pacer(sleep=lambda _: None)), AwsDoc(), Asked(units=["r-abcd"]), NOW)
    assert found == Origins()
    assert "access denied to GetCallerIdentity" in gap.why
