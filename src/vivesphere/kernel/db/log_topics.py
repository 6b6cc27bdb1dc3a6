"""Which of the recorded topics a query asks for, so that the log is read along the index of topics and not from end to end.

There are few topics and many events. The topics are found by leaping through the index, one look for each (a loose index
scan); each of them is then a run of the index in the order of `seq`, and the runs are merged.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from vivesphere.kernel.bus.namespaces import own_prefixes
from vivesphere.kernel.bus.topics import MAX_TOKENS, matches, split_pattern
from vivesphere.kernel.db.models import LoggedEvent
from vivesphere.kernel.db.schema import table_of
from vivesphere.kernel.db.unit import Unit
from vivesphere.kernel.principals import Principal

MERGED = 64
"""So many runs are merged at most. A query of more topics reads the log by `seq`, and seldom far."""

LOOKED_AT = 1000
"""So many topics are looked at; a plugin makes as many as it likes."""

log = table_of(LoggedEvent)

Conditions = list[sa.ColumnElement[bool]]

Span = tuple[str, str]
"""Topics from the first, up to and not including the second."""

_TOPICS = sa.text(
    "WITH RECURSIVE known (topic) AS ("
    " SELECT min(topic) FROM event_log WHERE topic >= :low"
    " UNION ALL SELECT (SELECT min(topic) FROM event_log WHERE topic > known.topic) FROM known WHERE known.topic < :high"
    ") SELECT topic FROM known WHERE topic < :high LIMIT :most"
)


def recorded_topics(tx: Unit, pattern: str, category: str | None, source: Principal | None) -> Sequence[str] | None:
    """The topics in the log that the query asks for; None if it does not narrow them, or they are too many to merge."""
    tokens = split_pattern(pattern)
    prefixes = own_prefixes(source) if source else ()
    if "*" in tokens or tokens[-1] == ">":
        spans = _spans(tokens, category, prefixes)
        found = [topic for span in spans for topic in _leap(tx, span)]
        if not spans or len(found) >= LOOKED_AT:
            return None
    else:
        found = [pattern]
    # Whoever has a namespace speaks in no other: `check_namespace` stands before every event.
    wanted = [
        topic
        for topic in found
        if matches(pattern, topic)
        and (category is None or topic.partition(".")[0] == category)
        and (not prefixes or topic.startswith(prefixes))
    ]
    return wanted if len(wanted) <= MERGED else None


def merged(topics: Sequence[str], conditions: Conditions, limit: int, *, newest_first: bool) -> sa.CompoundSelect[Any]:
    """The first `seq` of these topics, of those that meet the conditions. Each topic is a run of the index, in order already,
    and the database merges the runs row by row; for `topic IN (…)` it would sort all that there is of them."""
    runs = sa.union_all(*(sa.select(log.c.seq).where(log.c.topic == topic, *conditions) for topic in topics))
    seq = runs.selected_columns.seq
    return runs.order_by(seq.desc() if newest_first else seq.asc()).limit(limit)


def topic_conditions(pattern: str, category: str | None) -> Conditions:
    """The same said about each row, by itself enough. Written so that no index is used for it: it goes with another order."""
    return conditions_on(log.c.topic.concat(""), pattern, category)


def conditions_on(topic: sa.ColumnElement[str], pattern: str, category: str | None) -> Conditions:
    """The same about any expression that is a topic."""
    conditions = _pattern_conditions(topic, split_pattern(pattern))
    if category is not None:
        conditions.append(sa.or_(topic == category, _below(topic, category)))
    return conditions


def _spans(tokens: Sequence[str], category: str | None, prefixes: Sequence[str]) -> list[Span]:
    """Where the wanted topics lie; nothing for a query that asks for all."""
    plain = _plain_beginning(tokens)
    if plain:
        return [(f"{plain}.", f"{plain}/")]
    if category is not None:
        return [(category, f"{category}/")]
    if prefixes:
        return [(prefix, f"{prefix[:-1]}/") for prefix in prefixes]
    return [("", "~")] if "*" in tokens else []


def _leap(tx: Unit, span: Span) -> Sequence[str]:
    low, high = span
    return tx.execute(_TOPICS, {"low": low, "high": high, "most": LOOKED_AT}).scalars().all()


def _plain_beginning(tokens: Sequence[str]) -> str:
    """`bots.>` is every topic from `bots.` up to, not including, `bots/`: `/` is the character after `.`."""
    return ".".join(tokens[: min(place for place, token in enumerate(tokens) if token in ("*", ">"))])


def _pattern_conditions(topic: sa.ColumnElement[str], tokens: Sequence[str]) -> Conditions:
    if "*" not in tokens:
        if tokens[-1] != ">":
            return [topic == ".".join(tokens)]
        plain = _plain_beginning(tokens)
        return [_below(topic, plain)] if plain else []
    open_end = MAX_TOKENS - len(tokens) if tokens[-1] == ">" else 0
    last = "*" if tokens[-1] == ">" else tokens[-1]
    likes = [[*tokens[:-1], last, *["*"] * more] for more in range(open_end + 1)]
    return [sa.or_(*(_likened(topic, each) for each in likes))]


def _likened(topic: sa.ColumnElement[str], tokens: Sequence[str]) -> sa.ColumnElement[bool]:
    """LIKE's percent takes dots too; it cannot if the topic has no more dots than the pattern. Topics are in lower case."""
    like = ".".join("%" if each == "*" else each.replace("_", "/_") for each in tokens)
    dots = sa.func.length(topic) - sa.func.length(sa.func.replace(topic, ".", ""))
    return sa.and_(topic.like(like, escape="/"), dots == len(tokens) - 1)


def _below(topic: sa.ColumnElement[str], plain: str) -> sa.ColumnElement[bool]:
    return sa.and_(topic >= f"{plain}.", topic < f"{plain}/")
