"""Copies every table of one database into another one, and proves that both hold the same."""

from collections.abc import Iterator, Mapping, Sequence

import sqlalchemy as sa

from vivesphere.kernel.db.backup.progress import Progress, untold
from vivesphere.kernel.db.migrate import is_unfinished
from vivesphere.kernel.db.moving.errors import MoveFailed
from vivesphere.kernel.db.moving.proof import Batches, Proof, Row, Tally
from vivesphere.kernel.db.moving.shapes import Shape, compare, is_core, made_anew, shape_of, tables_of
from vivesphere.kernel.db.moving.sides import Side


def copy_all(source: Side, target: Side, progress: Progress = untold) -> Mapping[str, Proof]:
    """Replace all that the target holds by what the source holds; gives what was proved of each table.

    Both are at the same revision and in a transaction, which whoever calls ends: to commit after anything was raised is wrong.
    Raises MoveFailed, or what a driver raises for a value that the target cannot hold.
    """
    tables = tables_of(source.connection)
    shapes = [shape_of(table) for table in tables]
    others = made_anew([table for table in tables if not is_core(str(table.name))])
    _empty(target, shapes)
    target.make(others)
    compare(shapes, [shape_of(table) for table in tables_of(target.connection)])
    counting = _Counting(progress, {shape.name: source.count(shape.name) for shape in shapes})
    proofs = {shape.name: _copy(source, target, shape, counting) for shape in shapes}
    target.complete(others)
    target.set_numbers(source.numbers([shape.name for shape in shapes]))
    for shape in shapes:
        _prove(target, shape, proofs[shape.name], counting)
    return proofs


def is_empty(side: Side) -> bool:
    """Whether there is nothing but what the migrations make, or an earlier move left that did not come to its end."""
    expected = {"table_metadata", "installation"} if is_unfinished(side.connection) else {"table_metadata"}
    names = [str(table.name) for table in tables_of(side.connection)]
    return not any(side.count(name) for name in names if name not in expected)


class _Counting:
    """Tells how many rows of all have passed, each of them twice: copied, then proved."""

    def __init__(self, progress: Progress, rows: Mapping[str, int]) -> None:
        self._progress = progress
        self._whole = sum(rows.values())
        self._done = {"copied": 0, "proved": 0}

    def passing(self, what: str, batches: Batches) -> Iterator[Sequence[Row]]:
        for batch in batches:
            yield batch
            self._done[what] += len(batch)
            self._progress(what, self._done[what], self._whole)


def _empty(target: Side, shapes: Sequence[Shape]) -> None:
    """Keys are followed backwards. What plugins and users made is dropped: the source says which of it there is."""
    tables = tables_of(target.connection)
    target.drop([str(table.name) for table in tables if not is_core(str(table.name))])
    known = {shape.name for shape in shapes}
    for table in reversed(tables):
        if table.name in known and is_core(str(table.name)):
            target.connection.execute(sa.delete(table))


def _copy(source: Side, target: Side, shape: Shape, counting: _Counting) -> Proof:
    tally = Tally(shape.booleans)
    target.load(shape, counting.passing("copied", tally.passing(source.rows(shape))))
    return tally.proof()


def _prove(target: Side, shape: Shape, expected: Proof, counting: _Counting) -> None:
    tally = Tally(shape.booleans)
    for batch in counting.passing("proved", target.rows(shape)):
        tally.add(batch)
    if (found := tally.proof()) != expected:
        raise MoveFailed(
            f"The table {shape.name} did not arrive as it was: {expected.rows} rows with the hash {expected.digest} were sent, "
            f"{found.rows} with {found.digest} were found. Nothing was kept of it."
        )
