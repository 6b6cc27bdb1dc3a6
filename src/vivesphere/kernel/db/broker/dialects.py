"""Writes a checked statement for the database at hand, so that it means the same on both."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from sqlglot import exp
from sqlglot.dialects.postgres import Postgres
from sqlglot.dialects.sqlite import SQLite
from sqlglot.errors import ErrorLevel, UnsupportedError

from vivesphere.kernel.db.broker.statement import Dialect, refused

_WHOLE = exp.DataType(this=exp.DType.BIGINT)


class _Sqlite(SQLite):
    """Names stand in backticks: SQLite takes a name in double quotes that nothing has for a text."""

    class Tokenizer(SQLite.Tokenizer):
        IDENTIFIERS = ["`", '"', ("[", "]")]  # noqa: RUF012 - sqlglot's metaclass reads a list


_DIALECTS: Final = {"sqlite": _Sqlite(), "postgresql": Postgres()}


def write(root: exp.Expr, parts: Sequence[exp.Expr], dialect: Dialect) -> str:
    """The statement's text. `parts` are all parts of `root`; they are changed."""
    rules = _RULES[dialect]
    for part in parts:
        if rule := rules.get(type(part)):
            rule(part)
    try:
        writer = _DIALECTS[dialect].generator(comments=False, identify=True, unsupported_level=ErrorLevel.RAISE)
        # A copy would cost as much as all the rest.
        text: str = writer.generate(root, copy=False)
    except UnsupportedError as error:
        raise refused("the statement", f"cannot be written for this database: {error}") from error
    return text


def _keys_of_conflict(part: exp.Expr) -> None:
    """They are columns, not an order; the parser reads them as one."""
    keys = [each.this if isinstance(each, exp.Ordered) else each for each in part.args.get("conflict_keys") or ()]
    part.set("conflict_keys", keys)


def _cast(part: exp.Expr) -> None:
    """A whole number has 64 bits."""
    if part.args["to"].this is exp.DType.INT:
        part.set("to", _WHOLE.copy())


def _returning(part: exp.Expr) -> None:
    """In RETURNING, SQLite knows the table neither by its alias nor otherwise: its columns stand alone."""
    assert part.parent is not None  # noqa: S101 - narrows the type; what returns is a statement
    target = part.parent.this.this if isinstance(part.parent.this, exp.Schema) else part.parent.this
    for column in part.find_all(exp.Column):
        if column.table == target.alias and column.find_ancestor(exp.Select) is None:
            column.set("table", None)


def _whole_rows(part: exp.Expr) -> None:
    """What is inserted names the tables its columns are of: SQLite copies a bare `*` without asking whose the table is."""
    select = part.parent
    if not isinstance(select, exp.Select) or select.find_ancestor(exp.Insert) is None:
        return
    sources = [each.this for each in (select.args.get("from_"), *(select.args.get("joins") or ())) if each is not None]
    if sources and all(each.alias_or_name for each in sources):
        stars = [exp.Column(this=exp.Star(), table=exp.Identifier(this=each.alias_or_name, quoted=True)) for each in sources]
        select.set("expressions", [new for old in select.expressions for new in (stars if old is part else [old])])


def _like(part: exp.Expr) -> None:
    """Without regard to case, as in SQLite."""
    part.replace(exp.ILike(this=part.this, expression=part.expression))


def _remainder(part: exp.Expr) -> None:
    """By nothing it is NULL, as in SQLite. Written as a function, because psycopg reads a percent sign as its own."""
    divisor = exp.Nullif(this=part.expression, expression=exp.Literal.number(0))
    part.replace(exp.Anonymous(this="MOD", expressions=[part.this, divisor]))


def _percent(part: exp.Expr) -> None:
    if part.is_string:
        part.set("this", part.name.replace("%", "%%"))


def _round(part: exp.Expr) -> None:
    """PostgreSQL rounds to decimals in NUMERIC only."""
    if (decimals := part.args.get("decimals")) is not None:
        exact = exp.Round(this=exp.cast(part.this, "numeric"), decimals=decimals)
        part.replace(exp.cast(exact, "double precision", dialect="postgres"))


_RULES: Final[Mapping[Dialect, Mapping[type[exp.Expr], Callable[[exp.Expr], None]]]] = {
    "sqlite": {exp.OnConflict: _keys_of_conflict, exp.Cast: _cast, exp.Returning: _returning, exp.Star: _whole_rows},
    "postgresql": {
        exp.OnConflict: _keys_of_conflict,
        exp.Cast: _cast,
        exp.Like: _like,
        exp.Mod: _remainder,
        exp.Literal: _percent,
        exp.Round: _round,
    },
}
