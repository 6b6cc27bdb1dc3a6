"""When schedules are due, where clocks change too."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivesphere.modules.triggers.schedule import Schedule, findings, next_after

BERLIN = "Europe/Berlin"


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def times(cron: str, after: str, count: int, timezone: str = BERLIN) -> list[str]:
    schedule, moment, found = Schedule(cron=cron, timezone=timezone), utc(after), []
    for _ in range(count):
        moment = next_after(schedule, moment)
        found.append(f"{moment:%m-%d %H:%M}")
    return found


def test_times_are_in_the_schedules_zone() -> None:
    assert times("0 8 * * *", "2026-01-05T06:59", 2) == ["01-05 07:00", "01-06 07:00"]
    assert times("0 8 * * *", "2026-07-05T06:00", 1) == ["07-06 06:00"]
    assert times("0 8 * * *", "2026-01-05T07:00", 1, "UTC") == ["01-05 08:00"]


def test_sunday_is_sunday() -> None:
    assert times("0 12 * * 0", "2026-01-05T00:00", 1, "UTC") == ["01-11 12:00"]
    assert times("0 12 * * 7", "2026-01-05T00:00", 1, "UTC") == ["01-11 12:00"]


def test_a_time_in_the_spring_gap_is_due_once_right_after_it() -> None:
    """On 29 March 2026 Berlin goes from 02:00 CET straight to 03:00 CEST, which is 01:00 UTC."""
    assert times("30 2 * * *", "2026-03-28T00:00", 3) == ["03-28 01:30", "03-29 01:00", "03-30 00:30"]


def test_a_time_in_the_autumn_fold_is_due_at_its_first_coming_only() -> None:
    """On 25 October 2026 Berlin sees 02:30 twice: at 00:30 UTC (CEST) and at 01:30 UTC (CET)."""
    assert times("30 2 * * *", "2026-10-24T12:00", 2) == ["10-25 00:30", "10-26 01:30"]


@pytest.mark.parametrize("asked", ["2026-10-25T00:30", "2026-10-25T01:00", "2026-10-25T01:10", "2026-10-25T01:59"])
def test_asked_within_the_fold_the_answer_is_not_in_the_past(asked: str) -> None:
    assert times("30 2 * * *", asked, 1) == ["10-26 01:30"]


def test_what_runs_all_the_time_goes_on_through_both() -> None:
    half_hours = ["00:00", "00:30", "01:00", "01:30", "02:00"]
    assert times("*/30 * * * *", "2026-03-28T23:45", 5) == [f"03-29 {time}" for time in half_hours]
    assert times("*/30 * * * *", "2026-10-24T23:45", 5) == [f"10-25 {time}" for time in half_hours]


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)),  # noqa: DTZ001 - the zone is put on below
    st.sampled_from(["30 2 * * *", "*/7 * * * *", "0 0 29 2 *", "15 1-3 * * SUN", "0 12 L * *", "59 23 31 12 *"]),
    st.sampled_from([BERLIN, "UTC", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu"]),
)
def test_the_next_time_is_always_later(moment: datetime, cron: str, timezone: str) -> None:
    moment = moment.replace(tzinfo=UTC)
    due = next_after(Schedule(cron=cron, timezone=timezone), moment)
    assert due > moment
    assert due.tzinfo is UTC
    assert due.second == due.microsecond == 0
    assert next_after(Schedule(cron=cron, timezone=timezone), due - timedelta(seconds=1)) == due


FIVE = "a schedule has five fields (minute, hour, day-of-month, month, day-of-week), as in '0 8 * * 1-5'; this has"
REST = "*, a list, a range or a step"


@pytest.mark.parametrize(
    ("cron", "detail"),
    [
        ("61 * * * *", f"the minute field '61' is not valid: write 0 to 59, {REST}"),
        ("0 8 * * MO", f"the day-of-week field 'MO' is not valid: write 0 to 7 (0 and 7 are Sunday), or SUN to SAT, {REST}"),
        ("0 0 30 2 *", f"the day-of-month field '30' is not valid: write 1 to 31, or L for the last one, {REST}"),
        ("@daily", f"{FIVE} 1"),
        ("0 0 8 * * *", f"{FIVE} 6"),
    ],
)
def test_a_cron_that_means_nothing_is_refused(cron: str, detail: str) -> None:
    (found,) = findings(Schedule(cron=cron), utc("2026-01-05T12:00"), "/s")
    assert (found.pointer, found.detail) == ("/s/cron", detail)


@pytest.mark.parametrize("timezone", ["Berlin", "../etc/passwd", "", "/etc/localtime"])
def test_a_zone_that_does_not_exist_is_refused(timezone: str) -> None:
    (found,) = findings(Schedule(cron="0 8 * * *", timezone=timezone), utc("2026-01-05T12:00"), "/s")
    assert found.pointer == "/s/timezone"
    assert found.detail == f"{timezone!r} is not an IANA time zone; write one like Europe/Berlin, or UTC"


def test_good_schedules_have_no_findings() -> None:
    for cron in ("0 8 * * 1-5", "0 0 31 2,4 1#5", "*/5 8-18 L JAN SUN"):
        assert findings(Schedule(cron=cron, timezone=BERLIN), utc("2026-01-05T12:00"), "/s") == ()
