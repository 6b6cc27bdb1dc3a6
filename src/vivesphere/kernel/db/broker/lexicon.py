"""The words of the subset: SQL's own that it keeps, the functions it knows, the types a CAST may name.

Every other word is a name, whatever it means elsewhere. So the parser, which knows the words of thirty dialects, never meets
one of theirs: a column may be called `date` or `comment`, and `current_user` is a column that nobody has.
"""

from typing import Final


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


FIRST: Final = _words("SELECT WITH INSERT UPDATE DELETE")
"""What a statement begins with."""

BEFORE_PARENTHESIS: Final = _words(
    "ALL AND AS BETWEEN BY CASE CONFLICT DISTINCT ELSE ESCAPE EXCEPT EXISTS FILTER FROM HAVING IN INTERSECT IS JOIN LIKE LIMIT "
    "MATERIALIZED NOT OFFSET ON OR OVER RETURNING SELECT SET THEN UNION VALUES WHEN WHERE"
)
"""Words that an opening parenthesis may follow. After any other word it would be a function."""

_OTHERS: Final = _words(
    "ASC CROSS CURRENT DEFAULT DESC DO END FALSE FIRST FOLLOWING FULL GROUPS INNER INTO LAST LEFT NOTHING NULL NULLS OUTER "
    "PRECEDING RANGE RECURSIVE RIGHT ROW ROWS TRUE UNBOUNDED WINDOW"
)
WORDS: Final = FIRST | BEFORE_PARENTHESIS | _OTHERS

PHRASES: Final = frozenset({"GROUP BY", "ORDER BY", "PARTITION BY"})
"""What the tokenizer gives as one token."""

FUNCTIONS: Final = _words(
    "ABS AVG COALESCE COUNT DENSE_RANK FIRST_VALUE GROUP_CONCAT IFNULL IIF INSTR LAG LAST_VALUE LEAD LENGTH LOWER LTRIM MAX "
    "MIN NTILE NULLIF RANK REPLACE ROUND ROW_NUMBER RTRIM SUBSTR SUM TRIM UPPER"
)
"""The functions that both databases have, or that can be written for both."""

CALLABLE: Final = FUNCTIONS | {"CAST"}

UNASKED: Final = frozenset({"USING", "NATURAL"})
"""Joins by columns that SQLite asks no authorizer about."""

TYPES: Final = frozenset({"TEXT", "INTEGER", "REAL"})
"""What CAST can make: text, 64 bits whole, 64 bits IEEE 754."""
