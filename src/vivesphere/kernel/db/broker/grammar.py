"""The grammar: which parts a statement may be made of, and which parts those may have. What is not on this page is refused.

The parser knows more than the databases do; a part or a detail that nobody thought of is therefore refused, not let through.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final

from sqlglot import exp

from vivesphere.kernel.db.broker.lexicon import TYPES, UNASKED
from vivesphere.kernel.db.broker.statement import refused
from vivesphere.kernel.db.errors import StatementRefused

DEEPEST = 100
"""Levels of the tree, as SQLite counts them for guests."""

LONGEST_NAME = 63

Part = exp.Expr

QUERIES: Final = (exp.Select, exp.Union, exp.Intersect, exp.Except)
WRITES: Final = (exp.Insert, exp.Update, exp.Delete)

_BOTH: Final = "this expression"
_SET: Final = "this expression distinct with_ order limit offset"

PARTS: Final[Mapping[type[exp.Expr], frozenset[str]]] = {
    kind: frozenset(details.split())
    for details, kinds in (
        ("with_ distinct expressions from_ joins where group having windows order limit offset", (exp.Select,)),
        (_SET, (exp.Union, exp.Intersect, exp.Except)),
        ("this alias", (exp.Subquery, exp.Table, exp.CTE, exp.Alias)),
        ("expressions recursive", (exp.With,)),
        ("this columns", (exp.TableAlias,)),
        ("this side kind on", (exp.Join,)),
        ("this", (exp.From, exp.Where, exp.Having, exp.Paren, exp.Not, exp.Neg, exp.Exists, exp.Boolean)),
        ("expressions", (exp.Group, exp.Order, exp.Tuple, exp.Values, exp.Returning, exp.Distinct)),
        ("expression", (exp.Limit, exp.Offset)),
        ("this desc nulls_first", (exp.Ordered,)),
        ("this table", (exp.Column,)),
        ("this is_string", (exp.Literal,)),
        ("this quoted", (exp.Identifier,)),
        ("this", (exp.Placeholder, exp.Var)),
        ("", (exp.Null, exp.Star, exp.RowNumber, exp.Rank, exp.DenseRank)),
        (_BOTH, (exp.Add, exp.Sub, exp.Mul, exp.Mod, exp.And, exp.Or, exp.Is, exp.NullSafeEQ, exp.NullSafeNEQ)),
        (_BOTH, (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Like, exp.Escape, exp.Filter)),
        (f"{_BOTH} typed safe", (exp.Div, exp.DPipe)),
        ("this low high", (exp.Between,)),
        ("this expressions query", (exp.In,)),
        ("this ifs default", (exp.Case,)),
        ("this true false", (exp.If,)),
        ("this to", (exp.Cast,)),
        ("this nested", (exp.DataType,)),
        ("this over alias partition_by order spec", (exp.Window,)),
        ("kind start start_side end end_side", (exp.WindowSpec,)),
        ("with_ this expression conflict returning default", (exp.Insert,)),
        ("this expressions", (exp.Schema,)),
        ("action expressions conflict_keys where", (exp.OnConflict,)),
        ("with_ this expressions from_ where returning", (exp.Update,)),
        ("with_ this where returning", (exp.Delete,)),
        (
            "this",
            (
                exp.Sum,
                exp.Avg,
                exp.Min,
                exp.Max,
                exp.Abs,
                exp.Lower,
                exp.Upper,
                exp.Length,
                exp.FirstValue,
                exp.LastValue,
                exp.Ntile,
            ),
        ),
        ("this big_int", (exp.Count,)),
        ("this expressions", (exp.Coalesce,)),
        (_BOTH, (exp.Nullif,)),
        ("this expression position", (exp.Trim,)),
        ("this start length", (exp.Substring,)),
        ("this expression replacement", (exp.Replace,)),
        ("this substr", (exp.StrPosition,)),
        ("this decimals", (exp.Round,)),
        ("this separator", (exp.GroupConcat,)),
        ("this offset default", (exp.Lag, exp.Lead)),
    )
    for kind in kinds
}
"""Each part of a statement, and the details it may have."""

_NUMBER = re.compile(r"(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?", re.IGNORECASE | re.ASCII)
_UNASKED = re.compile(rf"\b({'|'.join(sorted(UNASKED))})\b", re.IGNORECASE | re.ASCII)
_NAME = re.compile(r"[a-z_][a-z0-9_]*", re.ASCII)
_CAST_TO = frozenset({exp.DType.TEXT, exp.DType.INT, exp.DType.DOUBLE})

_CALLED: Final[Mapping[type[exp.Expr], tuple[str, str]]] = {
    exp.Greatest: ("max(", "takes one value here: compare with CASE"),
    exp.Least: ("min(", "takes one value here: compare with CASE"),
    exp.Concat: ("two texts in a row", "are no value: join them with ||"),
}
_DETAIL_CALLED: Final[Mapping[str, tuple[str, str]]] = {
    "db": ("a qualified name", "leads nowhere here: write the table's bare name"),
    "catalog": ("a qualified name", "leads nowhere here: write the table's bare name"),
    "into": ("SELECT INTO", "makes a table: tables are declared, not made by statements"),
    "materialized": ("MATERIALIZED", "is advice that our databases take differently: leave it out"),
}


def checked_root(root: Part | None) -> Part:
    """One of the statements that there are. Raises StatementRefused."""
    if not isinstance(root, (*QUERIES, *WRITES)):
        called = "the text" if root is None else root.key.upper()
        raise refused(called, "is not for SQL from outside: write one SELECT, INSERT, UPDATE or DELETE")
    return root


def parts_of(root: Part) -> list[Part]:
    """Every part of the statement, checked; a parent comes before its children. Raises StatementRefused."""
    found: list[exp.Expr] = []
    level: list[exp.Expr] = [root]
    for _ in range(DEEPEST):
        found += level
        level = [child for part in level for child in _children(part)]
        if not level:
            return found
    raise refused("the statement", f"goes deeper than {DEEPEST} levels: take it apart with WITH, or use IN")


def _children(part: exp.Expr) -> list[exp.Expr]:
    kind = type(part)
    allowed = PARTS.get(kind)
    if allowed is None:
        raise _unknown(part)
    children: list[exp.Expr] = []
    for detail, value in part.args.items():
        if value is None or value is False or value == []:
            continue
        if detail not in allowed:
            raise _unknown_detail(part, detail)
        if isinstance(value, list):
            children += value
        elif isinstance(value, exp.Expr):
            children.append(value)
    if rule := _RULES.get(kind):
        rule(part)
    return children


def _unknown(part: exp.Expr) -> StatementRefused:
    construct, sentence = _CALLED.get(type(part), (part.key.upper(), "is not among what the guide to SQL lists: do without it"))
    return refused(construct, sentence)


def _unknown_detail(part: exp.Expr, detail: str) -> StatementRefused:
    called = f"{part.key.upper()} … {detail.strip('_').upper()}"
    construct, sentence = _DETAIL_CALLED.get(detail, (called, "is not among what the guide to SQL lists: do without it"))
    return refused(construct, sentence)


def _identifier(part: exp.Expr) -> None:
    """Names are compared as SQLite does, without regard to case, so they are written small."""
    name = part.name.lower()
    if not _NAME.fullmatch(name) or len(name) > LONGEST_NAME:
        raise refused(part.name, f"is no name: names have letters of a to z, digits and _, at most {LONGEST_NAME}")
    part.set("this", name)


def _literal(part: exp.Expr) -> None:
    if part.is_string:
        if unasked := _UNASKED.search(part.name):
            raise refused(f"the word {unasked[0]!r} in a text", "looks like a join to the engine: give the text as a parameter")
    elif not _NUMBER.fullmatch(part.name):
        raise refused(part.name, "is no number: write it with digits, a point and an exponent")


def _below_top(part: exp.Expr) -> None:
    if part.parent is not None:
        raise refused(f"{part.key.upper()} inside a statement", "changes rows on the way: write it as a statement of its own")


def _values(part: exp.Expr) -> None:
    if not isinstance(part.parent, exp.Insert):
        raise refused("VALUES", "stands in INSERT only: write SELECT … UNION ALL SELECT …")


def _subquery(part: exp.Expr) -> None:
    if not isinstance(part.this, (*QUERIES, exp.Subquery)):
        raise refused("a table in parentheses", "is read differently by our databases: leave the parentheses out")


def _table(part: exp.Expr) -> None:
    if not isinstance(part.this, exp.Identifier):
        raise refused(part.this.key.upper(), "is no table: read from a table or a SELECT in parentheses")


def _alias(part: exp.Expr) -> None:
    if part.args.get("columns") and not isinstance(part.parent, exp.CTE):
        raise refused("column names behind an alias", "are PostgreSQL's alone: name the columns in the SELECT, or use WITH")


def _cast(part: exp.Expr) -> None:
    if part.args["to"].this not in _CAST_TO:
        raise refused("CAST", f"makes {', '.join(sorted(TYPES))}, and nothing else")


def _cte(part: exp.Expr) -> None:
    if not isinstance(part.this, QUERIES):
        raise refused("WITH", "names SELECTs only: change rows in a statement of its own")


_RULES: Final[Mapping[type[exp.Expr], Callable[[exp.Expr], None]]] = {
    exp.Identifier: _identifier,
    exp.Literal: _literal,
    exp.Insert: _below_top,
    exp.Update: _below_top,
    exp.Delete: _below_top,
    exp.Values: _values,
    exp.Subquery: _subquery,
    exp.Table: _table,
    exp.TableAlias: _alias,
    exp.Cast: _cast,
    exp.CTE: _cte,
}
