"""IRC lines: what is written is read back, nothing else can be smuggled in, and nothing is too long."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivesphere.modules.bots.connectors.irc_message import (
    LINE_BYTES,
    RECEIVED_BYTES,
    Line,
    LineBuffer,
    ProtocolError,
    fold,
    parse,
    split_text,
    write,
)

_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0"), max_size=60)
_WORD = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0 "), min_size=1, max_size=20).filter(
    lambda word: not word.startswith(":")
)
_TAGS = st.dictionaries(
    st.from_regex(r"\A\+?([a-z]{1,5}/)?[a-z-]{1,8}\Z"),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
)
LINES = st.builds(
    lambda command, words, last, prefix, tags: Line(command=command, params=(*words, *last), prefix=prefix, tags=tags),
    st.sampled_from(["PRIVMSG", "001", "JOIN"]),
    st.lists(_WORD, max_size=4),
    st.lists(_TEXT, max_size=1),
    st.one_of(st.just(""), _WORD),
    _TAGS,
)


@given(LINES)
def test_what_is_written_is_read_back(line: Line) -> None:
    try:
        written = write(line)
    except ValueError:  # too long: hypothesis may choose many large code points
        return
    (text,) = LineBuffer().feed(written)
    assert parse(text) == line


@given(st.lists(st.text(), max_size=4), st.text())
def test_no_parameter_can_become_a_second_line(params: list[str], prefix: str) -> None:
    try:
        written = write(Line(command="PRIVMSG", params=tuple(params), prefix=prefix))
    except ValueError:
        return
    assert written.endswith(b"\r\n")
    assert not set(b"\r\n\0") & set(written[:-2])
    assert parse(written[:-2].decode()).params == tuple(params)


@pytest.mark.parametrize(
    "params",
    [("#a", "x\r\nQUIT"), ("#a\nQUIT", "x"), ("a b", "x"), ("", "x"), (":a", "x"), ("#a", "x\0"), ("#a", "x" * 500)],
)
def test_a_line_that_could_be_misread_or_is_too_long_is_refused(params: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="IRC"):
        write(Line(command="PRIVMSG", params=params))


def test_a_command_and_a_tag_must_be_words() -> None:
    with pytest.raises(ValueError, match="command"):
        write(Line(command="QUIT\r\nJOIN"))
    with pytest.raises(ValueError, match="tag"):
        write(Line(command="PING", tags={"a b": "c"}))


@given(st.text(), st.integers(4, 120))
def test_split_text_fits_breaks_no_code_point_and_loses_no_word(text: str, room: int) -> None:
    lines = split_text(text, room)
    for line in lines:
        assert 0 < len(line.encode()) <= room
        assert not set("\r\n\0") & set(line)
    kept = "".join(lines).replace(" ", "")
    sent = text.encode("utf-8", "replace").decode()
    assert [c for c in kept if not c.isspace()] == [c for c in sent if c not in "\r\n\0 " and not c.isspace()]


def test_split_text_prefers_a_space_and_cuts_a_word_that_is_longer_than_a_line() -> None:
    assert split_text("one two three", 8) == ["one two", "three"]
    assert split_text("abcdefghijkl", 5) == ["abcde", "fghij", "kl"]
    assert split_text("ä" * 3, 5) == ["ää", "ä"]
    assert split_text("a\n\nb\r\n  ", 10) == ["a", "b"]
    with pytest.raises(ValueError, match="room"):
        split_text("a", 3)


def test_a_buffer_joins_what_the_network_cut_and_accepts_a_bare_line_feed() -> None:
    buffer = LineBuffer()
    assert list(buffer.feed(b"PING :a\r")) == []
    assert list(buffer.feed(b"\nPING b\n\r\nPI")) == ["PING :a", "PING b"]
    assert list(buffer.feed(b"NG \xff\r\n")) == ["PING \xff"]


def test_a_line_without_an_end_is_refused_before_it_fills_the_memory() -> None:
    with pytest.raises(ProtocolError, match="more than"):
        list(LineBuffer().feed(b"x" * (RECEIVED_BYTES + 1)))


def test_parse_reads_tags_prefix_and_trailing() -> None:
    line = parse(r"@a=1\:\s\\\q\;+x/b;=c :nick!u@h  PRIVMSG  #c :hi  :there ")
    assert line.tags == {"a": "1; \\q", "+x/b": ""}
    assert (line.nick, line.command, line.params) == ("nick", "PRIVMSG", ("#c", "hi  :there "))
    assert line.param(1) == "hi  :there "
    assert line.param(2) == ""
    assert parse("PING :").params == ("",)
    assert parse("ping").command == "PING"


@pytest.mark.parametrize("text", ["", ":only", "@tag", ":a  ", "12 x", "é"])
def test_parse_refuses_what_is_no_message(text: str) -> None:
    with pytest.raises(ProtocolError):
        parse(text)


@given(st.text())
def test_parse_never_fails_otherwise(text: str) -> None:
    with contextlib.suppress(ProtocolError):
        parse(text)


def test_fold_knows_the_scandinavian_brackets() -> None:
    assert fold("Nick[A]\\~") == "nick{a}|^"


def test_the_limit_is_the_rfcs() -> None:
    assert len(write(Line(command="PRIVMSG", params=("#c", "x y" + "z" * 495)))) == LINE_BYTES
