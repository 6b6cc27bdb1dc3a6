"""What stands between `{{` and `}}`."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivesphere.modules.plans.engine.expressions import (
    FUEL,
    LARGEST_RESULT,
    LONGEST_EXPRESSION,
    ExpressionFailed,
    ExpressionInvalid,
    parse,
    render,
    strings,
)

CONTEXT: dict[str, Any] = {
    "input": {"n": 3, "half": 0.5, "word": "abc", "list": [1, 2], "none": None, "yes": True, "long": "x" * 2_000},
    "steps": {"one": {"result": {"k": [1]}}, "two-three": {"result": "hyphen"}},
    "event": None,
    "run": {"id": "r"},
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain", "plain"),
        ("", ""),
        ("{{ input.n }}", 3),
        ("{{input.list}}", [1, 2]),
        ("{{ input.yes }}", True),
        ("{{ input.none }}", None),
        ("{{ event }}", None),
        ("{{ steps.one.result }}", {"k": [1]}),
        ("{{ steps['two-three'].result }}", "hyphen"),
        ("{{ steps.one.result.k[0] + 1 }}", 2),
        (" {{ input.n }}", " 3"),
        ("{{ input.n }}{{ input.word }}", "3abc"),
        ("{{ input.list }} {{ input.none }} {{ input.yes }}", "[1,2] null true"),
        ("{{ '}}' }}", "}}"),
        ('{{ "it\'s" }}', "it's"),
        ("{{ {'a': {'b': 1}}.a }}", {"b": 1}),
        ("{{ (1, 2) }}", [1, 2]),
        ("{% if %} {# no #}", "{% if %} {# no #}"),
        ("a }} b", "a }} b"),
        ("{{ input.missing | default('there') }}", "there"),
        ("{{ input.missing is defined }}", False),
        ("{{ input.n * 2 + 1 }}", 7),
        ("{{ 2 ** 10 }}", 1024),
        ("{{ input.half * input.n }}", 1.5),
        ("{{ input.word | upper }}", "ABC"),
        ("{{ input.word | replace('b', 'xx') }}", "axxc"),
        ("{{ input.list | tojson }}", "[1,2]"),
        ("{{ input.list | join(', ') }}", "1, 2"),
        ("{{ input.word | join('-') }}", "a-b-c"),
        ("{{ ['a', none, true] | join }}", "anulltrue"),
        ("{{ [{'k': 1}, {'k': 2}] | map(attribute='k') | sum }}", 3),
        ("{{ ['a', 'b'] | map('upper') | list }}", ["A", "B"]),
        ("{{ [1, 2, 3] | select('gt', input.list[0]) | list }}", [2, 3]),
        ("{{ [{'k': 1}, {'k': 2}] | selectattr('k', 'eq', 2) | list | length }}", 1),
        ("{{ [0, 1] | select | list }}", [1]),
        ("{{ input.n if input.yes else 0 }}", 3),
        ("{{ 'yes' if not (input.none) else 'no' }}", "yes"),
        ("{{ input.n in [1, 3] and not input.none }}", True),
        ("{{ range(3) }}", [0, 1, 2]),
        ("{{ run.id }}", "r"),
    ],
)
def test_what_expressions_give(text: str, value: Any) -> None:
    assert render(text, CONTEXT) == value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{{ input.n", "'{{' is never closed with '}}'"),
        ("{{ 'a }}", "a quotation mark is never closed"),
        ("{{ input.n ? }}", "'?' means nothing here"),
        ("{{ }}", "'{{ }}' is empty"),
        ("{{ input.n + }}", "does not parse: unexpected"),
        ("{{ a b }}", "does not parse"),
        ("{{ inptu.n }}", "uses inptu, which is unknown; there are input, steps, event, run"),
        ("{{ not inptu }}", "uses inptu, which is unknown"),
        ("{{ input.word.upper() }}", "calls a method"),
        ("{{ input.clear() }}", "calls a method"),
        ("{{ input['clear']() }}", "calls a method"),
        ("{{ (input.clear)() }}", "calls a method"),
        ("{{ debug() }}", "calls debug(), which does not exist here"),
        ("{{ input | attr('clear') }}", "uses the filter attr, which does not exist here"),
        ("{{ 'a' | indent(1000000000) }}", "uses the filter indent"),
        ("{{ 'a' * 1000000000 }}", "multiplies; that is for numbers"),
        ("{{ [1] * 1000000000 }}", "multiplies; that is for numbers"),
        ("{{ steps }}", "must name the step it means"),
        ("{{ steps[input.word] }}", "must name the step it means"),
        ("{{ steps | length }}", "must name the step it means"),
        ("{{ " + "(" * 9 + "1" + ")" * 9 + " }}", "nests brackets more than 8 deep"),
        ("{{ '" + "a" * LONGEST_EXPRESSION + "' }}", f"has more than {LONGEST_EXPRESSION} characters"),
        ("{{ input.list | map('indent', 9) | list }}", "must say map"),
        ("{{ input.list | map('replace', '1', input.long) | list }}", "must say map"),
        ("{{ input.list | map(attribute='k', default=input.long) | list }}", "must say map"),
        ("{{ input.list | map(input.word) | list }}", "must say map"),
        ("{{ input.list | map }}", "must say map"),
        ("{{ input.list | select('in', input.list) | list }}", "no test 'in'"),
        ("{{ input.list | select(input.word, input.list) | list }}", "no test 'in'"),
        ("{{ input.list | rejectattr('k', 'in', input.list) | list }}", "no test 'in'"),
        ("{{ input.list | select('\\x69n', input.list) | list }}", "no test 'in'"),
    ],
)
def test_what_cannot_be_saved(text: str, said: str) -> None:
    with pytest.raises(ExpressionInvalid) as refused:
        parse(text)
    assert said in str(refused.value)
    with pytest.raises(ExpressionFailed):
        render(text, CONTEXT)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{{ input.missing }}", "'input.missing' is undefined"),
        ("{{ event.kind }}", "'event.kind' is undefined"),
        ("{{ input.missing.more }}", "undefined"),
        ("{{ 1 / 0 }}", "unable to calculate 1 / 0"),
        ("{{ input.word * 1000000000 }}", "multiplies, but input.word is not a number"),
        ("{{ input.nothing * 2 }}", "multiplies, but input.nothing is not a number"),
        ("{{ input.clear }}", "is not a JSON value"),
        ("{{ input.long | replace('x', input.long) }}", f"makes more than {LARGEST_RESULT} characters"),
        ("{{ range(5000) | map('upper') | map('lower') | join(input.long) }}", "makes more than"),
        ("{{ range(5000) | join(input.long) }}", "makes more than"),
        ("{{ input.n | join }}", "not iterable"),
        ("{{ range(9000) | list | tojson | list | tojson | list | tojson | list | tojson }}", "makes more than"),
    ],
)
def test_what_fails_in_a_run(text: str, said: str) -> None:
    with pytest.raises(ExpressionFailed) as failed:
        render(text, CONTEXT)
    assert said in str(failed.value)


def test_work_is_bounded_by_fuel() -> None:
    with pytest.raises(ExpressionFailed, match="ran out of fuel"):
        render("{{ " + "+".join("input.n" for _ in range(FUEL // 3 + 5)) + " }}", CONTEXT)


def test_the_expressions_of_a_step_are_bounded_together() -> None:
    with pytest.raises(ExpressionFailed, match="of this step make more than"):
        render(["{{ input.long }}"] * 2001, CONTEXT)


def test_a_text_made_of_expressions_is_bounded_too() -> None:
    with pytest.raises(ExpressionFailed, match="has more than 1000000 characters"):
        render("{{ input.long }}" * 501, CONTEXT)


def test_an_expression_cannot_reach_what_the_run_remembers() -> None:
    given = {"input": {"list": [1]}}
    copied = render("{{ input.list }}", given)
    assert isinstance(copied, list)
    copied.append(2)
    assert given == {"input": {"list": [1]}}


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_values_without_expressions_stay_as_they_are(value: Any) -> None:
    if not list(strings(value, "")):
        assert render(value, CONTEXT) == value


@given(st.text(alphabet="{}'\"ab. |[]()*+%#-~\\\n1"))
def test_no_text_breaks_the_parser(text: str) -> None:
    try:
        parsed = parse(text)
    except ExpressionInvalid:
        return
    assert parsed.parts


def test_strings_are_found_by_pointer() -> None:
    value = {"a/b": ["{{ 1 }}", "no"], "~": {"c": "x {{ 2 }}"}, "n": 1}
    assert list(strings(value, "/x")) == [("/x/a~1b/0", "{{ 1 }}"), ("/x/~0/c", "x {{ 2 }}")]
