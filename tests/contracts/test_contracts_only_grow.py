"""Contracts only grow (design, I8): what was promised once is promised still, and the log's oldest events can be read."""

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from tests.contracts.record import BASELINE, BROKEN, Broken, broken, read, renew, today_promised
from tests.contracts.samples import SAMPLES, durable_events, record, recorded, said_by, shape_of

from vivesphere.kernel.bus.messages import Event

TODAY = datetime.now(UTC).date()
MEND = "`make baseline` writes it, and says what a change breaks"


def test_nothing_that_was_promised_is_taken_back() -> None:
    assert broken(BASELINE, today_promised(), TODAY) == []


@pytest.mark.parametrize("name", ["openapi", "asyncapi"])
def test_what_is_promised_today_is_in_the_baseline(name: str) -> None:
    """Else a promise made now could be taken back tomorrow, and nobody would notice."""
    written = read(BASELINE, name) == today_promised()[name]
    assert written, MEND


def test_whatever_was_broken_has_its_reason() -> None:
    kept = msgspec.json.decode((BASELINE / BROKEN).read_bytes(), type=list[Broken])
    assert not [each for each in kept if len(each.reason.split()) < 3 or not each.changes]


def test_every_durable_event_has_a_sample_of_its_present_shape() -> None:
    known = {(sample.topic, sample.shape) for sample in recorded(SAMPLES).values()}
    assert not [topic for topic, event in durable_events().items() if (topic, shape_of(event)) not in known], MEND


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.json")), ids=lambda path: path.stem)
def test_a_recorded_event_decodes_for_ever_and_says_what_it_said(path: Path) -> None:
    sample = recorded(SAMPLES)[path]
    assert path.name.startswith(f"{sample.topic}.")
    assert sample.digest == sample.computed_digest(), "a sample stands for what is on disks; it never changes"
    said = said_by(sample.payload, durable_events()[sample.topic])
    assert {name: said.get(name) for name in sample.payload} == sample.payload


class Rung(Event, durable=True):
    topic = "bell.rung"
    secret = frozenset({"code"})
    code: str
    places: tuple[str, ...] = ()
    extra: dict[str, int] | None = None


def test_a_sample_is_recorded_once_for_each_shape(tmp_path: Path) -> None:
    first = list(record({"bell.rung": Rung}, tmp_path))
    assert [path.name for path in first] == ["bell.rung.1.json"]
    content = first[0].read_bytes()
    assert list(record({"bell.rung": Rung}, tmp_path)) == []
    louder = type(
        "Rung", (Event,), {"__annotations__": {**Rung.__annotations__, "loud": bool}, "topic": "bell.rung"}, durable=True
    )
    assert [path.name for path in record({"bell.rung": louder}, tmp_path)] == ["bell.rung.2.json"]
    assert first[0].read_bytes() == content
    assert [sample.payload.get("loud") for sample in recorded(tmp_path).values()] == [None, True]


def test_a_sample_that_was_changed_is_seen(tmp_path: Path) -> None:
    (path,) = record({"bell.rung": Rung}, tmp_path)
    path.write_text(path.read_text().replace("some code", "another code"))
    assert recorded(tmp_path)[path].digest != recorded(tmp_path)[path].computed_digest()


def test_a_baseline_is_renewed_only_without_a_break_or_with_a_reason(tmp_path: Path) -> None:
    for path in BASELINE.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / BROKEN).write_bytes(b"[]\n")
    now = {name: read(tmp_path, name) for name in ("openapi", "asyncapi")}
    grown = {**now, "asyncapi": {**now["asyncapi"], "channels": {**now["asyncapi"]["channels"], "bell.rung": {"messages": {}}}}}
    assert renew(tmp_path, grown, "", TODAY) == []
    assert "bell.rung" in read(tmp_path, "asyncapi")["channels"]
    assert renew(tmp_path, now, "", TODAY) == ["bell.rung: the topic is gone"]
    assert "bell.rung" in read(tmp_path, "asyncapi")["channels"]
    assert renew(tmp_path, now, "nobody ever rang", TODAY) == []
    assert "bell.rung" not in read(tmp_path, "asyncapi")["channels"]
    kept = msgspec.json.decode((tmp_path / BROKEN).read_bytes(), type=list[Broken])
    assert kept == [Broken(TODAY, "nobody ever rang", ("bell.rung: the topic is gone",))]
