from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict, Field

from tidemark.config.files.modelfile import build
from tidemark.config.files.yamltext import parse


class Leaf(BaseModel):
    size: int = 0
    kind: str | None = None


class Tree(BaseModel):
    model_config = ConfigDict(extra="forbid")

    leaf: Leaf | None = None
    leaves: list[Leaf] = []
    by_name: dict[str, Leaf] = {}
    either: Leaf | list[Leaf] | None = None
    renamed: str | None = Field(default=None, alias="as")
    free: dict[str, object] = {}


def findings(tmp_path: Path, text: str) -> tuple[Tree | None, list[str]]:
    path = tmp_path / "tree.yaml"
    path.write_text(text, encoding="utf-8")
    tree, found = build(parse(path), Tree)
    return tree, [f"{each.line}: {each.message} → {each.fix}" for each in found]


def test_a_document_that_fits_is_a_model(tmp_path: Path) -> None:
    tree, found = findings(tmp_path, "leaf: {size: 1}\nby_name: {a: {size: 2}}\nas: x\nfree: {any: {thing: 1}}\n")
    assert found == []
    assert tree == Tree.model_validate(
        {"leaf": {"size": 1}, "by_name": {"a": {"size": 2}}, "as": "x", "free": {"any": {"thing": 1}}}
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("leaf:\n  sise: 1\n", "2: unknown key `sise` → did you mean `size`?"),
        ("leaves:\n  - size: 1\n  - kin: x\n", "3: unknown key `kin` → did you mean `kind`?"),
        ("by_name:\n  a:\n    sized: 1\n", "3: unknown key `sized` → did you mean `size`?"),
        ("either:\n  - sizes: 1\n", "2: unknown key `sizes` → did you mean `size`?"),
        ("either:\n  sizes: 1\n", "2: unknown key `sizes` → did you mean `size`?"),
        ("renamed: x\n", "1: unknown key `renamed` → use one of: as, by_name, either, free, leaf, leaves"),
        ("leaves:\n  - size: big\n", "2: `leaves.0.size`: Input should be a valid integer"),
        ("leaf: {size: 1, size: 2}\n", "1: key `size` is here twice (first on line 1) → remove one of them"),
    ],
)
def test_what_does_not_fit_is_found_at_any_depth(tmp_path: Path, text: str, expected: str) -> None:
    _, found = findings(tmp_path, text)
    assert [each for each in found if each.startswith(expected)] == found
    assert len(found) == 1


def test_keys_below_free_values_are_not_judged(tmp_path: Path) -> None:
    _, found = findings(tmp_path, "free: {siez: {kin: 1}}\n")
    assert found == []
