"""A refused statement is known by its form; nothing that stands in it can be found out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivesphere.kernel.db.fingerprint import LENGTH, fingerprint

SECRETS = (
    ("'secret'", "'another'"),
    ("'it''s secret'", "'another'"),
    (r"E'a\'secret'", r"E'another\''"),
    ("x'5EC2E7'", "X'00'"),
    (r"U&'\0053ecret'", "U&''"),
    ('"secret"', '"another"'),
    ('"se""cret"', '"another"'),
    ("`secret`", "`another`"),
    ("[secret]", "[another]"),
    ("$$secret$$", "$$another$$"),
    ("$tag$ secret $$ $tag$", "$another$$another$"),
    ("4711", "12"),
    ("47.11e-3", ".12E+4"),
    ("0x5EC2E7", "1_000"),
    ("/* secret */ 1", "/* another */ 2"),
    ("1 -- secret\n", "2 -- another\n"),
)


def of_asking_for(literal: str) -> str:
    return fingerprint(" ".join(["SELECT body FROM letters WHERE body =", literal, "OR 1"]))


@pytest.mark.parametrize(("secret", "another"), SECRETS)
def test_no_literal_and_no_comment_is_part_of_it(secret: str, another: str) -> None:
    assert of_asking_for(secret) == of_asking_for(another)


@pytest.mark.parametrize(
    "opened", ["'secret", "E'secret", '"secret', "`secret", "[secret", "$$secret", "/* secret", "-- secret"]
)
def test_what_is_not_closed_goes_to_the_end(opened: str) -> None:
    assert fingerprint(f"SELECT {opened} one") == fingerprint(f"SELECT {opened} another")


def test_case_and_space_make_no_difference_and_names_do() -> None:
    assert fingerprint("select  body\nfrom LETTERS where body=1") == fingerprint("SELECT body FROM letters WHERE body=2")
    assert fingerprint("SELECT body FROM letters") != fingerprint("SELECT body FROM notes")
    assert fingerprint("SELECT a FROM t123") != fingerprint("SELECT a FROM t124")


@given(st.text(max_size=200))
def test_any_text_has_one(text: str) -> None:
    assert len(fingerprint(text)) == LENGTH
    assert set(fingerprint(text)) <= set("0123456789abcdef")


@given(st.text(alphabet=st.characters(exclude_characters="'\0"), max_size=40))
def test_any_value_in_quotes_gives_the_same(value: str) -> None:
    assert of_asking_for(f"'{value}'") == of_asking_for("'a'")
