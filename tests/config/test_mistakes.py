"""All that is wrong with ``costguard.yaml`` comes out in one run, each mistake with its line, and no secret with it."""

from pathlib import Path

import msgspec
import pytest

from costguard.config import NAME, AwsDoc, ConfigDoc, GoogleDoc, InventoryDoc, NotifyDoc, objections, read
from costguard.errors import DocumentError


def mistakes(folder: Path, text: str) -> list[str]:
    """What is said of a configuration, without the file's name."""
    (folder / NAME).write_text(text, "utf-8")
    with pytest.raises(DocumentError) as raised:
        read(folder / NAME)
    return [str(problem).removeprefix(f"{folder / NAME}:") for problem in raised.value.problems]


MANY = """\
version: 1
inventroy: {}
inventory:
  aws:
    accounts: [111122223333, "222233334444", "222233334444"]
    exclude-accounts: ["222233334444", "12"]
    regions: [eu-west-1, europe-west1, eu-west-1]
    sources: [explorer, s3]
    external-id: {from-env: "$EXTERNAL"}
    session-name: x
    profil: audit
    config-aggregator: {name: all}
  google:
    scopes: [organizations/acme, projects/acme-prod]
  store: ../scan.db
  workers: 65
terraform:
  states:
    - live/../../terraform.tfstate
    - gs://states/live
billing:
  - {path: "s3://bills/focus", format: csv}
  - path: s3://bills/focus
reconcile: {threshold: 95, limits: {changes: 0, per-acount: 3}}
slo: {objective: 1, window: 4w}
notify:
  - {}
  - slack: {url-from-env: COSTGUARD_SLACK_URL}
    sns: {topic: finops}
"""


def test_mistakes_of_all_kinds_come_out_in_one_run(tmp_path: Path) -> None:
    expected = [
        "2: inventroy: is not a key that belongs here; did you mean inventory?",
        "5: inventory.aws.accounts: a list of accounts needs role,",
        "5: inventory.aws.accounts[0]: takes text, not a number (put it in quotes if text is meant)",
        "5: inventory.aws.accounts[2]: '222233334444' is there twice",
        "6: inventory.aws.exclude-accounts[0]: '222233334444' is under accounts, too",
        "6: inventory.aws.exclude-accounts[1]: '12' can't stand here: an account's id is 12 digits",
        "7: inventory.aws.regions[1]: 'europe-west1' can't stand here: a region is named as in eu-west-1",
        "7: inventory.aws.regions[2]: 'eu-west-1' is there twice",
        "8: inventory.aws.sources[1]: takes config or explorer or native or tagging, not 's3'",
        "9: inventory.aws.external-id: is sent only where a role is assumed, and there is no role",
        "9: inventory.aws.external-id.from-env: takes the name of an environment variable",
        "10: inventory.aws.session-name: 'x' can't stand here: a session's name",
        "11: inventory.aws.profil: is not a key that belongs here; did you mean profile?",
        "12: inventory.aws.config-aggregator: region is missing",
        "14: inventory.google.scopes[0]: 'organizations/acme' can't stand here: a scope is organizations/NUMBER",
        "15: inventory.store: '../scan.db' leads out of the folder",
        "16: inventory.workers: is more than 64",
        "19: terraform.states[0]: 'live/../../terraform.tfstate' leads out of the folder",
        "20: terraform.states[1]: 'gs://states/live' can't be read: it takes a path or s3://",
        "22: billing[0].format: takes aws-cur or azure or focus or gcp, not 'csv'",
        "23: billing[1].path: 's3://bills/focus' is there twice",
        "24: reconcile.limits.changes: is less than 1",
        "24: reconcile.limits.per-acount: is not a key that belongs here; did you mean per-account?",
        "24: reconcile.threshold: is more than 1",
        "25: slo.objective: is not less than 1",
        "25: slo.window: '4w' can't stand here: a window is a number of days, as in 30d",
        "27: notify[0]: names nobody: it takes slack, webhook, smtp or sns",
        "28: notify[1]: names slack and sns: each needs an entry of its own",
        "29: notify[1].sns.topic: 'finops' can't stand here: a topic is named by its ARN",
    ]
    said = mistakes(tmp_path, MANY)
    assert len(said) == len(expected), "\n".join(said)
    for one, start in zip(said, expected, strict=True):
        assert one.startswith(start)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("inventory: {}", "1: version is missing"),
        ("version: 2", "1: version: this costguard understands version 1, not '2'"),
        ("version: 1.0", "1: version: this costguard understands version 1, not '1.0'"),
        ("version: '1'", "1: version: this costguard understands version 1, not '1'"),
        ("version: true", "1: version: this costguard understands version 1, not 'True'"),
        ("[]", "1: takes a mapping, not a list"),
        (
            "version: 1\nterraform:",
            "2: terraform: takes a mapping, not nothing (write {} where there is nothing to say)",
        ),
        ("version: 1\nbilling:", "2: billing: takes a list, not nothing"),
        ("version: 1\ninventory:\n  aws:\n", "3: inventory.aws: takes a mapping, not nothing (write {}"),
        ("version: 1\ninventory:\n  google:\n", "3: inventory.google: takes a mapping, not nothing (it needs scopes)"),
        ("version: 1\ninventory: {google: {}}", "2: inventory.google: scopes is missing"),
        ("version: 1\ninventory: {google: {scopes: []}}", "2: inventory.google.scopes: is empty"),
        ("version: 1\ninventory: {workers: 8.0}", "2: inventory.workers: takes a whole number, not 8.0"),
        ("version: 1\ninventory: {workers: 0}", "2: inventory.workers: is less than 1"),
        ("version: 1\ninventory: {store: scans/}", "2: inventory.store: 'scans/' is a folder; name a file"),
        ("version: 1\ninventory: {store: 's3://b/x'}", "2: inventory.store: 's3://b/x' can't stand here: it takes the"),
        ('version: 1\ninventory: {store: "a\\0b"}', "2: inventory.store: holds the character U+0000"),
        ("version: 1\nreconcile: {store: 'sqlite:///a/../../b'}", "2: reconcile.store: 'a/../../b' leads out of the"),
        (
            "version: 1\nreconcile: {store: costguard.db}",
            "2: reconcile.store: 'costguard.db' can't stand here: the store",
        ),
        ("version: 1\nreconcile: {limits: {percent: 0}}", "2: reconcile.limits.percent: is not more than 0"),
        ("version: 1\nreconcile: {limits: {percent: 100.5}}", "2: reconcile.limits.percent: is more than 100"),
        ("version: 1\nterraform: {states: [/srv/x.tfstate]}", "2: terraform.states[0]: '/srv/x.tfstate' leads out"),
        ("version: 1\nterraform: {states: [~/x.tfstate]}", "2: terraform.states[0]: '~/x.tfstate' leads out"),
        (
            "version: 1\nterraform: {states: ['s3://B_d/x']}",
            "2: terraform.states[0]: 's3://B_d/x' can't be read: s3://",
        ),
        ("version: 1\nterraform: {states: ['s3:///x/y']}", "2: terraform.states[0]: 's3:///x/y' can't be read: s3://"),
        ("version: 1\nterraform: {states: ['']}", "2: terraform.states[0]: is empty"),
        (
            "version: 1\nbilling: [{path: 's4://bills/x'}]",
            "2: billing[0].path: 's4://bills/x' can't be read: it takes a",
        ),
        ("version: 1\nbilling: [{path: 'gs://'}]", "2: billing[0].path: 'gs://' names no bucket"),
        ("version: 1\nbilling: [{format: focus}]", "2: billing[0]: path is missing"),
        ("version: 1\nnotify: [{pager: {}}]", "2: notify[0].pager: is not a key that belongs here"),
        ("version: 1\nnotify:\n  - slack:\n", "3: notify[0].slack: takes a mapping, not nothing"),
        (
            "version: 1\nnotify: [{smtp: {host: h, from: f@h, to: [t@h], user: u}}]",
            "2: notify[0].smtp: has one of user and password-from-env; it needs both or neither",
        ),
        (
            "version: 1\nnotify: [{owners: [a]}]",
            "2: notify[0]: names no channel: it takes slack, webhook, smtp or sns",
        ),
        (
            "version: 1\nnotify: [{owners: [a, b, a], slack: {url-from-env: A}}]",
            "2: notify[0].owners[2]: 'a' is there twice",
        ),
        (
            "version: 1\nnotify: [{smtp: {host: 'h:25', from: a@b.c, to: [d@e.f]}}]",
            "2: notify[0].smtp.host: 'h:25' can't stand here: it takes a host's name alone",
        ),
        (
            "version: 1\nnotify: [{smtp: {host: h, from: 'A <a@b.c>', to: [d@e.f]}}]",
            "2: notify[0].smtp.from: 'A <a@b.c>' can't stand here: it takes an address alone",
        ),
        (
            'version: 1\nnotify: [{smtp: {host: h, from: a@b.c, to: ["d@e.f\\nBcc: x@y.z"]}}]',
            "2: notify[0].smtp.to[0]: 'd@e.f\\nBcc: x@y.z' can't stand here: it takes an address alone",
        ),
        (
            "version: 1\nnotify: [{smtp: {host: h, from: a@b.c, to: [d@e.f, d@e.f]}}]",
            "2: notify[0].smtp.to[1]: 'd@e.f' is there twice",
        ),
        ("version: 1\nfix: {values: [{path: ../x, set: {a: b}}]}", "2: fix.values[0].path: '../x' leads out of the"),
        ("version: 1\ncheck: {exclude: [a/../..]}", "2: check.exclude[0]: 'a/../..' leads out of the folder"),
        ("version: 1\nassume: [{within: .., values: {}}]", "2: assume[0].within: '..' leads out of the folder"),
    ],
)
def test_the_one_mistake_is(tmp_path: Path, text: str, expected: str) -> None:
    [said] = mistakes(tmp_path, text)
    assert said.startswith(expected)


@pytest.mark.parametrize(
    ("aws", "expected"),
    [
        ("accounts: organization", "accounts: organization needs role"),
        ("accounts: organization, role: ", "accounts: organization needs role"),
        ("accounts: ['111122223333']", "accounts: a list of accounts needs role"),
        ("accounts: organisation", "accounts: takes current or organization, not 'organisation'; did you mean"),
        ("accounts: 111122223333", 'accounts: takes organization, current or a list of ids: ["111122223333"]'),
        ("accounts: 011122223333", 'accounts: takes organization, current or a list of ids: ["011122223333"]'),
        ("role: x, accounts: []", "accounts: is empty"),
        ("role: x, accounts: [organization]", "accounts[0]: 'organization' can't stand here: an account's id"),
        ("role: x, accounts: [11112222333]", "accounts[0]: takes text, not a number (put it in quotes"),
        ("role: x, accounts: ['1111222233334']", "accounts[0]: '1111222233334' can't stand here"),
        ('role: x, accounts: ["111122223333\\n"]', "accounts[0]: '111122223333\\n' can't stand here"),
        ("role: x, accounts: ['١١١١٢٢٢٢٣٣٣٣']", "accounts[0]: '١١١١٢٢٢٢٣٣٣٣' can't stand here"),
        ("role: a b", "role: 'a b' can't stand here: a role's name"),
        ("role: path/", "role: 'path/' can't stand here: a role's name"),
        ("role: 'arn:aws:iam::111122223333:role/x'", "role: 'arn:aws:iam::111122223333:role/x' can't stand here"),
        ("role: ['x']", "role: takes text, not a list"),
        ("role: x, external-id: a", "external-id: 'a' can't stand here: an external id is 2 to 1224"),
        ("role: x, external-id: {env: A}", "external-id.env: is not a key that belongs here"),
        ("external-id: secret", "external-id: is sent only where a role is assumed"),
        ("regions: eu-west-1", "regions: takes enabled or a list of names: ['eu-west-1']"),
        ("regions: all", "regions: takes enabled, not 'all'"),
        ("regions: []", "regions: is empty"),
        (
            "regions: [eu-west-1b]",
            "regions[0]: 'eu-west-1b' can't stand here: a region is named as in eu-west-1; a zone",
        ),
        ("regions: [global]", "regions[0]: 'global' can't stand here"),
        ("sources: []", "sources: is empty"),
        ("sources: explorer", "sources: takes a list, not 'explorer'"),
        (
            "explorer-view: all",
            "explorer-view: 'all' can't stand here: a view of Resource Explorer is named by its ARN",
        ),
        ("config-aggregator: all", "config-aggregator: takes a mapping, not 'all'"),
        ("region: enabled", "region: is not a key that belongs here; did you mean regions?"),
    ],
)
def test_the_one_mistake_about_aws_is(tmp_path: Path, aws: str, expected: str) -> None:
    said = mistakes(tmp_path, f"version: 1\ninventory:\n  aws: {{{aws}}}\n")
    assert [one for one in said if one.startswith(f"3: inventory.aws.{expected}")], said
    # An unknown key is listed beside what it leaves undone.
    assert len(said) == (2 if "env: A" in aws else 1), said


STATES = "states: [live/, 's3://states/']"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("terraform: {sources: [{state: x, folder: y}]}", "terraform.sources: says where the source of states is"),
        (f"terraform: {{{STATES}, sources: [{{state: x}}]}}", "terraform.sources[0]: folder is missing"),
        (
            f"terraform: {{{STATES}, sources: [{{state: ../x, folder: y}}]}}",
            "terraform.sources[0].state: '../x' leads out of the folder",
        ),
        (
            f"terraform: {{{STATES}, sources: [{{state: 'gs://x/y', folder: y}}]}}",
            "terraform.sources[0].state: 'gs://x/y' can't be read: it takes a path or s3://",
        ),
        (
            f"terraform: {{{STATES}, sources: [{{state: x, folder: y}}, {{state: x, folder: z}}]}}",
            "terraform.sources[1].state: 'x' is there twice",
        ),
        (
            f"terraform: {{{STATES}, sources: [{{state: x, folder: 'git@github.com:acme/live.git'}}]}}",
            "terraform.sources[0].folder: 'git@github.com:acme/live.git' is no folder: check the repository out",
        ),
        (
            f"terraform: {{{STATES}, sources: [{{state: x, folder: 's3://a/b'}}]}}",
            "terraform.sources[0].folder: 's3://a/b' is no folder",
        ),
        (
            f"terraform: {{{STATES}, sources: [{{state: x, folder: ~/live}}]}}",
            "terraform.sources[0].folder: '~/live' can't stand here: '~' is only a shell's word",
        ),
        (
            f"terraform: {{{STATES}, sources: [{{state: x, folder: live/*}}]}}",
            "terraform.sources[0].folder: 'live/*' is a pattern",
        ),
        (
            f'terraform: {{{STATES}, sources: [{{state: x, folder: "a\\0"}}]}}',
            "terraform.sources[0].folder: holds the character U+0000",
        ),
        ("reconcile: {expires: 90m}", "reconcile.expires: '90m' can't stand here: a change set's life is hours or"),
        ("reconcile: {store: 'mysql://db/x'}", "reconcile.store: 'mysql://db/x' can't stand here: the store is"),
        ("reconcile: {store: 'sqlite:///journal/'}", "reconcile.store: 'journal/' is a folder; name a file"),
        ("reconcile: {overwrite: [owner, owner]}", "reconcile.overwrite[1]: 'owner' is there twice"),
        ("reconcile: {delete: [Team, Team]}", "reconcile.delete[1]: 'Team' is there twice"),
        ("reconcile: {delete: ['AWS:team']}", "reconcile.delete[0]: 'AWS:team' is the cloud's own"),
        ("reconcile: {delete: [goog-x]}", "reconcile.delete[0]: 'goog-x' is the cloud's own"),
        ("reconcile: {delete: ['team*']}", "reconcile.delete[0]: 'team*' is a pattern"),
        ("reconcile: {exclude: [{}]}", "reconcile.exclude[0]: names nothing, which is everything"),
        ("reconcile: {exclude: [{type: null}]}", "reconcile.exclude[0]: names nothing, which is everything"),
        ("reconcile: {exclude: [{id: [], tags: {}}]}", "reconcile.exclude[0]: names nothing, which is everything"),
        ("reconcile: {exclude: [{id: x, type: []}]}", "reconcile.exclude[0].type: is empty"),
        ("reconcile: {exclude: [{address: x}]}", "reconcile.exclude[0].address: is not a key that belongs here"),
        ("reconcile: {infer: {defaults: [{set: {a: b}}]}}", "reconcile.infer.defaults[0]: names no place: it takes"),
        (
            "reconcile: {infer: {defaults: [{account: '1', folder: folders/2, set: {a: b}}]}}",
            "reconcile.infer.defaults[0]: names account and folder: each needs an entry of its own",
        ),
        (
            "reconcile: {infer: {defaults: [{ou: r-ab12, set: {a: b}}, {ou: r-ab12, set: {c: d}}]}}",
            "reconcile.infer.defaults[1].ou: 'r-ab12' is there twice",
        ),
        ("reconcile: {infer: {defaults: [{account: '1'}]}}", "reconcile.infer.defaults[0]: set is missing"),
        ("reconcile: {infer: {defaults: [{account: '1', set: {}}]}}", "reconcile.infer.defaults[0].set: is empty"),
        (
            "reconcile: {infer: {defaults: [{account: '1', set: {a: ' '}}]}}",
            "reconcile.infer.defaults[0].set.a: is only spaces",
        ),
        (
            "reconcile: {infer: {principals: [{principal: p, set: {a: b}}, {principal: p, set: {a: c}}]}}",
            "reconcile.infer.principals[1].principal: 'p' is there twice",
        ),
    ],
)
def test_the_one_mistake_about_reconciling_is(tmp_path: Path, text: str, expected: str) -> None:
    [said] = mistakes(tmp_path, f"version: 1\n{text}\n")
    assert said.startswith(f"2: {expected}")


@pytest.mark.parametrize(
    "text",
    [
        "reconcile: {store: 'postgresql://db/costguard'}",
        "reconcile: {store: 'postgresql://me@db:5432/costguard'}",
        "reconcile: {store: 'sqlite:////var/lib/costguard.db'}",
        "reconcile: {store: {from-env: COSTGUARD_STORE}}",
        f"terraform: {{{STATES}, sources: [{{state: 's3://states/a/*', folder: ../network/live}}]}}",
        f"terraform: {{{STATES}, sources: [{{state: live/a.tfstate, folder: /srv/checkouts/network}}]}}",
        f"terraform: {{{STATES}, sources: [{{state: live/a.tfstate, folder: .}}]}}",
        "reconcile: {exclude: [{id: '*'}]}",
        "reconcile: {infer: {defaults: [{account: '*', set: {a: b}}, {ou: r-ab12, set: {a: c}}]}}",
        "notify: [{owners: [a], slack: {url-from-env: A}}, {owners: [b], slack: {url-from-env: A}}]",
        "notify: [{smtp: {host: '::1', from: o'neill+x@b, to: [d@e.f]}}]",
    ],
)
def test_nothing_is_held_against(tmp_path: Path, text: str) -> None:
    (tmp_path / NAME).write_text(f"version: 1\n{text}\n", "utf-8")
    assert read(tmp_path / NAME).doc.version == 1


HOOK = "https://hooks.example.com/services/T000/B000/hunter2"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (f"notify: [{{slack: {{url: '{HOOK}'}}}}]", "notify[0].slack.url"),
        (f"notify: [{{slack: '{HOOK}'}}]", "notify[0].slack"),
        (f"notify: ['{HOOK}']", "notify[0]"),
        (f"notify: '{HOOK}'", "notify"),
        (f"notify: [{{webhook: {{url-from-env: '{HOOK}'}}}}]", "notify[0].webhook.url-from-env"),
        (
            "notify: [{smtp: {host: h, from: f, to: [t], user: u, password: hunter2}}]",
            "notify[0].smtp.password",
        ),
        (
            "notify: [{smtp: {host: h, from: f, to: [t], user: u, password-from-env: 'hunter2!'}}]",
            "notify[0].smtp.password-from-env",
        ),
        ("inventory: {aws: {role: r, external-id: {from-env: 'hunter2!'}}}", "inventory.aws.external-id.from-env"),
        ("billing: [{path: 's3://key:hunter2@bills/x'}]", "billing[0].path"),
        ("billing: [{path: 'az://bills/x?se=1&sig=hunter2'}]", "billing[0].path"),
        ("terraform: {states: ['s3://states/x?X-Amz-Signature=hunter2']}", "terraform.states[0]"),
        ("reconcile: {store: 'postgresql://me:hunter2@db/costguard'}", "reconcile.store"),
        ("reconcile: {store: 'postgresql://me:hunter2/@?#@db/costguard'}", "reconcile.store"),
        ("reconcile: {store: 'postgres+psycopg://:hunter2@db/costguard'}", "reconcile.store"),
        ("reconcile: {store: 'postgresql://me@db/costguard?password=hunter2'}", "reconcile.store"),
        ("reconcile: {store: 'host=db user=me password=hunter2'}", "reconcile.store"),
        ("reconcile: {store: {from-env: 'postgresql://me:hunter2@db/x'}}", "reconcile.store.from-env"),
    ],
)
def test_a_secret_that_is_written_out_is_a_mistake_and_is_not_repeated(tmp_path: Path, text: str, place: str) -> None:
    said = mistakes(tmp_path, f"version: 1\n{text}\n")
    assert [one for one in said if one.startswith(f"2: {place}: ")], said
    assert "hunter2" not in "\n".join(said)


def test_what_a_command_puts_together_is_judged_like_a_file() -> None:
    aws = AwsDoc(accounts=["111122223333", "12"])
    doc = ConfigDoc(version=1, inventory=InventoryDoc(aws=aws, google=GoogleDoc(scopes=[]), workers=0))
    said = objections(doc)
    assert objections(msgspec.to_builtins(doc)) == said
    assert [one.partition(":")[0] for one in sorted(said)] == [
        "inventory.aws.accounts",
        "inventory.aws.accounts[1]",
        "inventory.google.scopes",
        "inventory.workers",
    ]


def test_nothing_is_held_against_the_defaults() -> None:
    assert objections(ConfigDoc(version=1)) == []
    assert objections(ConfigDoc(version=1, inventory=InventoryDoc(aws=AwsDoc()))) == []
    assert objections(ConfigDoc(version=1, notify=[NotifyDoc()])) != []
