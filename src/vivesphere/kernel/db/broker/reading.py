"""From a stranger's text to a statement: shape, parser, grammar, names, dialect. Loads sqlglot, so `gate` imports it late."""

from typing import Final

from sqlglot.dialects.sqlite import SQLite
from sqlglot.errors import ParseError

from vivesphere.kernel.db.broker import dialects, grammar, names
from vivesphere.kernel.db.broker.shape import Shape, shape_of
from vivesphere.kernel.db.broker.statement import Dialect, Statement, refused

_SQLITE: Final = SQLite()


def read(text: str, prefix: str, dialect: Dialect) -> Statement:
    """Raises StatementRefused."""
    shape = shape_of(text)
    root = grammar.checked_root(_parsed(shape, text))
    parts = grammar.parts_of(root)
    names.qualify(parts, prefix)
    names.label(root)
    return Statement(
        text=dialects.write(root, parts, dialect),
        writes=isinstance(root, grammar.WRITES),
        parameters=shape.parameters,
        by_name=shape.by_name,
    )


def _parsed(shape: Shape, text: str) -> grammar.Part | None:
    try:
        (root,) = _SQLITE.parser().parse(shape.tokens, text)
    except ParseError as error:
        near = str(error.errors[0].get("highlight") or "its end")
        raise refused(near, "cannot be read where it stands: look for a missing word, comma or parenthesis") from error
    return root
