"""Expressions: `{{ }}` inside the strings of a step, evaluated by minijinja over `input`, `steps`, `event` and `run`.

A string that is exactly one expression keeps the value's type; any other string is text. What an author could do harm with is
refused when the plan is saved: calling methods (the values are live Python objects: `input.clear()`), filters that make
much out of little, and multiplying anything but numbers (`'a' * 1000000000`). Fuel bounds the work of one evaluation, but a
filter counts as one instruction however long its list: so what runs over lists (`map`, `select` …) is bounded by its words.
"""

import functools
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec
from minijinja import Environment, TemplateError

from vivesphere.kernel.bus.messages import JSON
from vivesphere.kernel.field_errors import escaped
from vivesphere.modules.plans.engine.tokens import Kind, Token, Unreadable, closing, words

FUEL = 300
"""Instructions of minijinja's machine for one evaluation. There are no loops, so this is a bound on how much is written."""

LONGEST_EXPRESSION = 1_000
DEEPEST_NESTING = 8
LARGEST_RESULT = 1_000_000
"""Characters in a string that an expression makes."""

LARGEST_STEP = 4_000_000
"""Bytes of JSON that all the expressions of one step make together."""

ROOTS = ("input", "steps", "event", "run")
_FUNCTIONS = frozenset({"range", "dict"})
_FILTERS = frozenset(
    {
        *("abs", "bool", "capitalize", "chain", "count", "d", "default", "dictsort", "filesizeformat", "first", "float"),
        *("groupby", "int", "items", "join", "last", "length", "lines", "list", "lower", "map", "max", "min", "pluralize"),
        *("reject", "rejectattr", "replace", "reverse", "round", "select", "selectattr", "sort", "split", "string"),
        *("striptags", "sum", "title", "tojson", "trim", "truncate", "unique", "upper", "urlencode", "zip"),
    }
)
_EACH = frozenset(
    {
        *("abs", "bool", "capitalize", "count", "first", "float", "int", "last", "length", "lower", "max", "min", "reverse"),
        *("round", "sort", "string", "sum", "title", "trim", "unique", "upper"),
    }
)
"""What `map` may apply: it makes about as much of each item as there was, so it takes no arguments."""
_CHOOSING = {"select": 0, "reject": 0, "selectattr": 1, "rejectattr": 1}
"""Filters that run a test over a list, and how many arguments stand before the test's name."""
_REMOVED = ("attr", "batch", "format", "indent", "pprint", "safe", "escape", "e", "slice", "wordwrap")
_KEYWORDS = frozenset({"and", "or", "not", "in", "is", "if", "else", "true", "false", "none", "True", "False", "None"})
_ARITHMETIC = frozenset({"+", "-", "*", "/", "//", "%", "**", "(", ")", "."})


class ExpressionInvalid(Exception):
    """An expression that cannot be saved; the message is the finding."""


class ExpressionFailed(Exception):
    """An expression that could not be evaluated in this run; the message says which and why."""


class Expression(msgspec.Struct, frozen=True):
    """`steps` are the ids it refers to; `factors` the dotted names that must be numbers because it multiplies."""

    source: str
    steps: frozenset[str]
    factors: tuple[str, ...] = ()


class Text(msgspec.Struct, frozen=True):
    """A string with expressions in it: its parts in order."""

    parts: tuple[str | Expression, ...]

    @property
    def sole(self) -> Expression | None:
        """The expression, if the string is nothing else."""
        return self.parts[0] if len(self.parts) == 1 and isinstance(self.parts[0], Expression) else None


@functools.lru_cache(maxsize=4096)
def parse(text: str) -> Text:
    """The parts of a string. Raises ExpressionInvalid."""
    parts: list[str | Expression] = []
    position = 0
    while (opened := text.find("{{", position)) >= 0:
        if opened > position:
            parts.append(text[position:opened])
        try:
            closed = closing(text, opened + 2)
        except Unreadable as error:
            raise ExpressionInvalid(f"{_shown(text[opened:])} does not parse: {error}") from None
        parts.append(_expression(text[opened + 2 : closed].strip()))
        position = closed + 2
    if position < len(text) or not parts:
        parts.append(text[position:])
    return Text(tuple(parts))


def render(value: JSON, context: Mapping[str, Any]) -> JSON:
    """`value` with every expression in its strings evaluated; dicts and lists are walked. Raises ExpressionFailed."""
    return _Rendering(context).value(value)


class _Rendering:
    """One step's strings, and how much its expressions have made so far: there may be thousands of them."""

    def __init__(self, context: Mapping[str, Any]) -> None:
        self._context = context
        self._made = 0

    def value(self, value: JSON) -> JSON:
        match value:
            case str():
                return self._text(value) if "{{" in value else value
            case dict():
                return {key: self.value(inner) for key, inner in value.items()}
            case list():
                return [self.value(inner) for inner in value]
            case _:
                return value

    def _text(self, text: str) -> JSON:
        try:
            parsed = parse(text)
        except ExpressionInvalid as error:
            raise ExpressionFailed(str(error)) from None
        if (sole := parsed.sole) is not None:
            return self._evaluate(sole)
        made = "".join(part if isinstance(part, str) else as_text(self._evaluate(part)) for part in parsed.parts)
        if len(made) > LARGEST_RESULT:
            raise ExpressionFailed(f"the text made from {_shown(text)} has more than {LARGEST_RESULT} characters")
        return made

    def _evaluate(self, expression: Expression) -> JSON:
        written = _evaluate(expression, self._context)
        self._made += len(written)
        if self._made > LARGEST_STEP:
            raise ExpressionFailed(
                f"the expressions of this step make more than {LARGEST_STEP} bytes, with {_shown(expression.source)}"
            )
        copied: JSON = msgspec.json.decode(written)
        if isinstance(copied, str) and len(copied) > LARGEST_RESULT:
            raise ExpressionFailed(f"{_shown(expression.source)} makes more than {LARGEST_RESULT} characters")
        return copied


def strings(value: JSON, pointer: str) -> Iterator[tuple[str, str]]:
    """Every string inside `value` that holds an expression, with its JSON pointer."""
    match value:
        case str():
            if "{{" in value:
                yield pointer, value
        case dict():
            for key, inner in value.items():
                yield from strings(inner, f"{pointer}/{escaped(key)}")
        case list():
            for index, inner in enumerate(value):
                yield from strings(inner, f"{pointer}/{index}")
        case _:
            pass


def as_text(value: JSON) -> str:
    """Strings as they are, everything else as JSON: what a reader of the text expects instead of Python's spelling."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _evaluate(expression: Expression, context: Mapping[str, Any]) -> bytes:
    """The value as JSON, which shares nothing with the context; minijinja's marked-up strings become plain ones."""
    for name in expression.factors:
        _check_number(expression, name, context)
    try:
        value = _environment.eval_expr(expression.source, **context)
        if value is None and _environment.eval_expr(f"({expression.source}) is undefined", **context):
            raise ExpressionFailed(f"{_shown(expression.source)} is undefined")
        return msgspec.json.encode(value, enc_hook=_unknown)
    except TemplateError as error:
        reason = str(error.message).partition(" (in <expression>")[0]
        raise ExpressionFailed(f"{_shown(expression.source)} cannot be evaluated: {reason}") from None
    except (_TooLarge, TypeError, ValueError, OverflowError) as error:
        raise ExpressionFailed(f"{_shown(expression.source)} cannot be evaluated: {error}") from None


def _unknown(value: object) -> JSON:
    if isinstance(value, str):
        return str.__str__(value)
    raise TypeError(f"a {type(value).__name__} is not a JSON value")


def _check_number(expression: Expression, name: str, context: Mapping[str, Any]) -> None:
    value: Any = context
    for token in name.split("."):
        value = value.get(token) if isinstance(value, dict) else None
    if not isinstance(value, int | float):
        raise ExpressionFailed(f"{_shown(expression.source)} multiplies, but {name} is not a number")


def _expression(source: str) -> Expression:
    if not source:
        raise ExpressionInvalid("'{{ }}' is empty; write what it stands for, or the text {{ '{{' }} for two braces")
    if len(source) > LONGEST_EXPRESSION:
        raise ExpressionInvalid(f"{_shown(source)} has more than {LONGEST_EXPRESSION} characters")
    try:
        tokens = list(words(source))
        _environment.undeclared_variables_in_str(f"{{{{ ({source}) }}}}")
    except TemplateError as error:
        reason = error.detail or error.message
        raise ExpressionInvalid(f"{_shown(source)} does not parse: {reason}") from None
    _check_words(source, tokens)
    steps = frozenset(_steps(source, tokens))
    multiplies = any(token.kind is Kind.SIGN and token.text in ("*", "**") for token in tokens)
    return Expression(source, steps, tuple(_factors(source, tokens)) if multiplies else ())


def _check_words(source: str, tokens: list[Token]) -> None:
    depth = 0
    for index, token in enumerate(tokens):
        before = tokens[index - 1].text if index else ""
        if token.text in ("(", "[", "{") and token.kind is Kind.SIGN:
            depth += 1
            if depth > DEEPEST_NESTING:
                raise ExpressionInvalid(f"{_shown(source)} nests brackets more than {DEEPEST_NESTING} deep")
            if token.text == "(" and (before in (")", "]", "}") or _is_method(tokens, index)):
                raise ExpressionInvalid(f"{_shown(source)} calls a method, which expressions cannot; use a filter")
        elif token.text in (")", "]", "}") and token.kind is Kind.SIGN:
            depth -= 1
        elif token.kind is Kind.NAME:
            _check_name(source, tokens, index)


def _is_method(tokens: list[Token], index: int) -> bool:
    return index >= 2 and tokens[index - 1].kind is Kind.NAME and tokens[index - 2].text == "."


def _check_name(source: str, tokens: list[Token], index: int) -> None:
    name = tokens[index].text
    earlier = [token.text for token in tokens[max(index - 2, 0) : index]]
    after = tokens[index + 1].text if index + 1 < len(tokens) else ""
    if earlier[-1:] == ["|"]:
        if name not in _FILTERS:
            raise ExpressionInvalid(f"{_shown(source)} uses the filter {name}, which does not exist here")
        _check_each(source, name, tokens[index + 1 :])
    elif name in _KEYWORDS or after == "=" or earlier[-1:] in (["."], ["is"]) or earlier == ["is", "not"]:
        return
    elif after == "(":
        if name not in _FUNCTIONS:
            raise ExpressionInvalid(f"{_shown(source)} calls {name}(), which does not exist here")
    elif name not in ROOTS:
        raise ExpressionInvalid(f"{_shown(source)} uses {name}, which is unknown; there are {', '.join(ROOTS)}")


def _check_each(source: str, name: str, following: list[Token]) -> None:
    """What runs over a list, by its words: once for each item, `replace` would make gigabytes, and `in` take hours."""
    words = [token.text for token in following]
    plain = [token.text[1:-1] if token.kind is Kind.STRING else "" for token in following]
    if name == "map":
        each = words[:1] == ["("] and words[2:3] == [")"] and plain[1] in _EACH
        attribute = words[1:3] == ["attribute", "="] and words[4:5] == [")"] and plain[3]
        if not (each or attribute):
            known = ", ".join(sorted(_EACH))
            raise ExpressionInvalid(f"{_shown(source)} must say map(attribute='…') or map('…') with one of {known}")
    elif name in _CHOOSING and words[:1] == ["("]:
        names = plain[1 : 2 * _CHOOSING[name] + 2 : 2]
        if not all(re.fullmatch(r"[\w.]+", each) for each in names) or "in" in names[_CHOOSING[name] :]:
            raise ExpressionInvalid(
                f"{_shown(source)} must name its test plainly, as select('gt', 5); there is no test 'in' here"
            )


def _steps(source: str, tokens: list[Token]) -> Iterator[str]:
    for index, token in enumerate(tokens):
        if token.kind is not Kind.NAME or token.text != "steps" or (index and tokens[index - 1].text in (".", "|", "is")):
            continue
        following = [each.text for each in tokens[index + 1 : index + 4]]
        if following[:1] == ["."] and len(following) > 1:
            yield following[1]
        elif following[:1] == ["["] and following[2:] == ["]"] and tokens[index + 2].kind is Kind.STRING:
            yield following[1][1:-1]
        else:
            raise ExpressionInvalid(f"{_shown(source)} must name the step it means: steps.<id>.result")


def _factors(source: str, tokens: list[Token]) -> Iterable[str]:
    if any(token.kind is Kind.STRING or (token.kind is Kind.SIGN and token.text not in _ARITHMETIC) for token in tokens):
        raise ExpressionInvalid(f"{_shown(source)} multiplies; that is for numbers and names of numbers only")
    return sorted(_environment.undeclared_variables_in_str(f"{{{{ {source} }}}}", nested=True))


def _shown(source: str) -> str:
    return repr(source if len(source) <= 80 else source[:77] + "…")


class _TooLarge(Exception):
    pass


def _bounded(text: str) -> str:
    if len(text) > LARGEST_RESULT:
        raise _TooLarge(f"it makes more than {LARGEST_RESULT} characters")
    return text


def _replace(text: object, old: str, new: str) -> str:
    whole = str(text)
    if len(whole) + whole.count(old) * len(new) > LARGEST_RESULT:
        raise _TooLarge(f"it makes more than {LARGEST_RESULT} characters")
    return whole.replace(old, new)


def _join(value: Iterable[object], separator: str = "") -> str:
    parts: list[str] = []
    length = 0
    for part in value:
        parts.append(part if isinstance(part, str) else _to_json(part))
        length += len(parts[-1]) + len(separator)
        if length > LARGEST_RESULT + len(separator):
            raise _TooLarge(f"it makes more than {LARGEST_RESULT} characters")
    return separator.join(parts)


def _to_json(value: object) -> str:
    return _bounded(msgspec.json.encode(value, enc_hook=_unknown).decode())


def _make_environment() -> Environment:
    made = Environment(undefined_behavior="strict", fuel=FUEL, debug=False, pycompat=False)
    for name in _REMOVED:
        made.remove_filter(name)
    for name in ("debug", "cycler", "joiner", "namespace"):
        made.remove_global(name)
    made.add_filter("replace", _replace)
    made.add_filter("join", _join)
    made.add_filter("tojson", _to_json)
    return made


_environment = _make_environment()
