"""Bare table names become the database's: `items` of the plugin `quotes` is `ext_quotes__items`, a person's `leads` is
`data_leads`. A plugin names a table of people, which somebody granted it, as the database does: `data_leads`."""

from collections.abc import Iterable

from sqlglot import exp

from vivesphere.kernel.db.access import USER_PREFIX
from vivesphere.kernel.db.broker.statement import refused
from vivesphere.kernel.db.definition import LONGEST_NAME, NAME

MOST_COLUMNS = 200
"""Of a result; as many as a guest's connection to SQLite allows."""


def qualify(parts: Iterable[exp.Expr], prefix: str) -> None:
    """Give each table its full name and, so that `items.body` still means something, its bare one as an alias. What a WITH
    names is no table."""
    for part in parts:
        if isinstance(part, exp.Table) and not _is_named_by_with(part):
            bare = part.name
            if not NAME.fullmatch(bare):
                raise refused(bare, "is no table's name: tables have lower-case words, joined by single underscores")
            full = bare if prefix != USER_PREFIX and bare.startswith(USER_PREFIX) else prefix + bare
            if len(full) > LONGEST_NAME:
                raise refused(bare, "is longer than any table's name: look it up among your tables")
            if not part.alias:
                part.set("alias", exp.TableAlias(this=exp.Identifier(this=bare, quoted=True)))
            part.this.set("this", full)


def label(root: exp.Expr) -> None:
    """Give each value of the result that has no name the one both databases can agree on: its function's, or `column2`."""
    top = root
    while isinstance(top, exp.SetOperation):
        top = top.this
    returned = root.args.get("returning")
    values = returned.expressions if returned else top.expressions
    if len(values) > MOST_COLUMNS:
        raise refused("the result", f"has more than {MOST_COLUMNS} columns: ask in several statements")
    for number, value in enumerate(values, 1):
        if isinstance(value, exp.Alias | exp.Column | exp.Star) or not (returned or isinstance(top, exp.Select)):
            continue
        called = value.this if isinstance(value, exp.Window | exp.Filter) else value
        name = called.sql_names()[0].lower() if isinstance(called, exp.Func) else f"column{number}"
        # The value itself stays in the tree, not a copy: what is known of its parts is still to be used.
        alias = exp.Alias(alias=exp.Identifier(this=name, quoted=True))
        value.replace(alias)
        alias.set("this", value)


def _is_named_by_with(table: exp.Table) -> bool:
    if _is_target(table):
        return False
    name = table.name
    inside: exp.Expr | None = None
    part: exp.Expr | None = table
    while part is not None:
        if isinstance(part, exp.CTE):
            inside = part
        named: exp.With | None = part.args.get("with_")
        if named is not None and any(name == each.alias for each in named.expressions):
            _check_recursion(name, named, inside)
            return True
        part = part.parent
    return False


def _check_recursion(name: str, named: exp.With, inside: exp.Expr | None) -> None:
    """Whether a name means itself inside its own SELECT is where our databases part."""
    if inside is not None and inside.parent is named and inside.alias == name and not named.args.get("recursive"):
        raise refused(name, "means itself inside its own WITH: write WITH RECURSIVE, or give it a name that no table has")


def _is_target(table: exp.Table) -> bool:
    """What INSERT, UPDATE and DELETE write to is a table, whatever WITH names."""
    parent = table.parent
    if isinstance(parent, exp.Schema):
        return True
    return isinstance(parent, exp.Insert | exp.Update | exp.Delete) and table.arg_key == "this"
