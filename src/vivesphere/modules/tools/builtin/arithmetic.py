"""Tools of the category `math`: one calculator, over a syntax tree in which only arithmetic is allowed."""

import ast
import math
import operator
from collections.abc import Callable, Mapping
from typing import Annotated

from msgspec import Meta

from vivesphere.sdk import PluginError, tool

LONGEST_EXPRESSION = 300
LARGEST_INTEGER = 2**1024
"""No integer on the way grows beyond it: a float cannot either."""

Number = int | float

_BINARY: Mapping[type[ast.operator], Callable[[Number, Number], Number]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_FUNCTIONS: Mapping[str, Callable[..., Number]] = {
    "abs": abs,
    "ceil": math.ceil,
    "cos": math.cos,
    "exp": math.exp,
    "floor": math.floor,
    "log": math.log,
    "log10": math.log10,
    "max": max,
    "min": min,
    "round": round,
    "sin": math.sin,
    "sqrt": math.sqrt,
    "tan": math.tan,
}
_CONSTANTS = {"pi": math.pi, "e": math.e}


@tool("math.evaluate")
def evaluate(
    expression: Annotated[str, Meta(min_length=1, max_length=LONGEST_EXPRESSION, description="2 * (3 + 4) ** 2, sqrt(2)")],
) -> Number:
    """Calculate: + - * / // % **, brackets, pi, e, and the functions abs, ceil, cos, exp, floor, log, log10, max, min, round,
    sin, sqrt, tan."""
    try:
        value = _value(ast.parse(expression.strip(), mode="eval").body)
    except (SyntaxError, MemoryError, RecursionError) as error:
        raise PluginError(f"{expression!r} is not an arithmetic expression.") from error
    except ZeroDivisionError as error:
        raise PluginError("That divides by zero.") from error
    except OverflowError as error:
        raise PluginError("The result is too large.") from error
    except (ValueError, TypeError) as error:
        raise PluginError(f"That cannot be calculated: {error}.") from error
    return value if isinstance(value, int) and abs(value) < 2**63 else _finite(float(value))


def _value(node: ast.expr) -> Number:
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return _bounded(number)
        case ast.Name(id=name) if name in _CONSTANTS:
            return _CONSTANTS[name]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _value(operand)
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            return _power(_value(left), _value(right))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
            return _bounded(_BINARY[type(op)](_value(left), _value(right)))
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in _FUNCTIONS:
            return _bounded(_FUNCTIONS[name](*(_value(each) for each in arguments)))
    raise PluginError(f"{ast.unparse(node)[:80]!r} is not allowed here: numbers, operators and the listed functions are.")


def _power(base: Number, exponent: Number) -> Number:
    """The result's size is known before the power is computed."""
    if isinstance(base, int) and isinstance(exponent, int) and exponent > 0 and base.bit_length() * exponent > 2048:
        raise OverflowError
    value = base**exponent
    if isinstance(value, complex):
        raise ValueError("a root of a negative number is not a real number")
    return _bounded(value)


def _bounded(value: Number) -> Number:
    if isinstance(value, int) and abs(value) >= LARGEST_INTEGER:
        raise OverflowError
    return value


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise PluginError("The result is not a finite number.")
    return value
