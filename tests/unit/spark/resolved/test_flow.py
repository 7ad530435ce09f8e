"""Plans as Spark writes them, of operators and expressions that are known, and of others."""

from __future__ import annotations

from typing import Any

import pytest

from tidemark.spark.resolved.flow import Flow
from tidemark.spark.resolved.nodes import Node

PACKAGE = "org.apache.spark.sql.catalyst"
EMAIL, CITY, PAGE = 1, 2, 3
OF_EMAIL, OF_ANY = frozenset({("people", "email")}), frozenset({("people", "email"), ("people", "phone")})


def expression(name: str, *parts: list[Node], **fields: Any) -> list[Node]:
    """An expression over others, as the list of its nodes."""
    node = {"class": f"{PACKAGE}.expressions.{name}", "num-children": len(parts)} | fields
    return [node, *(each for part in parts for each in part)]


def column(number: int) -> list[Node]:
    return expression("AttributeReference", exprId={"id": number})


def named(number: int, value: list[Node]) -> list[Node]:
    return expression("Alias", value, child=0, exprId={"id": number})


def plan(name: str, *children: list[Node], **fields: Any) -> list[Node]:
    """An operator over others, as the list of its nodes."""
    node = {"class": f"{PACKAGE}.plans.logical.{name}", "num-children": len(children)} | fields
    return [node, *(each for child in children for each in child)]


def select(child: list[Node], *expressions: list[Node]) -> list[Node]:
    return plan("Project", child, projectList=list(expressions))


PEOPLE = plan("CTERelationRef", cteId=7, output=[column(EMAIL), column(CITY)])
ONE = plan("OneRowRelation")


def given(of: list[Node], width: int = 1) -> list[frozenset[tuple[str, str]]]:
    return Flow(OF_ANY, {7: [OF_EMAIL, frozenset()]}).given(of, width)


def test_columns_are_followed_by_their_numbers() -> None:
    renamed = plan("SubqueryAlias", select(PEOPLE, named(8, column(EMAIL)), named(9, column(CITY))))
    assert given(select(renamed, column(9), column(8)), 2) == [frozenset(), OF_EMAIL]


def test_an_operator_that_is_not_known_may_give_everything() -> None:
    assert given(plan("Mystery", select(PEOPLE, column(CITY)))) == [OF_ANY]
    assert given(select(plan("Mystery", PEOPLE), column(CITY))) == [OF_ANY]
    assert given(plan("Mystery")) == [OF_ANY]


def test_an_operator_of_another_house_is_none_of_sparks() -> None:
    other = [{"class": "com.example.Distinct", "num-children": 1}, *select(PEOPLE, column(CITY))]
    assert given(other) == [OF_ANY]


def test_an_expression_that_is_not_known_carries_what_its_parts_do() -> None:
    assert given(select(PEOPLE, named(8, expression("Mystery", column(CITY), column(EMAIL))))) == [OF_EMAIL]
    assert given(select(PEOPLE, named(8, expression("Mystery", column(CITY))))) == [frozenset()]


def test_an_expression_with_others_that_are_not_among_its_children_may_carry_everything() -> None:
    hiding = expression("Mystery", column(CITY), child=0, inside=column(EMAIL))
    assert given(select(PEOPLE, named(8, hiding))) == [OF_ANY]
    optional = expression("Mystery", column(CITY), column(CITY), child=0, option=column(CITY))
    assert given(select(PEOPLE, named(8, optional))) == [frozenset()]


@pytest.mark.parametrize("name", ["ScalarSubquery", "TableArgument"])
def test_a_query_in_an_expression_is_asked_or_may_carry_everything(name: str) -> None:
    asked = given(select(ONE, named(8, expression(name, plan=select(PEOPLE, column(EMAIL))))))
    assert asked == [OF_EMAIL if name == "ScalarSubquery" else OF_ANY]


def test_a_number_that_nothing_explains_may_be_everything() -> None:
    assert given(select(PEOPLE, column(99))) == [OF_ANY]
    assert given(select(ONE, expression("OuterReference", e=column(EMAIL)))) == [OF_ANY]


def test_a_name_of_a_with_that_nobody_wrote_may_be_everything() -> None:
    assert given(plan("CTERelationRef", cteId=99, output=[column(PAGE)])) == [OF_ANY]
    assert given(plan("UnionLoopRef", loopId=99, output=[column(PAGE)])) == [OF_ANY]


def test_what_does_not_fit_in_its_place_may_be_everything() -> None:
    assert given(select(PEOPLE, column(CITY)), width=2) == [OF_ANY, OF_ANY]
    uneven = plan("Union", select(PEOPLE, column(CITY)), PEOPLE)
    assert given(uneven) == [OF_ANY]
    assert given(plan("Project", PEOPLE)) == [OF_ANY]
    assert given(plan("Expand", PEOPLE, projections=[[column(CITY)]], output=[])) == [OF_ANY]


def test_an_outer_column_is_that_of_any_query_around() -> None:
    asked = select(ONE, expression("OuterReference", e=column(EMAIL)))
    inner = select(ONE, named(8, expression("ScalarSubquery", plan=asked)))
    assert given(select(PEOPLE, named(9, expression("ScalarSubquery", plan=inner)))) == [OF_EMAIL]


def test_a_recursive_query_is_asked_until_it_carries_no_more() -> None:
    again = plan("UnionLoopRef", loopId=1, output=[column(21), column(22), column(23)])
    anchor = select(PEOPLE, column(EMAIL), column(CITY), named(12, column(CITY)))
    recursion = select(again, column(21), column(21), column(22))
    loop = plan("UnionLoop", anchor, recursion, id=1, outputAttrIds=[{"id": 31}, {"id": 32}, {"id": 33}])
    assert given(select(loop, column(33))) == [OF_EMAIL]


def test_plans_too_deep_to_be_followed_may_give_everything() -> None:
    deep = select(PEOPLE, column(CITY))
    for _ in range(3000):
        deep = plan("Filter", deep)
    assert given(deep) == [OF_ANY]
