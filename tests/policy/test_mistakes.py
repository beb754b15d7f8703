"""All mistakes of all documents come out in one run, each with file, line and path, and in the words of the format."""

import json
from pathlib import Path

import pytest

from costguard.errors import DocumentError
from costguard.policy.load import load
from tests.policy.build import mistakes, policy

MANY = """\
version: 1
nmae: typo
tags:
  owner:
    requird: true
    value: {enum: [yes, payments]}
  environment:
    value: {enum: [production]}
    synonyms: {prod: prodution}
  Owner: {}
rules:
  - id: R
    max-tags: 5
  - id: empty
  - id: secrets
    forbid: {values: ['(', ok]}
exemptions:
  - when: {type: x}
    tags: [ownr]
    reason: r
    until: 2027-01-01
  - when: {}
    reason: r
unknown: {plan: ignore}
surfaces: {volume_tags: fatal}
extends: nothing
"""


def test_ten_and_more_mistakes_of_all_kinds_come_out_in_one_run(tmp_path: Path) -> None:
    said = mistakes(tmp_path, MANY)
    expected = [
        "p0.yaml:2: nmae: is not a key that belongs here; did you mean name?",
        "p0.yaml:5: tags.owner.requird: is not a key that belongs here; did you mean required?",
        "p0.yaml:6: tags.owner.value.enum[0]: true is not text",
        "p0.yaml:9: tags.environment.synonyms: prod is to mean prodution, which is not an allowed value",
        "p0.yaml:10: tags.Owner.keys: Owner already stands for the tag owner",
        "p0.yaml:12: rules[0].id: 'R' can't stand here: an id is of lower case letters, digits and dashes",
        "p0.yaml:14: rules[1]: states nothing: it needs require",
        "p0.yaml:16: rules[2].forbid.values[0]: '(' is not a regular expression",
        "p0.yaml:19: exemptions[0].tags[0]: no tag is called ownr; there are Owner, environment, owner",
        "p0.yaml:22: exemptions[1]: until is missing",
        "p0.yaml:24: unknown.plan: takes fail or pass or warn, not 'ignore'",
        "p0.yaml:25: surfaces.volume_tags: takes error or ignore or info or warning, not 'fatal'",
        "p0.yaml:26: extends: nothing is not there",
    ]
    assert len(said) == len(expected), "\n".join(said)
    by_line = sorted(said, key=lambda one: int(one.split(":")[1]))
    for one, start in zip(by_line, expected, strict=True):
        assert one.startswith(start)


def test_mistakes_of_several_files_come_out_together_and_sorted(tmp_path: Path) -> None:
    said = mistakes(
        tmp_path,
        "tgas: {}\ntags: {x: {level: no}}",
        "tags: {y: {values-from: {file: no.csv}}}",
        "version: 1\n---\n- a\n",
    )
    assert [one.split(": ")[0] for one in said] == ["p0.yaml:2", "p0.yaml:3", "p1.yaml:2", "p2.yaml:3"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "p0.yaml: is empty; a policy begins with version: 1"),
        ("# nothing\n", "p0.yaml: is empty; a policy begins with version: 1"),
        ("just text\n", "p0.yaml:1: is no policy: a mapping that begins with version: 1 is expected"),
        ("[a]\n", "p0.yaml:1: is no policy"),
        ("null\n", "p0.yaml:1: is no policy"),
        ("tags: {x: {}}\n", "p0.yaml:1: version: version is missing: a policy begins with version: 1"),
        ("version: 2\ntags: {x: {}}\n", "p0.yaml:1: version: this costguard understands version 1, not 2"),
        ("version: '1'\ntags: {x: {}}\n", "p0.yaml:1: version: this costguard understands version 1, not '1'"),
        ("version: yes\ntags: {x: {}}\n", "p0.yaml:1: version: this costguard understands version 1, not True"),
        ("version: 1\n", "p0.yaml: demands nothing: it has neither tags nor rules"),
        ("version: 1\ntags: []\n", "p0.yaml:2: tags: takes a mapping, not a list"),
        ("version: 1\ntags:\n- owner\n", "p0.yaml:2: tags: takes a mapping, not a list"),
        ("version: 1\ntags:\n", "p0.yaml:2: tags: takes a mapping, not nothing"),
        ("version: 1\ntags:\n  owner:\n", "p0.yaml:3: tags.owner: takes a mapping, not nothing (write {} where"),
        ("version: 1\ntags:\n  owner: required\n", "p0.yaml:3: tags.owner: takes a mapping, not 'required'"),
        (
            "version: 1\ntags:\n  owner: {}\n  required: true\n",
            "p0.yaml:4: tags.required: takes a mapping, not true; is it indented too little?",
        ),
        (
            "version: 1\ntags:\n  owner:\n    level: error\n    service:\n      level: error\n",
            "p0.yaml:5: tags.owner.service: is not a key that belongs here; is it indented too far?",
        ),
        ("version: 1\ntags: {x: {value: [a, b]}}\n", "takes a mapping, not a list; for example value: {enum: ["),
        (
            "version: 1\nrules: [{id: r, forbid: ['*x*']}]\n",
            "takes a mapping, not a list; for example forbid: {keys: [",
        ),
        ("version: 1\nrules: [{id: r, require: owner}]\n", "takes a mapping, not 'owner'; for example require: {"),
        ("version: 1\nextends: baselin\n", "no shipped policy has that name; did you mean baseline?"),
        ("version: 1\nrules: {id: r}\n", "p0.yaml:2: rules: takes a list, not a mapping"),
        ("version: 1\ntags: {x: {level: Error}}\n", "takes error or info or warning, not 'Error'; did you mean"),
        ("version: 1\ntags: {x: {required: 'yes'}}\n", "tags.x.required: takes true or false, not 'yes'"),
        ("version: 1\ntags: {x: {aliases: y}}\n", "tags.x.aliases: takes a list, not 'y'"),
        ("version: 1\ntags: {x: {aliases: [1]}}\n", "tags.x.aliases[0]: takes text, not a number (put it in quotes"),
        ("version: 1\ntags: {x: {synonyms: {a: no}}}\n", "tags.x.synonyms.a: takes text, not false (put it in quotes"),
        (
            "version: 1\ntags: {x: {keys: {gcp: y}}}\n",
            "tags.x.keys.gcp: is not a key that belongs here; known are aws,",
        ),
        (
            "version: 1\nrules: [{id: r, when: {account: 123456789012}, max-tags: 1}]\n",
            "rules[0].when.account: takes text or a list, not a number (put it in quotes",
        ),
        (
            "version: 1\nrules: [{id: r, when: {account: [123456789012]}, max-tags: 1}]\n",
            "rules[0].when.account[0]: takes text, not a number (put it in quotes",
        ),
        (
            "version: 1\nrules: [{id: r, when: {checkpoint: lve}, max-tags: 1}]\n",
            "rules[0].when.checkpoint: takes bill or live or plan or source, not 'lve'; did you mean live?",
        ),
        (
            "version: 1\nrules: [{id: r, when: {tag: {a: b}}, max-tags: 1}]\n",
            "rules[0].when.tag: is not a key that belongs here; did you mean tags?",
        ),
        (
            "version: 1\ntags: {x: {values_from: {file: a}}}\n",
            "tags.x.values_from: is not a key that belongs here; did you mean values-from?",
        ),
        (
            "version: 1\ntags: {x: {}}\nexamples: [{name: a, resource: {type: t}, expect: {x: wrong}}]\n",
            "examples[0].expect.x: takes empty or forbidden or invalid or missing or misspelled or unknown, not",
        ),
        (
            "version: 1\ntags: {x: {}}\nexamples: [{name: a, resource: {type: t, tags: {a: 7}}, expect: compliant}]\n",
            "examples[0].resource.tags.a: takes text, not a number",
        ),
        (
            "version: 1\ntags: {x: {value: {format: []}}}\n",
            "tags.x.value.format: is not JSON Schema: [] is not of type",
        ),
        ("version: 1\ntags: {x: {value: {format: {a: 1}}}}\n", "tags.x.value.format: is not JSON Schema: {"),
        ("version: 1\ntags: {x: {}, x: {}}\n", "p0.yaml:2: tags.x: the key is there twice; the first is in line 2"),
        ("version: 1\n\ttags: {}\n", "p0.yaml:2: is not YAML: found a tab character that violates indentation"),
        ("version: 1\ntags: {x: {}\n", "is not YAML"),
        ("version: 1\ntags:\n  a: {}\n b: {}\n", "p0.yaml:4: is not YAML"),
    ],
)
def test_one_mistake_is_one_message(tmp_path: Path, text: str, expected: str) -> None:
    file = tmp_path / "p0.yaml"
    file.write_text(text)
    with pytest.raises(DocumentError) as caught:
        load([file])
    [said] = [str(problem).replace(f"{tmp_path}/", "") for problem in caught.value.problems]
    assert expected in said


@pytest.mark.parametrize(
    ("cloud", "key", "why"),
    [
        ("aws", "aws:owner", "reserved"),
        ("aws", "AWS:owner", "reserved"),
        ("aws", "own#er", "does not match"),
        ("aws", "owner\n", "does not match"),
        ("aws", "a" * 129, "longer than 128"),
        ("google", "Owner", "does not match"),
        ("google", "1owner", "does not match"),
        ("google", "owner.team", "does not match"),
        ("google", "\u00c9quipe", "does not match"),
        ("google", "a" * 64, "longer than 63"),
        ("google", "\u4e2d" * 60, "longer than 63"),
        ("google", "goog-owner", "reserved"),
        ("azure", "own/er", "does not match"),
        ("azure", "a" * 513, "longer than 512"),
    ],
)
def test_a_key_that_the_cloud_doesnt_take(tmp_path: Path, cloud: str, key: str, why: str) -> None:
    [said] = mistakes(tmp_path, f"tags:\n  owner:\n    keys:\n      {cloud}: {json.dumps(key)}\n")
    assert said.startswith(f"p0.yaml:5: tags.owner.keys.{cloud}: ")
    assert f"can't be a key on {cloud}" in said
    assert why in said


@pytest.mark.parametrize(
    ("cloud", "key"),
    [
        ("aws", "Cost Center/x:y+z=1@a_b-c.d"),
        ("aws", "\u00c9quipe 1"),
        ("google", "\u00e9quipe_1"),
        ("google", "\u74b0\u5883"),
        ("azure", "Cost Center (EMEA) #1"),
        ("azure", "windows-build"),
        ("azure", "a" * 512),
    ],
)
def test_a_key_that_the_cloud_takes(tmp_path: Path, cloud: str, key: str) -> None:
    policy(tmp_path, f"tags:\n  owner:\n    keys:\n      {cloud}: {json.dumps(key)}\n")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tags: {a: {keys: {aws: x}}, b: {keys: {aws: X}}}", "tags.b.keys: X already stands for the tag a"),
        ("tags: {a: {aliases: [b]}, b: {}}", "tags.a.aliases: b already stands for the tag b"),
        ("tags: {a: {aliases: [x]}, b: {aliases: [X]}}", "tags.b.aliases: X already stands for the tag a"),
        ("tags: {a: {aliases: [b]}, b: {keys: {aws: c, google: c, azure: c}}}", ""),
    ],
)
def test_no_key_may_stand_for_two_tags(tmp_path: Path, text: str, expected: str) -> None:
    if expected:
        assert any(expected in one for one in mistakes(tmp_path, text))
    else:
        policy(tmp_path, text)


@pytest.mark.parametrize(
    ("synonyms", "expected"),
    [
        ("{prod: prodution}", "prod is to mean prodution, which is not an allowed value"),
        ("{production: staging}", "production is an allowed value, so it can't be a synonym of staging"),
        ("{prod: prd, prd: production}", "prod is to mean prd, which is not an allowed value"),
    ],
)
def test_contradictory_synonyms(tmp_path: Path, synonyms: str, expected: str) -> None:
    text = f"tags:\n  env:\n    value: {{enum: [production, staging]}}\n    synonyms: {synonyms}\n"
    [said] = mistakes(tmp_path, text)
    assert said.startswith("p0.yaml:5: tags.env.synonyms: ")
    assert expected in said


def test_synonyms_without_values_are_a_mistake(tmp_path: Path) -> None:
    [said] = mistakes(tmp_path, "tags: {env: {synonyms: {prod: production, stg: staging}}}")
    assert "needs value or values-from" in said


@pytest.mark.parametrize(("count", "allowed"), [(50, True), (51, False), (400, False)])
def test_extends_goes_fifty_deep(tmp_path: Path, count: int, allowed: bool) -> None:
    for number in range(count):
        (tmp_path / f"e{number}.yaml").write_text(f"version: 1\nextends: e{number + 1}.yaml\n")
    (tmp_path / f"e{count}.yaml").write_text("version: 1\ntags: {owner: {}}\n")
    if allowed:
        assert len(load([tmp_path / "e0.yaml"]).files) == count + 1
        return
    with pytest.raises(DocumentError) as caught:
        load([tmp_path / "e0.yaml"])
    [said] = map(str, caught.value.problems)
    assert said.endswith("e50.yaml:2: extends: is the 51st one after another, and 50 are allowed")


def test_a_date_that_is_none_is_told_with_the_mistakes(tmp_path: Path) -> None:
    text = "tags: {a: {requird: yes}}\nexemptions:\n- {when: {type: x}, reason: r, until: soon}\n"
    assert [one.split(": ", 2)[1] for one in mistakes(tmp_path, text)] == ["tags.a.requird", "exemptions[0].until"]


def test_a_bad_item_of_extends_hides_no_other(tmp_path: Path) -> None:
    said = mistakes(tmp_path, "extends: [baselin, nosuch.yaml, 3, '']\ntags: {x: {}}\n")
    assert [one.split(": ", 2)[1] for one in said] == [f"extends[{number}]" for number in range(4)]
