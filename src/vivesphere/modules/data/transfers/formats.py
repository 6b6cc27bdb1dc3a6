"""Files of records: CSV (RFC 4180), JSON (an array of objects) and JSON Lines, read and written piece by piece.

A reader is fed with bytes as they come and gives lines as soon as they are whole, so that no file has to fit into memory. What
is wrong with one line is its own `problem`; after `Unreadable` nothing more can be made of the file.

A cell that begins with =, +, -, @, a tab or a carriage return may be run as a formula by a spreadsheet. A text that begins so
is written with a `'` before it, and read without it. One that has the `'` already gets another one, so that each comes back as
it was.
"""

import codecs
import csv
import io
import re
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import msgspec

from vivesphere.kernel.db.shape import Shape
from vivesphere.kernel.errors import FieldError
from vivesphere.modules.data.records.reading import from_cells
from vivesphere.modules.data.schemas import Format, Record

LONGEST_LINE = 8 << 20
"""Bytes, or characters of CSV, of one record."""

_DELIMITERS = ",;\t"
_REST_OF_QUOTED = re.compile(r'(?:[^"]|"")*+"')
_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_PROTECTED = re.compile(r"'+[=+\-@\t\r]")
_OUTSIDE = re.compile(rb'["\[\]{}]')
_INSIDE = re.compile(rb'["\\]')
_FIRST_GAP = re.compile(rb"\s*")
_GAP = re.compile(rb"\s*,\s*")
_RECORD = msgspec.json.Decoder(dict[str, Any])


class Line(msgspec.Struct, frozen=True):
    """One record of a file, or what is wrong with it. `number` counts from 1, `size` is roughly in bytes."""

    number: int
    size: int
    record: Record = {}
    problem: str = ""


class Unreadable(Exception):
    """From this line on nothing can be read."""

    def __init__(self, line: int, detail: str) -> None:
        super().__init__(f"line {line}: {detail}")
        self.line = line
        self.detail = detail


class Reader(Protocol):
    """Both raise Unreadable, after they gave what came before."""

    def feed(self, piece: bytes) -> Iterator[Line]: ...

    def end(self) -> Iterator[Line]: ...


def reader_of(kind: Format, shape: Shape) -> Reader:
    match kind:
        case "csv":
            return CsvReader(shape)
        case "json":
            return JsonReader()
        case "jsonl":
            return JsonLinesReader()


class CsvReader:
    """The first line names the columns; commas, semicolons or tabs stand between cells, as they do there."""

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._rest = ""
        self._row = ""
        self._open = False
        self._line = 0
        self._began = 1
        self._delimiter = _DELIMITERS
        self._header: list[str] | None = None
        # The module's own limit, for the whole process, is 131,072 characters in a cell.
        csv.field_size_limit(LONGEST_LINE)

    def feed(self, piece: bytes) -> Iterator[Line]:
        return self._read(piece, last=False)

    def end(self) -> Iterator[Line]:
        yield from self._read(b"\n" if self._rest or self._open else b"", last=True)
        if self._open:
            raise Unreadable(self._began, "a quote is opened and not closed")
        if self._header is None:
            raise Unreadable(1, "the first line must name the columns")

    def _read(self, piece: bytes, *, last: bool) -> Iterator[Line]:
        text, strange = self._decoded(piece, last)
        *lines, self._rest = (self._rest + text).split("\n")
        for text in lines:
            self._line += 1
            self._row += text + "\n"
            if '"' in text:
                self._open = _ends_quoted(text, self._delimiter, within=self._open)
            if not self._open:
                yield from self._whole_row()
        if strange:
            raise Unreadable(self._line + 1, "the file must be UTF-8 from here on")
        if len(self._row) + len(self._rest) > LONGEST_LINE:
            raise Unreadable(self._began, f"is longer than {LONGEST_LINE:,} characters; is a quote not closed?")

    def _decoded(self, piece: bytes, last: bool) -> tuple[str, bool]:
        """The text, as far as it is one, and whether something else follows it."""
        try:
            return self._decoder.decode(piece, last), False
        except UnicodeDecodeError as error:
            return error.object[: error.start].decode(), True

    def _whole_row(self) -> Iterator[Line]:
        number, row = self._began, self._row
        self._began, self._row = self._line + 1, ""
        if self._header is None:
            self._header = self._columns(number, row)
        elif row.strip():
            yield self._line_of(number, row)

    def _line_of(self, number: int, row: str) -> Line:
        try:
            (cells,) = csv.reader([row], delimiter=self._delimiter, strict=True)
        except (csv.Error, ValueError):
            return Line(number, len(row), problem="is not a line of CSV; is a quote not doubled?")
        if len(cells) != len(self._header or ()):
            return Line(number, len(row), problem=f"has {len(cells)} cells; the first line names {len(self._header or ())}")
        named = {name: _unprotected(cell) for name, cell in zip(self._header or (), cells, strict=True)}
        record, found = from_cells(self._shape, named)
        return Line(number, len(row), record, told(found))

    def _columns(self, number: int, row: str) -> list[str]:
        self._delimiter = max(_DELIMITERS, key=row.count)
        try:
            (cells,) = csv.reader([row], delimiter=self._delimiter, strict=True)
        except (csv.Error, ValueError):
            raise Unreadable(number, "the first line must name the columns") from None
        names = [cell.strip() for cell in cells]
        if strangers := [name for name in names if name not in self._shape.fields]:
            raise Unreadable(number, f"the table has no column {strangers[0]!r}; the first line must name its columns")
        if len(set(names)) < len(names):
            raise Unreadable(number, "the first line names a column twice")
        return names


class JsonLinesReader:
    """An object in each line; empty lines are passed over."""

    def __init__(self) -> None:
        self._rest = b""
        self._line = 0

    def feed(self, piece: bytes) -> Iterator[Line]:
        *lines, self._rest = (self._rest + piece).split(b"\n")
        for text in lines:
            self._line += 1
            if text.strip():
                yield _decoded(self._line, text)
        if len(self._rest) > LONGEST_LINE:
            raise Unreadable(self._line + 1, f"is longer than {LONGEST_LINE:,} bytes")

    def end(self) -> Iterator[Line]:
        return self.feed(b"\n")


class JsonReader:
    """One array of objects. It is cut into its objects by brackets and quotes alone; msgspec reads each of them."""

    def __init__(self) -> None:
        self._text = b""
        self._at = 0
        self._depth = 0
        self._quoted = False
        self._done = False
        self._began: int | None = None
        self._gap_from = 0
        self._gap = _FIRST_GAP
        self._line = 1

    def feed(self, piece: bytes) -> Iterator[Line]:
        self._text += piece
        while (found := (_INSIDE if self._quoted else _OUTSIDE).search(self._text, self._at)) is not None:
            if found.group() == b"\\":
                if found.end() == len(self._text):
                    break
                self._at = found.end() + 1
                continue
            self._at = found.end()
            if found.group() == b'"':
                self._quoted = not self._quoted
                self._within(found.start())
            else:
                yield from self._bracket(found.group(), found.start())
        else:
            self._at = len(self._text)
        self._forget()

    def end(self) -> Iterator[Line]:
        if not self._done:
            raise Unreadable(self._line, "the file must be one array of objects, and ends before the array does")
        if self._text.strip():
            raise Unreadable(self._line, "something comes after the array")
        yield from ()

    def _bracket(self, bracket: bytes, at: int) -> Iterator[Line]:
        if bracket in b"[{":
            if self._depth == 1:
                self._begin(bracket, at)
            elif self._depth == 0 and (bracket != b"[" or self._done or self._text[self._gap_from : at].strip()):
                raise Unreadable(self._line, "the file must be one array of objects")
            self._depth += 1
            if self._depth == 1:
                self._gap_from = self._at
            return
        self._within(at)
        self._depth -= 1
        if self._depth == 1 and self._began is not None:
            yield _decoded(self._line_of(self._began), self._text[self._began : self._at])
            self._began, self._gap_from, self._gap = None, self._at, _GAP
        elif self._depth <= 0:
            self._done = True
            self._gap_from = self._at

    def _begin(self, bracket: bytes, at: int) -> None:
        if bracket != b"{" or not self._gap.fullmatch(self._text, self._gap_from, at):
            raise Unreadable(self._line_of(at), "the array must have objects in it, with commas between them, and nothing else")
        self._began = at

    def _within(self, at: int) -> None:
        """What is no bracket that opens belongs into an object, but for the one that closes the array."""
        closes = self._depth == 1 and self._text[at : at + 1] == b"]" and not self._text[self._gap_from : at].strip()
        if self._began is None and not closes:
            raise Unreadable(self._line_of(at), "the array must have objects in it, with commas between them, and nothing else")

    def _line_of(self, at: int) -> int:
        return self._line + self._text.count(b"\n", 0, at)

    def _forget(self) -> None:
        """What lies behind is no longer needed, but for the object or the gap that is not over."""
        keep = self._gap_from if self._began is None else self._began
        self._line += self._text.count(b"\n", 0, keep)
        self._text = self._text[keep:]
        self._at -= keep
        self._gap_from = 0
        self._began = None if self._began is None else 0
        if len(self._text) > LONGEST_LINE:
            raise Unreadable(self._line, f"is longer than {LONGEST_LINE:,} bytes")


def opening(kind: Format, shape: Shape) -> bytes:
    """How a file begins."""
    match kind:
        case "csv":
            return _rows([list(shape.fields)])
        case "json":
            return b"[\n"
        case "jsonl":
            return b""


def body(kind: Format, records: Sequence[Record], shape: Shape, *, first: bool) -> bytes:
    """A page of records; `first` says that none was written before."""
    if not records:
        return b""
    match kind:
        case "csv":
            return _rows([[_cell(record[name]) for name in shape.fields] for record in records])
        case "json":
            return (b"" if first else b",\n") + b",\n".join(map(msgspec.json.encode, records))
        case "jsonl":
            return b"".join(msgspec.json.encode(record) + b"\n" for record in records)


def closing(kind: Format) -> bytes:
    """How a file ends."""
    return b"\n]\n" if kind == "json" else b""


def told(found: Sequence[FieldError]) -> str:
    """What is wrong with a record, in one line."""
    return "; ".join(f"{each.pointer.removeprefix('/')} {each.detail}" for each in found)


def _decoded(number: int, text: bytes) -> Line:
    try:
        return Line(number, len(text), _RECORD.decode(text))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Line(number, len(text), problem="is not a JSON object")


def _ends_quoted(text: str, delimiters: str, *, within: bool) -> bool:
    """Whether a cell's quote is open at the end of the line. Only the first character of a cell opens one: 6" is no quote."""
    at = 0
    if not within and text.startswith('"'):
        within, at = True, 1
    while True:
        if within:
            closed = _REST_OF_QUOTED.match(text, at)
            if closed is None:
                return True
            at = closed.end()
        opened = re.compile(f'[{delimiters}]"').search(text, at)
        if opened is None:
            return False
        within, at = True, opened.end()


def _rows(rows: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case str():
            return f"'{value}" if _FORMULA.match(value) else value
        case _:
            return msgspec.json.encode(value).decode()


def _unprotected(cell: str) -> str:
    return cell[1:] if _PROTECTED.match(cell) else cell
