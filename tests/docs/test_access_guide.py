"""The guide to table access: its manifest is one, its words are those of the policy."""

import tomllib
from typing import get_args

import msgspec
from tests.docs.pages import ROOT, blocks, inline_code

from vivesphere.kernel.db.access import NEEDED, AccessLevel, Reason
from vivesphere.sdk.manifest import DataRequest

GUIDE = ROOT / "docs/guides/access.md"


def test_the_manifest_of_the_guide_is_right() -> None:
    (text,) = [block.text for block in blocks(GUIDE) if block.info == "toml"]
    assert msgspec.convert(tomllib.loads(text)["data"], list[DataRequest]) == [DataRequest("leads", ("read",))]


def test_levels_reasons_and_permissions_are_those_of_the_policy() -> None:
    marked = {each.text for each in inline_code(GUIDE)}
    assert {reason for reason in get_args(Reason) if reason != "none"} <= marked
    assert set(NEEDED.values()) <= marked
    assert set(get_args(AccessLevel)) <= marked
