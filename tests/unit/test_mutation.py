"""The faults that are put into code: each is one, and what only people read has none."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.mutation.mutants import mutants
from tests.support.mutation.results import Result, Results, report, share


def faults(source: str) -> set[str]:
    return {mutant.put_into(source) for mutant in mutants(source)}


@pytest.mark.parametrize(
    ("source", "faulty"),
    [
        ("x = a < b", {"x = (a <= b)"}),
        ("x = a == 1", {"x = (a != 1)", "x = a == 2"}),
        ("x = a and b", {"x = (a or b)"}),
        ("x = ~a", {"x = (a)"}),
        ("x = a & b", {"x = (a | b)"}),
        ("x = True", {"x = False"}),
        ("x = f.isNull()", {"x = (f).isNotNull()"}),
        ("j(how='left_anti')", {"j(how='left_semi')", "pass"}),
        ("if a:\n    x = b", {"if (not (a)):\n    x = b"}),
        ("x = [a for a in b if c]", {"x = [a for a in b if True]"}),
        ("def f():\n    return g", {"def f():\n    return None"}),
        ("é = 'ü'; x = a < b", {"é = 'ü'; x = (a <= b)"}),
    ],
)
def test_a_fault_is_one_change(source: str, faulty: set[str]) -> None:
    assert faults(source) == faulty


@pytest.mark.parametrize(
    "source",
    [
        "def f(a: int | None = None) -> X | Y: ...",
        "raise E('a' + b)",
        "log.info('x', 1 + 1)",
        "if TYPE_CHECKING:\n    from a import b",
        "x = isinstance(a, B | C)",
        "class A(B):\n    '''1 < 2'''",
    ],
)
def test_what_only_people_read_has_none(source: str) -> None:
    assert faults(source) == set()


def test_every_file_stays_python_with_any_fault() -> None:
    root = Path(__file__).parents[2]
    for file in sorted((root / "src/tidemark/control").glob("*.py")):
        source = file.read_text("utf-8")
        for mutant in mutants(source):
            ast.parse(mutant.put_into(source))
            assert mutant.put_into(source) != source


def test_names_stay_when_lines_move_and_are_told_apart() -> None:
    source = "def f(a):\n    return a < 1 or a < 1"
    names = [mutant.name for mutant in mutants(source)]
    assert len(set(names)) == len(names)
    assert [mutant.name for mutant in mutants(f"import x\n\n\n{source}")] == names


RESULT = Result("a.py", "f:1#0", 3, "a < b → a <= b", "killed", source="s1", tests="t1", by="FAILED test_a")


def test_what_was_noticed_holds_until_its_file_changes_what_survived_until_a_test_does(tmp_path: Path) -> None:
    results = Results(tmp_path / "results.jsonl")
    results.add(RESULT)
    results.add(replace(RESULT, name="f:2#0", outcome="survived"))
    again = Results(tmp_path / "results.jsonl")
    assert again.still_holds("a.py", "f:1#0", "s1", "t2") == RESULT
    assert again.still_holds("a.py", "f:1#0", "s2", "t1") is None
    assert again.still_holds("a.py", "f:2#0", "s1", "t2") is None
    assert again.still_holds("a.py", "f:2#0", "s1", "t1") is not None


def test_the_report_counts_and_names_what_is_left() -> None:
    text = report([RESULT, replace(RESULT, name="f:2#0", outcome="survived"), replace(RESULT, outcome="unreached")])
    assert "| `a.py` | 3 | 1 | 0 | 2 | 33 % |" in text
    assert "- `a.py:3` survived: `a < b → a <= b` (f:2#0)" in text


def test_a_share_is_of_the_faults_that_nobody_has_explained(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    explained = tmp_path / "explained.yaml"
    explained.write_text("a.py: {'f:2#0': it only chooses the order of a log}\n", encoding="utf-8")
    monkeypatch.setattr("tests.support.mutation.results.EXPLAINED", explained)
    others = [replace(RESULT, name=f"f:{number}#0", outcome="survived") for number in (2, 3)]

    assert share([RESULT, *others]) == 50
    assert share([RESULT, others[0]]) == 100
    assert share([]) == 100
