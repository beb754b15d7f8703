"""What the source of managed resources says, and the patches to it. Every patch here is applied by git."""

import json
import shutil
import subprocess
import textwrap
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costguard import config
from costguard.iac.state import configuration
from costguard.model.change import Patch, Value
from costguard.model.resource import Known, Manager, Relation, Resource, Surface, Tag, TagSet
from costguard.policy import Policy
from costguard.policy.load import load
from costguard.policy.rules.require import Require
from costguard.reconcile.source import Sources, Wanted

TODAY = date(2026, 6, 15)
POLICY = """
version: 1
tags:
  owner:
    keys: {aws: Owner}
    aliases: [team]
    value: {pattern: "^[a-z][a-z0-9-]*$"}
  environment:
    required: false
    value: {enum: [production, staging]}
    synonyms: {prod: production}
rules:
  - id: buckets
    when: {type: "*_bucket"}
    require: {environment: {}}
"""
NOBODY = 'resource "aws_s3_bucket" "a" {\n  bucket = "x"\n}\n'


class Repository:
    """A repository of a few files, with real git."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        self._git("init", "-q")

    def write(self, **files: str) -> None:
        for name, text in files.items():
            path = self.path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text).lstrip("\n"), "utf-8")

    def state(self, folder: str) -> None:
        self.write(**{f"{folder}/terraform.tfstate": json.dumps({"version": 4, "resources": []})})

    def text(self, name: str) -> str:
        return (self.path / name).read_text("utf-8")

    def apply(self, patch: Patch) -> None:
        """At the top of the repository, as people do it; what is left there is no matter."""
        assert Path(patch.repository) == self.path.resolve()
        self._git("apply", "--verbose", "-", given=patch.diff)

    def _git(self, *arguments: str, given: str = "") -> None:
        done = subprocess.run(
            ["git", *arguments], cwd=self.path, input=given, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """It isn't the working directory: a nightly job is started anywhere."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    return Repository(tmp_path / "infra")


@pytest.fixture
def policy(tmp_path: Path) -> Policy:
    return policy_of(tmp_path, POLICY)


def policy_of(folder: Path, text: str) -> Policy:
    (folder / "policy.yaml").write_text(text, "utf-8")
    return load([str(folder / "policy.yaml")])


def sources(repository: Repository, policy: Policy, *states: str, **configured: object) -> Sources:
    """With a ``costguard.yaml`` at the top of the repository where something is configured."""
    found = None
    if configured:
        repository.write(**{"costguard.yaml": json.dumps({"version": 1, **configured})})
        found = config.read(repository.path / "costguard.yaml")
    return Sources(policy, found, TODAY, [(repository.path, state) for state in states or ("**/terraform.tfstate",)])


def live(
    address: str,
    where: str = "live/prod",
    *,
    id_: str = "",
    type_: str = "aws_s3_bucket",
    tool: str = "terraform",
    also: Iterable[Manager] = (),
) -> Resource:
    return Resource(
        address=id_ or f"arn:aws:s3:::{address}",
        type=type_,
        provider="google" if type_.startswith("google") else "aws",
        cloud="google" if type_.startswith("google") else "aws",
        id=id_ or f"arn:aws:s3:::{address}",
        account="111122223333",
        region="eu-west-1",
        surfaces=(Surface("tags", TagSet({"Name": Tag(Known("x"), "the resource")})),),
        managers=(Manager(tool=tool, name=address, where=where), *also),
        declared=(address,),
        related=(Relation("network", "vpc-1"),),
    )


def wanted(resource: Resource, **values: str) -> Wanted:
    keys = {"owner": "Owner"} if resource.cloud == "aws" else {}
    return Wanted(
        resource,
        tuple(
            Value(tag=tag, key=keys.get(tag, tag), before=None, after=value, rule=f"tags/{tag}", confidence=0.99)
            for tag, value in values.items()
        ),
    )


def left(patches: Iterable[Patch]) -> Mapping[str, str]:
    return {id_: why for patch in patches for id_, why in patch.left.items()}


# --- from the state to the source


def test_the_state_lies_beside_its_source(repository: Repository, policy: Policy) -> None:
    repository.state("live/prod")
    repository.write(**{"live/prod/main.tf": NOBODY})
    [patch] = sources(repository, policy).patches([wanted(live("aws_s3_bucket.a"), owner="shop")])
    assert patch.mends == ("arn:aws:s3:::aws_s3_bucket.a",)
    assert patch.left == {}
    repository.apply(patch)
    assert repository.text("live/prod/main.tf") == (
        'resource "aws_s3_bucket" "a" {\n  bucket = "x"\n\n  tags = {\n    Owner = "shop"\n  }\n}\n'
    )


def test_a_workspace_of_the_local_backend_has_its_source_two_folders_up(repository: Repository, policy: Policy) -> None:
    repository.state("live/prod/terraform.tfstate.d/blue")
    repository.write(**{"live/prod/main.tf": NOBODY})
    resource = live("aws_s3_bucket.a", "live/prod (workspace blue)")
    [patch] = sources(repository, policy).patches([wanted(resource, owner="shop")])
    assert patch.mends == (resource.address,)


@pytest.mark.parametrize(
    ("where", "pattern"),
    [
        ("s3://acme-states/live/prod", "s3://acme-states/live/prod/terraform.tfstate"),
        ("s3://acme-states/live/prod", "s3://acme-states/live/prod"),
        ("s3://acme-states/live/prod", "s3://acme-states/live/"),
        ("s3://acme-states/live/prod", "s3://acme-states/**"),
        ("s3://acme-states/live/prod", "s3://acme-states/*/prod/terraform.tfstate"),
        ("s3://acme-states/live/net.tfstate", "s3://acme-states/live/net.tfstate"),
        ("s3://acme-states/live/prod (workspace blue)", "s3://acme-states/env:/*/live/prod/terraform.tfstate"),
        ("s3://acme-states/live/prod (workspace blue)", "s3://acme-states/live/prod"),
        ("states/prod.tfstate", "states/*.tfstate"),
        (".", "terraform.tfstate"),
    ],
)
def test_costguard_yaml_says_where_the_source_of_another_state_is(
    repository: Repository, policy: Policy, where: str, pattern: str
) -> None:
    repository.write(**{"stacks/prod/main.tf": NOBODY})
    known = sources(
        repository,
        policy,
        terraform={
            "states": ["s3://acme-states/"],
            "sources": [
                {"state": "s3://acme-states/live/production/terraform.tfstate", "folder": "no/such"},
                {"state": pattern, "folder": "stacks/prod"},
                {"state": "**", "folder": "no/such"},
            ],
        },
    )
    [patch] = known.patches([wanted(live("aws_s3_bucket.a", where), owner="shop")])
    assert patch.mends == ("arn:aws:s3:::aws_s3_bucket.a",)


name = st.text("abz-", min_size=1, max_size=4)


@given(st.sampled_from(["", "s3://bucket/"]), st.lists(name, max_size=4), name, st.booleans(), st.booleans())
def test_a_state_is_recognised_by_the_name_that_it_goes_by(
    tmp_path_factory: pytest.TempPathFactory,
    scheme: str,
    folders: list[str],
    last: str,
    named: bool,
    workspace: bool,
) -> None:
    """Whatever a state's path is: an entry with just that path fits what its resources say of it."""
    file = f"{last}.tfstate" if named else "terraform.tfstate"
    inside = "/".join(folders)
    if workspace and scheme == "s3://bucket/":
        path = f"{scheme}env:/{last}/{inside}/{file}" if inside else f"{scheme}env:/{last}/{file}"
    elif workspace:
        path = f"{scheme}{inside}/terraform.tfstate.d/{last}/terraform.tfstate".replace("//", "/")
        path = path.removeprefix("/") if not scheme else path
    else:
        path = f"{scheme}{inside}/{file}" if inside else f"{scheme}{file}"
    folder = tmp_path_factory.getbasetemp() / "recognised"
    folder.mkdir(exist_ok=True)
    (folder / "main.tf").write_text(NOBODY, "utf-8")
    (folder / "costguard.yaml").write_text(
        json.dumps({"version": 1, "terraform": {"states": [path], "sources": [{"state": path, "folder": "."}]}}),
        "utf-8",
    )
    known = Sources(policy_of(folder, POLICY), config.read(folder / "costguard.yaml"), TODAY)
    [patch] = known.patches([wanted(live("aws_s3_bucket.a", configuration(path)), owner="shop")])
    assert patch.mends


def test_who_doesn_t_say_where_the_source_is_hears_what_to_say(repository: Repository, policy: Policy) -> None:
    [patch] = sources(repository, policy).patches(
        [wanted(live("aws_s3_bucket.a", "s3://acme-states/live/prod"), owner="shop")]
    )
    assert patch == Patch(
        repository="",
        diff="",
        left={
            "arn:aws:s3:::aws_s3_bucket.a": "where the source of s3://acme-states/live/prod is isn't known: add it to "
            "terraform.sources in costguard.yaml, as {state: s3://acme-states/live/prod/terraform.tfstate, folder: its "
            "root module}"
        },
    )


def test_a_folder_that_is_not_there_is_named_with_the_line_that_names_it(
    repository: Repository, policy: Policy
) -> None:
    known = sources(
        repository,
        policy,
        terraform={"states": ["s3://acme/"], "sources": [{"state": "s3://acme/**", "folder": "gone"}]},
    )
    [why] = left(known.patches([wanted(live("a.b", "s3://acme/live"), owner="shop")])).values()
    assert why.endswith("costguard.yaml:1 says gone, and no such folder is there")


def test_two_states_that_go_by_one_name_are_not_told_apart_by_luck(repository: Repository, policy: Policy) -> None:
    for folder in ("one", "two"):
        repository.state(f"{folder}/live/prod")
        repository.write(**{f"{folder}/live/prod/main.tf": NOBODY})
    known = Sources(policy, None, TODAY, [(repository.path / each, "live/**") for each in ("one", "two")])
    [why] = left(known.patches([wanted(live("aws_s3_bucket.a"), owner="shop")])).values()
    assert "may be the state in" in why
    assert "terraform.sources" in why


def test_what_two_configurations_claim_is_mended_in_neither(repository: Repository, policy: Policy) -> None:
    for folder in ("live/prod", "live/other"):
        repository.state(folder)
        repository.write(**{f"{folder}/main.tf": NOBODY})
    also = [Manager(tool="opentofu", name="aws_s3_bucket.a", where="live/other")]
    [patch] = sources(repository, policy).patches([wanted(live("aws_s3_bucket.a", also=also), owner="shop")])
    assert patch.diff == ""
    assert patch.left["arn:aws:s3:::aws_s3_bucket.a"] == (
        "aws_s3_bucket.a in live/prod and aws_s3_bucket.a in live/other both manage it: only one of them may"
    )


def test_what_is_only_a_module_is_no_source(repository: Repository, policy: Policy) -> None:
    repository.state("modules/a")
    repository.write(
        **{
            "modules/a/main.tf": 'variable "x" {}\n' + NOBODY,
            "live/main.tf": 'module "a" {\n  source = "../modules/a"\n  x = 1\n}\n',
        }
    )
    [why] = left(
        sources(repository, policy).patches([wanted(live("aws_s3_bucket.a", "modules/a"), owner="shop")])
    ).values()
    assert why.startswith("modules/a is no root module")


def test_each_repository_has_a_patch_of_its_own(repository: Repository, policy: Policy, tmp_path: Path) -> None:
    other = Repository(tmp_path / "other")
    for one in (repository, other):
        one.state("live")
        one.write(**{"live/main.tf": NOBODY})
    known = Sources(policy, None, TODAY, [(tmp_path, "*/live/terraform.tfstate")])
    resources = [live("aws_s3_bucket.a", f"{name}/live", id_=f"arn:aws:s3:::{name}") for name in ("infra", "other")]
    patches = known.patches([wanted(each, owner=f"of-{each.address[-5:]}") for each in resources])
    assert [(Path(patch.repository).name, patch.mends) for patch in patches] == [
        ("infra", ("arn:aws:s3:::infra",)),
        ("other", ("arn:aws:s3:::other",)),
    ]
    for one, patch in zip((repository, other), patches, strict=True):
        one.apply(patch)
        assert f'"of-{one.path.name}"' in one.text("live/main.tf")


def test_without_a_repository_the_folder_is_one(tmp_path: Path, policy: Policy) -> None:
    folder = tmp_path / "stack"
    folder.mkdir()
    (folder / "main.tf").write_text(NOBODY, "utf-8")
    (folder / "terraform.tfstate").write_text("{}", "utf-8")
    [patch] = Sources(policy, None, TODAY, [(tmp_path, "stack")]).patches(
        [wanted(live("aws_s3_bucket.a", "stack"), owner="shop")]
    )
    assert (patch.repository, patch.mends) == (str(folder.resolve()), ("arn:aws:s3:::aws_s3_bucket.a",))
    assert patch.diff.startswith("--- a/main.tf\n+++ b/main.tf\n")


# --- what is mended, and nothing else


def one_root(repository: Repository, text: str) -> None:
    repository.state("live/prod")
    repository.write(**{"live/prod/main.tf": text})


def test_only_what_is_wanted_is_mended(repository: Repository, policy: Policy) -> None:
    """The other bucket lacks an owner as well, and this one an environment."""
    one_root(repository, NOBODY + 'resource "aws_s3_bucket" "b" {\n  tags = { team = "x" }\n}\n')
    [patch] = sources(repository, policy).patches([wanted(live("aws_s3_bucket.a"), owner="shop")])
    added = [line for line in patch.diff.splitlines() if line.startswith("+") and not line.startswith("+++")]
    assert [line[1:].strip() for line in added] == ["", "tags = {", 'Owner = "shop"', "}"]


def test_the_same_address_in_another_root_module_stays(repository: Repository, policy: Policy) -> None:
    for folder in ("live/prod", "live/staging"):
        repository.state(folder)
        repository.write(**{f"{folder}/main.tf": NOBODY})
    [patch] = sources(repository, policy).patches([wanted(live("aws_s3_bucket.a"), owner="shop")])
    repository.apply(patch)
    assert repository.text("live/staging/main.tf") == NOBODY
    assert "shop" in repository.text("live/prod/main.tf")


FOR_EACH = """
resource "aws_s3_bucket" "a" {
  for_each = toset(["x", "y"])
  bucket   = each.key
}
"""


def test_instances_that_want_the_same_are_mended_in_their_block(repository: Repository, policy: Policy) -> None:
    one_root(repository, FOR_EACH)
    both = [live(f'aws_s3_bucket.a["{key}"]') for key in "xy"]
    [patch] = sources(repository, policy).patches([wanted(each, owner="shop") for each in both])
    assert patch.mends == tuple(each.address for each in both)
    repository.apply(patch)
    assert repository.text("live/prod/main.tf").count("shop") == 1


def test_instances_that_want_different_values_are_left(repository: Repository, policy: Policy) -> None:
    one_root(repository, FOR_EACH)
    both = [live(f'aws_s3_bucket.a["{key}"]') for key in "xy"]
    known = sources(repository, policy)
    [patch] = known.patches([wanted(each, owner=f"of-{n}") for n, each in enumerate(both)])
    assert (patch.diff, patch.mends) == ("", ())
    assert set(patch.left.values()) == {"owner: it would need different values at " + at(patch, "main.tf:1")}


def at(patch: Patch, place: str) -> str:
    """A place as fix names it, which is seen from the working directory: from elsewhere, whole."""
    return f"{patch.repository}/live/prod/{place}"


def test_an_instance_that_nobody_has_a_value_for_keeps_its_block_as_it_is(
    repository: Repository, policy: Policy
) -> None:
    one_root(repository, FOR_EACH)
    [patch] = sources(repository, policy).patches([wanted(live('aws_s3_bucket.a["x"]'), owner="shop")])
    assert patch.diff == ""
    assert left([patch]) == {
        'arn:aws:s3:::aws_s3_bucket.a["x"]': 'owner: an edit there would also change Owner of aws_s3_bucket.a["y"]'
    }


UNDIVIDED = """
variable "names" { type = set(string) }
resource "aws_s3_bucket" "a" {
  for_each = var.names
}
"""


def test_instances_that_the_source_can_t_tell_apart_must_want_the_same(repository: Repository, policy: Policy) -> None:
    one_root(repository, UNDIVIDED)
    both = [live(f'aws_s3_bucket.a["{key}"]') for key in "xy"]
    known = sources(repository, policy)
    [patch] = known.patches([wanted(each, owner="shop") for each in both])
    assert patch.mends == tuple(each.address for each in both)
    [patch] = known.patches([wanted(each, owner=f"of-{n}") for n, each in enumerate(both)])
    assert patch.diff == ""
    [why] = set(patch.left.values())
    assert why.endswith("stands for several, which want of-0 and of-1")


def test_of_a_shared_module_only_the_call_that_is_meant_is_mended(repository: Repository, policy: Policy) -> None:
    call = 'module "store" {\n  source = "../../modules/store"\n}\n'
    for folder in ("live/prod", "live/staging"):
        repository.state(folder)
        repository.write(**{f"{folder}/main.tf": call})
    repository.write(
        **{
            "modules/store/main.tf": """
                variable "tags" {
                  default = {}
                }
                resource "aws_s3_bucket" "a" {
                  tags = var.tags
                }
                """
        }
    )
    address = "module.store.aws_s3_bucket.a"
    [patch] = sources(repository, policy).patches([wanted(live(address), owner="shop")])
    assert patch.mends == (f"arn:aws:s3:::{address}",)
    repository.apply(patch)
    assert repository.text("live/staging/main.tf") == call
    assert 'Owner = "shop"' in repository.text("live/prod/main.tf")


def test_labels_are_mended_as_the_change_set_has_them(repository: Repository, tmp_path: Path) -> None:
    one_root(repository, 'resource "google_storage_bucket" "a" {\n  name = "x"\n}\n')
    policy = policy_of(tmp_path, "version: 1\ntags: {owner: {value: {enum: [Team A]}}}\n")
    resource = live("google_storage_bucket.a", type_="google_storage_bucket")
    [patch] = sources(repository, policy).patches([wanted(resource, owner="cg--_54eam_20_41")])
    assert patch.mends == (resource.address,)
    assert 'owner = "cg--_54eam_20_41"' in patch.diff


def test_values_of_which_some_can_be_mended_are_named_on_both_sides(repository: Repository, policy: Policy) -> None:
    one_root(
        repository,
        """
        variable "environment" {}
        resource "aws_s3_bucket" "a" {
          tags = { environment = var.environment }
        }
        """,
    )
    resource = live("aws_s3_bucket.a")
    [patch] = sources(repository, policy).patches([wanted(resource, owner="shop", environment="staging")])
    assert patch.mends == (resource.address,)
    assert patch.left[resource.address].startswith("environment: can't tell the value of environment")


# --- what the source says already


def test_what_somebody_took_away_by_hand_is_to_be_applied_again(repository: Repository, policy: Policy) -> None:
    one_root(repository, 'resource "aws_s3_bucket" "a" {\n  tags = { Owner = "shop" }\n}\n')
    known = sources(repository, policy)
    resource = live("aws_s3_bucket.a")
    said = "its source sets Owner to 'shop' already, at live/prod/main.tf:1: apply live/prod"
    [patch] = known.patches([wanted(resource, owner="shop")])
    assert patch == Patch(repository=str(repository.path.resolve()), diff="", left={resource.address: f"owner: {said}"})
    assert known.already(resource, ["Owner", "environment"]) == {"Owner": said}


def test_a_default_of_the_provider_is_said_already_too(repository: Repository, policy: Policy) -> None:
    one_root(repository, 'provider "aws" {\n  default_tags {\n    tags = { Owner = "shop" }\n  }\n}\n' + NOBODY)
    [why] = sources(repository, policy).already(live("aws_s3_bucket.a"), ["Owner"]).values()
    assert "(through default_tags of provider aws)" in why


def test_a_secret_of_the_source_is_not_told(repository: Repository, policy: Policy) -> None:
    one_root(
        repository,
        'variable "o" {\n  default   = "hush"\n  sensitive = true\n}\n'
        'resource "aws_s3_bucket" "a" {\n  tags = { Owner = var.o }\n}\n',
    )
    [why] = sources(repository, policy).already(live("aws_s3_bucket.a"), ["Owner"]).values()
    assert why.startswith("its source sets Owner to a value already")
    assert "hush" not in why


def test_what_can_t_be_told_from_the_source_is_not_mended(repository: Repository, policy: Policy) -> None:
    one_root(repository, 'variable "tags" {}\nresource "aws_s3_bucket" "a" {\n  tags = var.tags\n}\n')
    [patch] = sources(repository, policy).patches([wanted(live("aws_s3_bucket.a"), owner="shop")])
    assert patch.diff == ""
    assert patch.left["arn:aws:s3:::aws_s3_bucket.a"].startswith("owner: can't tell whether Owner is there")


def test_what_a_suppression_accepts_is_not_mended(repository: Repository, policy: Policy) -> None:
    one_root(repository, "# costguard:ignore=owner it is retired until=2027-01-01\n" + NOBODY)
    [patch] = sources(repository, policy).patches([wanted(live("aws_s3_bucket.a"), owner="shop")])
    assert patch.diff == ""
    [why] = patch.left.values()
    assert why == (
        "owner: nothing asks for it in the source at live/prod/main.tf:2: an exemption, a suppression, or a rule for "
        "what is live"
    )


def test_a_misspelled_key_in_the_source_is_renamed_where_its_value_is_the_one_that_is_sure(
    repository: Repository, policy: Policy
) -> None:
    one_root(repository, 'resource "aws_s3_bucket" "a" {\n  tags = { team = "shop" }\n}\n')
    known = sources(repository, policy)
    resource = live("aws_s3_bucket.a")
    [patch] = known.patches([wanted(resource, owner="payments")])
    assert patch.left == {
        resource.address: "owner: its source means shop, at live/prod/main.tf:1, and the evidence says payments"
    }
    [patch] = known.patches([wanted(resource, owner="shop")])
    repository.apply(patch)
    assert repository.text("live/prod/main.tf") == ('resource "aws_s3_bucket" "a" {\n  tags = { Owner = "shop" }\n}\n')


def test_an_invalid_value_of_the_source_must_mean_the_one_that_is_sure(repository: Repository, policy: Policy) -> None:
    one_root(repository, 'resource "aws_s3_bucket" "a" {\n  tags = { environment = "prod" }\n}\n')
    known = sources(repository, policy)
    resource = live("aws_s3_bucket.a")
    [patch] = known.patches([wanted(resource, environment="staging")])
    assert (patch.diff, list(patch.left)) == ("", [resource.address])
    [patch] = known.patches([wanted(resource, environment="production")])
    repository.apply(patch)
    assert '"production"' in repository.text("live/prod/main.tf")


def test_what_costguard_yaml_says_of_a_folder_must_agree(repository: Repository, policy: Policy) -> None:
    one_root(repository, NOBODY)
    known = sources(repository, policy, fix={"values": [{"path": "live", "set": {"owner": "shop"}}]})
    resource = live("aws_s3_bucket.a")
    [patch] = known.patches([wanted(resource, owner="payments")])
    [why] = patch.left.values()
    assert (patch.diff, why.endswith("costguard.yaml:1 says shop, and the evidence says payments")) == ("", True)
    [patch] = known.patches([wanted(resource, owner="shop")])
    assert patch.mends == (resource.address,)


def test_the_evidence_counts_before_the_policy_s_default(repository: Repository, tmp_path: Path) -> None:
    one_root(repository, NOBODY)
    policy = policy_of(tmp_path, "version: 1\ntags: {owner: {keys: {aws: Owner}, default: platform}}\n")
    [patch] = sources(repository, policy).patches([wanted(live("aws_s3_bucket.a"), owner="shop")])
    assert "shop" in patch.diff
    assert "platform" not in patch.diff


def test_a_resource_that_is_not_in_the_source_any_more_is_left(repository: Repository, policy: Policy) -> None:
    one_root(repository, NOBODY)
    [patch] = sources(repository, policy).patches([wanted(live("aws_s3_bucket.gone"), owner="shop")])
    assert set(patch.left.values()) == {"the source in live/prod has no aws_s3_bucket.gone (any more)"}


def test_why_a_resource_is_not_in_the_source_may_be_a_file_that_can_t_be_read(
    repository: Repository, policy: Policy
) -> None:
    one_root(repository, NOBODY)
    repository.write(**{"live/prod/broken.tf": 'resource "aws_s3_bucket" "b" {\n'})
    [why] = left(sources(repository, policy).patches([wanted(live("aws_s3_bucket.b"), owner="shop")])).values()
    assert "broken.tf" in why


def test_an_object_that_waits_for_its_deletion_is_left(repository: Repository, policy: Policy) -> None:
    one_root(repository, NOBODY)
    resource = live("aws_s3_bucket.a (deposed object 00000001)")
    assert set(left(sources(repository, policy).patches([wanted(resource, owner="shop")])).values()) == {
        "it waits for Terraform to delete it: apply the configuration"
    }


def test_a_volume_that_an_instance_brings_with_it_is_left_to_the_instance(
    repository: Repository, policy: Policy
) -> None:
    one_root(repository, 'resource "aws_instance" "web" {}\n')
    resource = live("aws_instance.web", type_="aws_ebs_volume", id_="arn:aws:ec2:eu-west-1:1:volume/vol-1")
    assert set(left(sources(repository, policy).patches([wanted(resource, owner="shop")])).values()) == {
        "it comes with aws_instance.web (live/prod/main.tf:1), whose block says the tags of what it creates"
    }


def test_a_root_module_that_is_excluded_is_left(repository: Repository, policy: Policy) -> None:
    one_root(repository, NOBODY)
    known = sources(repository, policy, check={"exclude": ["live"]})
    [why] = left(known.patches([wanted(live("aws_s3_bucket.a"), owner="shop")])).values()
    assert why.startswith("live/prod is left alone")


def test_bytes_that_no_change_set_can_hold_are_left(repository: Repository, policy: Policy) -> None:
    one_root(repository, NOBODY)
    path = repository.path / "live/prod/main.tf"
    path.write_bytes(b"# caf\xe9\n" + path.read_bytes())
    [patch] = sources(repository, policy).patches([wanted(live("aws_s3_bucket.a"), owner="shop")])
    patch.diff.encode()
    assert (patch.diff, list(patch.left)) == ("", ["arn:aws:s3:::aws_s3_bucket.a"])


@pytest.mark.parametrize("folder", ["with a blank", "ünï", 'näme "quoted"', "tab\there"])
def test_a_patch_to_an_odd_path_applies_too(repository: Repository, policy: Policy, folder: str) -> None:
    repository.state(folder)
    repository.write(**{f"{folder}/main.tf": NOBODY})
    [patch] = sources(repository, policy).patches([wanted(live("aws_s3_bucket.a", folder), owner="shop")])
    repository.apply(patch)
    assert "shop" in repository.text(f"{folder}/main.tf")


def test_a_file_with_the_line_ends_of_windows_keeps_them(repository: Repository, policy: Policy) -> None:
    one_root(repository, NOBODY)
    path = repository.path / "live/prod/main.tf"
    path.write_bytes(NOBODY.replace("\n", "\r\n").encode())
    [patch] = sources(repository, policy).patches([wanted(live("aws_s3_bucket.a"), owner="shop")])
    done = subprocess.run(["git", "apply", "-"], cwd=repository.path, input=patch.diff.encode(), check=False)
    assert done.returncode == 0
    assert path.read_bytes().count(b"\n") == path.read_bytes().count(b"\r\n") == 7


@given(st.text(max_size=60), st.text(max_size=60))
def test_no_name_makes_it_fail(tmp_path_factory: pytest.TempPathFactory, address: str, where: str) -> None:
    """What states call things is hostile text."""
    folder = tmp_path_factory.getbasetemp() / "hostile"
    folder.mkdir(exist_ok=True)
    known = Sources(policy_of(folder, POLICY), None, TODAY, [(folder, "**")])
    resource = live(address, where, id_="arn:aws:s3:::a")
    assert known.ignored(resource, ["Owner"]) == frozenset()
    assert list(left(known.patches([wanted(resource, owner="shop")]))) == ["arn:aws:s3:::a"]


def test_a_root_module_is_read_once_however_many_resources_it_has(repository: Repository, policy: Policy) -> None:
    """After the first answer its files are gone, and every other one comes all the same."""
    blocks = [
        f'resource "aws_s3_bucket" "b{n}" {{\n  lifecycle {{\n    ignore_changes = [tags]\n  }}\n}}\n'
        for n in range(300)
    ]
    one_root(repository, "".join(blocks))
    known = sources(repository, policy)
    assert known.ignored(live("aws_s3_bucket.b0"), ["Owner"]) == {"Owner"}
    shutil.rmtree(repository.path / "live")
    assert all(known.ignored(live(f"aws_s3_bucket.b{n}"), ["Owner"]) == {"Owner"} for n in range(300))


# --- who owns the source


def owner_rule(policy: Policy) -> Require:
    return next(rule for rule in policy.rules if isinstance(rule, Require) and rule.spelling.name == "owner")


def test_codeowners_of_the_files_say_who_owns_the_resource(repository: Repository, policy: Policy) -> None:
    one_root(repository, NOBODY)
    repository.write(CODEOWNERS="* @acme/platform\n/live/prod/ @acme/shop\n")
    [hint] = sources(repository, policy).codeowners(live("aws_s3_bucket.a"), owner_rule(policy))
    assert (hint.kind, hint.value, hint.strength) == ("codeowners", "shop", 1.0)
    assert hint.says == "CODEOWNERS:2 says that shop owns the source of it"


def test_the_owner_of_the_call_counts_before_that_of_a_shared_module(repository: Repository, policy: Policy) -> None:
    one_root(repository, 'module "m" {\n  source = "../../modules/m"\n}\n')
    repository.write(
        **{"modules/m/main.tf": NOBODY, "CODEOWNERS": "/modules/ @acme/platform\n/live/prod/ @acme/shop\n"}
    )
    [hint] = sources(repository, policy).codeowners(live("module.m.aws_s3_bucket.a"), owner_rule(policy))
    assert (hint.value, hint.strength) == ("shop", 0.5)


def test_codeowners_speaks_of_one_tag_and_of_what_is_managed(repository: Repository, policy: Policy) -> None:
    one_root(repository, NOBODY)
    repository.write(CODEOWNERS="* @acme/shop\n")
    known = sources(repository, policy)
    environment = next(
        rule for rule in policy.rules if isinstance(rule, Require) and rule.spelling.name == "environment"
    )
    assert list(known.codeowners(live("aws_s3_bucket.a"), environment)) == []
    assert list(known.codeowners(live("aws_s3_bucket.a", tool="cloudformation"), owner_rule(policy))) == []
    assert list(known.codeowners(live("aws_s3_bucket.gone"), owner_rule(policy))) == []


def test_a_name_that_costguard_yaml_gives_to_an_owner_is_the_one(repository: Repository, policy: Policy) -> None:
    one_root(repository, NOBODY)
    repository.write(**{".github/CODEOWNERS": "* @acme/team-one\n"})
    known = sources(repository, policy, fix={"codeowners": {"teams": {"@acme/team-one": "shop"}}})
    assert [hint.value for hint in known.codeowners(live("aws_s3_bucket.a"), owner_rule(policy))] == ["shop"]
