"""The rules as data: complete, in both languages, without a circle of causes, and documented."""

import ast
import re
from pathlib import Path

from gureum.debugger import rules
from gureum.debugger.finding import LANGUAGES, SEVERITIES, Rule
from gureum.debugger.judge import judge
from gureum.debugger.recording import Recording
from gureum.debugger.reference import rules_table
from gureum.debugger.registry import LIGHT, NAMES, RULES

FOLDER = Path(rules.__file__).parent
PAGE = Path(__file__).parents[3] / "docs" / "reference" / "debugger-rules.md"


def test_every_file_is_a_rule_and_every_rule_a_file():
    assert {path.stem for path in FOLDER.glob("*.py")} - {"__init__"} == set(NAMES)
    assert [rule.name for rule in RULES] == list(NAMES)


def test_every_rule_says_what_why_and_what_to_do():
    for rule in RULES:
        assert rule.severity in SEVERITIES, rule.name
        assert rule.source, rule.name
        assert rule.thresholds, rule.name
        for language in LANGUAGES:
            assert rule.title[language], rule.name
            assert rule.remedy[language], rule.name
        assert any("가" <= letter <= "힣" for letter in rule.title["ko"]), rule.name


def test_every_remedy_is_also_a_change_of_code_that_parses():
    for rule in RULES:
        assert rule.change is not None, rule.name
        for change in filter(None, (rule.change, rule.change_of_trees)):
            assert change.before != change.after, rule.name
            ast.parse(change.before, rule.name)
            ast.parse(change.after, rule.name)


def test_no_rule_that_is_asked_while_training_reads_the_rows():
    for rule in LIGHT:
        text = (FOLDER / f"{rule.name}.py").read_text()
        assert not re.search(r"\.table\b|\bbaseline\(", text), f"{rule.name} reads the rows: add it to OF_ROWS"


def test_causes_make_no_circle():
    causes = {rule.name: rule.explains for rule in RULES}

    def walk(name, path):
        assert name not in path, f"a circle: {' -> '.join((*path, name))}"
        for other in causes[name]:
            walk(other, (*path, name))

    for name, explained in causes.items():
        assert set(explained) <= set(NAMES), f"{name} explains what is no rule"
        assert len(set(explained)) == len(explained), f"{name} explains something twice"
        walk(name, ())


def test_a_rule_that_raises_is_noted_and_the_others_are_asked():
    def broken(_):
        raise ZeroDivisionError("no rows")

    def rule(name, check):
        texts = {"en": "x", "ko": "가"}
        return Rule(name=name, severity="error", title=texts, remedy=texts, source="s", thresholds={}, check=check)

    good = next(one for one in RULES if one.name == "nan_loss")
    recording = Recording()
    recording.loss(float("nan"))
    verdict = judge(recording, (rule("broken", broken), good))
    assert [one.rule for one in verdict.findings] == ["nan_loss"]
    assert verdict.troubles == ("broken: ZeroDivisionError: no rows",)


def test_the_reference_page_has_what_the_registry_has():
    assert rules_table() in PAGE.read_text(), (
        "docs/reference/debugger-rules.md is old: put reference.rules_table() into it"
    )
