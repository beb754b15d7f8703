"""Several documents: a later one may tighten an earlier one, and loosens it only where it says so."""

import os
from pathlib import Path

import pytest

from costguard.errors import DocumentError
from costguard.policy.load import load, locate, shipped
from tests.policy.build import findings, mistakes, policy, resource, verdicts, write

TIGHTENED = {
    "not required to required": ("tags: {x: {required: false}}", "tags: {x: {required: true}}"),
    "a sterner level": ("tags: {x: {level: warning}}", "tags: {x: {level: error}}"),
    "fewer values": ("tags: {x: {value: {enum: [a, b]}}}", "tags: {x: {value: {enum: [a]}}}"),
    "a pattern on top of values": ("tags: {x: {value: {enum: [a, b]}}}", "tags: {x: {value: {pattern: ^a}}}"),
    "values on top of a pattern": ("tags: {x: {value: {pattern: ^a}}}", "tags: {x: {value: {enum: [a, aa]}}}"),
    "a spelling where none was stated": ("tags: {x: {}}", "tags: {x: {keys: {aws: X}}}"),
    "the same Tag": ("tags: {x: {google-tag: 1/x}}", "tags: {x: {google-tag: 1/x, level: error}}"),
    "the same spelling": ("tags: {x: {keys: {aws: X}}}", "tags: {x: {keys: {aws: X, azure: Y}}}"),
    "another alias": ("tags: {x: {aliases: [y]}}", "tags: {x: {aliases: [z]}}"),
    "another synonym": (
        "tags: {x: {value: {enum: [a, b]}, synonyms: {c: a}}}",
        "tags: {x: {synonyms: {d: b}}}",
    ),
    "another description": ("tags: {x: {description: a}}", "tags: {x: {description: b}}"),
    "another tag": ("tags: {x: {}}", "tags: {y: {}}"),
    "another rule": ("rules: [{id: a, max-tags: 1}]", "rules: [{id: b, max-tags: 1}]"),
    "a sterner unknown": ("tags: {x: {}}\nunknown: {plan: pass}", "unknown: {plan: fail, live: warn}"),
    "a sterner surface": ("tags: {x: {}}\nsurfaces: {volume_tags: info}", "surfaces: {volume_tags: error}"),
    "a surface that the others don't touch": (
        "tags: {x: {}}\nsurfaces: {volume_tags: error}",
        "surfaces: {'tag_*': ignore}",
    ),
    "a narrower glob that is sterner": (
        "tags: {x: {}}\nsurfaces: {'*': info}",
        "surfaces: {volume_tags: error}",
    ),
}


@pytest.mark.parametrize("case", TIGHTENED)
def test_a_later_document_may_state(tmp_path: Path, case: str) -> None:
    policy(tmp_path, *TIGHTENED[case])


LOOSENED = {
    "required to not": ("tags: {x: {required: true}}", "tags: {x: {required: false}}", "tags.x.required", "tags.x"),
    "required by default to not": ("tags: {x: {}}", "tags: {x: {required: false}}", "tags.x.required", "tags.x"),
    "a milder level": ("tags: {x: {level: error}}", "tags: {x: {level: warning}}", "tags.x.level", "tags.x"),
    "a level milder than the default": ("tags: {x: {}}", "tags: {x: {level: info}}", "tags.x.level", "tags.x"),
    "more values": (
        "tags: {x: {value: {enum: [a]}}}",
        "tags: {x: {value: {enum: [a, b]}}}",
        "tags.x.value",
        "b is not allowed by what ",
    ),
    "values that the pattern rejects": (
        "tags: {x: {value: {pattern: ^a}}}",
        "tags: {x: {value: {enum: [a, b, c]}}}",
        "tags.x.value",
        "b, c are not allowed by what ",
    ),
    "another spelling": (
        "tags: {x: {keys: {aws: X}}}",
        "tags: {x: {keys: {aws: Y}}}",
        "tags.x.keys",
        "'Y' is another key than 'X'",
    ),
    "a Tag where only the label counted": (
        "tags: {x: {}}",
        "tags: {x: {google-tag: 1/x}}",
        "tags.x.google-tag",
        "the Tag 1/x does as well as the label here, and none there",
    ),
    "another Tag": (
        "tags: {x: {google-tag: 1/x}}",
        "tags: {x: {google-tag: 2/x}}",
        "tags.x.google-tag",
        "the Tag 2/x does as well as the label here, and 1/x there",
    ),
    "a synonym of something else": (
        "tags: {x: {value: {enum: [a, b]}, synonyms: {c: a}}}",
        "tags: {x: {synonyms: {c: b}}}",
        "tags.x.synonyms",
        "c means b here and a there",
    ),
    "a rule of the same id": (
        "rules: [{id: r, max-tags: 1}]",
        "rules: [{id: r, max-tags: 2}]",
        "rules.r",
        "r is already the id of a rule",
    ),
    "a milder unknown": (
        "tags: {x: {}}\nunknown: {plan: fail}",
        "unknown: {plan: warn}",
        "unknown.plan",
        "warn is looser than fail",
    ),
    "a milder surface": (
        "tags: {x: {}}\nsurfaces: {volume_tags: error}",
        "surfaces: {volume_tags: warning}",
        "surfaces.volume_tags",
        "warning is looser than error",
    ),
    "a wide glob that is milder": (
        "tags: {x: {}}\nsurfaces: {volume_tags: error}",
        "surfaces: {'*_tags': ignore}",
        "surfaces.*_tags",
        "ignore is looser than error for volume_tags",
    ),
}


@pytest.mark.parametrize("case", LOOSENED)
def test_loosening_is_a_mistake_that_names_both_places_and_the_way_out(tmp_path: Path, case: str) -> None:
    first, second, path, expected = LOOSENED[case]
    [said] = mistakes(tmp_path, first, second)
    assert said.startswith("p1.yaml:2: ")
    assert "p0.yaml:" in said
    assert expected in said
    assert path in said
    assert "relax" in said


@pytest.mark.parametrize("case", LOOSENED)
def test_relax_allows_what_it_names(tmp_path: Path, case: str) -> None:
    first, second, path, _ = LOOSENED[case]
    policy(tmp_path, first, f"{second}\nrelax: ['{path}']")


@pytest.mark.parametrize("case", LOOSENED)
def test_relax_of_something_else_allows_nothing(tmp_path: Path, case: str) -> None:
    first, second, _, _ = LOOSENED[case]
    assert len(mistakes(tmp_path, first, f"{second}\nrelax: [tags.y.level, unknown.bill]")) == 1


def test_merged_values_must_all_hold(tmp_path: Path) -> None:
    rules = policy(tmp_path, "tags: {x: {value: {enum: [a1, b1]}}}", "tags: {x: {value: {pattern: ^a}}}")
    assert verdicts(rules, resource({"x": "a1"})) == {}
    assert verdicts(rules, resource({"x": "b1"})) == {"x": "invalid"}
    assert verdicts(rules, resource({"x": "a2"})) == {"x": "invalid"}


def test_relaxed_values_replace_the_earlier_ones(tmp_path: Path) -> None:
    rules = policy(
        tmp_path,
        "tags: {x: {value: {enum: [a]}}}",
        "tags: {x: {value: {enum: [b]}}}\nrelax: [tags.x.value]",
    )
    assert verdicts(rules, resource({"x": "b"})) == {}
    assert verdicts(rules, resource({"x": "a"})) == {"x": "invalid"}


def test_a_relaxed_rule_is_replaced(tmp_path: Path) -> None:
    rules = policy(
        tmp_path,
        "rules: [{id: r, max-tags: 1}]",
        "rules: [{id: r, max-tags: 2}]\nrelax: [rules.r]",
    )
    assert verdicts(rules, resource({"a": "1", "b": "1"})) == {}
    assert verdicts(rules, resource({"a": "1", "b": "1", "c": "1"})) == {"r": "invalid"}


def test_values_that_no_value_satisfies_together_are_a_mistake(tmp_path: Path) -> None:
    said = mistakes(tmp_path, "tags: {x: {value: {enum: [a, b]}}}", "tags: {x: {value: {pattern: ^c}}}")
    assert any("no value satisfies all that is said of it" in one for one in said)


def test_the_last_surface_that_matches_counts_within_a_document(tmp_path: Path) -> None:
    rules = policy(tmp_path, "tags: {x: {}}\nsurfaces: {'*_tags': error, volume_tags: ignore}")
    assert rules.surface_level("volume_tags") == "ignore"
    assert rules.surface_level("other_tags") == "error"
    assert rules.surface_level("tags") is None


# --- where documents come from


def test_extends_comes_before_what_extends_it(tmp_path: Path) -> None:
    write(tmp_path, "tags: {x: {level: warning}}")
    top = tmp_path / "top.yaml"
    top.write_text("version: 1\nextends: p0.yaml\ntags: {x: {level: error}}\n")
    rules = load([top])
    assert [Path(file).name for file in rules.files] == ["p0.yaml", "top.yaml"]
    [finding] = findings(rules, resource())
    assert finding.level == "error"


def test_a_chain_and_a_diamond_of_extends_take_each_document_once(tmp_path: Path) -> None:
    texts = {
        "base": "tags: {x: {}}\nrules: [{id: r, max-tags: 1}]",
        "left": "extends: base.yaml\ntags: {y: {}}",
        "right": "extends: [base.yaml]\ntags: {z: {}}",
        "top": "extends: [left.yaml, right.yaml]",
    }
    for name, text in texts.items():
        (tmp_path / f"{name}.yaml").write_text(f"version: 1\n{text}\n")
    rules = load([tmp_path / "top.yaml", tmp_path / "base.yaml", str(tmp_path / "top.yaml")])
    assert [Path(file).stem for file in rules.files] == ["base", "left", "right", "top"]
    assert set(rules.spellings) == {"x", "y", "z"}


@pytest.mark.parametrize("length", [1, 2, 5])
def test_a_cycle_of_extends_is_a_mistake_where_it_closes(tmp_path: Path, length: int) -> None:
    for number in range(length):
        (tmp_path / f"p{number}.yaml").write_text(
            f"version: 1\ntags: {{t{number}: {{}}}}\nextends: p{(number + 1) % length}.yaml\n"
        )
    with pytest.raises(DocumentError) as caught:
        load([tmp_path / "p0.yaml"])
    [problem] = caught.value.problems
    assert Path(problem.file).name == f"p{length - 1}.yaml"
    assert (problem.line, problem.path) == (3, "extends")
    assert "p0.yaml extends itself: a cycle" in problem.message


@pytest.mark.parametrize(
    ("extends", "expected"),
    [
        (
            "nothing.yaml",
            "p0.yaml:2: extends: nothing.yaml is not there, and no shipped policy has",
        ),
        ("[baseline, nothing]", "p0.yaml:2: extends[1]: nothing is not there"),
        ("7", "p0.yaml:2: extends: takes"),
        ("[7]", "p0.yaml:2: extends[0]: takes text, not a number"),
        ("[]", ""),
        ("empty", "p0.yaml:2: extends: empty holds no policy (*.yaml)"),
    ],
)
def test_what_cant_be_extended(tmp_path: Path, extends: str, expected: str) -> None:
    (tmp_path / "empty").mkdir()
    text = f"extends: {extends}\ntags: {{x: {{}}}}\n"
    if not expected:
        policy(tmp_path, text)
        return
    [said] = mistakes(tmp_path, text)
    assert said.startswith(expected)


def test_a_shipped_policy_is_extended_by_its_name(tmp_path: Path) -> None:
    rules = policy(tmp_path, "extends: baseline\ntags: {cost-center: {}}")
    assert set(rules.spellings) == {"owner", "service", "environment", "cost-center"}
    assert rules.files[0] == "costguard/policies/baseline.yaml"


def test_the_name_of_a_shipped_policy_is_that_policy_whatever_lies_in_the_folder(tmp_path: Path) -> None:
    (tmp_path / "baseline").write_text("version: 1\ntags: {x: {}}\n")
    assert set(load(["baseline"], base=tmp_path).spellings) == {"owner", "service", "environment"}
    assert set(load(["./baseline"], base=tmp_path).spellings) == {"x"}


@pytest.mark.parametrize("name", ["", "..", "../policies/baseline", "baseline.yaml", "BASELINE", "\0", "a" * 5000])
def test_what_is_no_name_of_a_shipped_policy(tmp_path: Path, name: str) -> None:
    with pytest.raises(DocumentError):
        load([name], base=tmp_path)


def test_a_folder_gives_its_policies_by_name(tmp_path: Path) -> None:
    for name in ("b.yaml", "a.yml", "c.txt"):
        (tmp_path / name).write_text(f"version: 1\ntags: {{{name[0]}: {{}}}}\n")
    assert [file.name for file in locate([tmp_path], Path())] == ["a.yml", "b.yaml"]
    assert set(load([tmp_path]).spellings) == {"a", "b"}


def test_several_documents_in_one_file_are_merged_in_order(tmp_path: Path) -> None:
    [file] = write(tmp_path, "version: 1\ntags: {x: {level: info}}\n---\nversion: 1\ntags: {x: {level: error}}\n")
    [finding] = findings(load([file]), resource())
    assert finding.level == "error"


def test_a_document_merged_with_a_copy_of_itself_states_the_same(tmp_path: Path) -> None:
    text = """
        tags:
          x: {value: {enum: [a, b]}, aliases: [y], synonyms: {c: a}, keys: {aws: X}, level: warning, required: false}
        unknown: {plan: fail}
        surfaces: {'*': error, volume_tags: ignore}
    """
    once, twice = policy(tmp_path, text), policy(tmp_path, text, text)
    for value in ("a", "b", "c", "z", ""):
        assert [f.message for f in findings(once, resource({"X": value}))] == [
            f.message for f in findings(twice, resource({"X": value}))
        ]
    assert (once.unknown, once.surfaces) == (twice.unknown, twice.surfaces)


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is denied to root")
def test_a_folder_that_may_not_be_read_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o000)
    with pytest.raises(DocumentError, match="Permission denied"):
        load([tmp_path / "closed"])


def test_shipped_policies_are_known_by_name() -> None:
    assert {"baseline", "finops", "google-labels", "no-secrets"} <= set(shipped())


def test_a_folder_may_hold_what_is_no_policy_and_is_known_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "costguard.yaml").write_text("version: 1\npolicies: [.]\n")
    (tmp_path / "teams.yaml").write_text("[payments]\n")
    (tmp_path / "services.yml").write_text("[checkout]\n")
    write(
        tmp_path,
        "tags: {owner: {values-from: {file: ./teams.yaml}}}",
        "rules: [{id: r, require: {service: {values-from: {file: services.yml}}}}]",
        "tags: [no mapping]",
        "tags: {a: [",
    )
    names = [f"p{number}.yaml" for number in range(4)]
    assert [file.name for file in locate([tmp_path], Path())] == names
    with pytest.raises(DocumentError) as caught:
        load([tmp_path])
    assert {Path(problem.file).name for problem in caught.value.problems} == {"p2.yaml", "p3.yaml"}


def test_a_folder_with_nothing_but_the_configuration_holds_no_policy(tmp_path: Path) -> None:
    (tmp_path / "costguard.yaml").write_text("version: 1\n")
    with pytest.raises(DocumentError, match="holds no policy"):
        load([tmp_path])
