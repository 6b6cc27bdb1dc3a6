"""Tools of the category `date`. Moments are ISO 8601 with an offset; durations are ISO 8601 too (`P1DT2H`)."""

import calendar
import re
from datetime import UTC, datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec import Meta

from vivesphere.modules.tools.builtin.context import BuiltinContext
from vivesphere.sdk import PluginError, tool

Moment = Annotated[datetime, Meta(tz=True, description="ISO 8601 with an offset: 2026-01-31T12:00:00Z")]

_DURATION = re.compile(
    r"(?P<sign>-?)P(?=.)(?:(?P<years>\d+)Y)?(?:(?P<months>\d+)M)?(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?"
    r"(?:T(?=.)(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d{1,6})?)S)?)?",
    re.ASCII,
)


class Difference(msgspec.Struct, frozen=True):
    """`seconds` is the exact difference; `days`, `hours` and `minutes` are the same, split, and never negative."""

    seconds: float
    days: int
    hours: int
    minutes: int


@tool("date.now")
def now(
    context: BuiltinContext, timezone: Annotated[str, Meta(max_length=64, description="An IANA name: Europe/Paris")] = "UTC"
) -> str:
    """The present date and time, in ISO 8601."""
    try:
        return context.clock.now().astimezone(ZoneInfo(timezone)).isoformat(timespec="seconds")
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise PluginError(f"There is no time zone {timezone!r}; use an IANA name such as Europe/Paris.") from error


@tool("date.add_duration")
def add_duration(
    moment: Moment, duration: Annotated[str, Meta(max_length=60, description="ISO 8601: P1Y2M3DT4H5M6S, P2W, -P1D")]
) -> str:
    """Add an ISO 8601 duration to a moment. A month later than the 31st is the next month's last day if it is shorter."""
    found = _DURATION.fullmatch(duration)
    if found is None:
        raise PluginError(f"{duration!r} is not an ISO 8601 duration such as P1DT2H.")
    sign = -1 if found["sign"] else 1
    part = {name: float(text or 0) for name, text in found.groupdict().items() if name != "sign"}
    try:
        shifted = _add_months(moment, sign * int(part["years"] * 12 + part["months"]))
        exact = {name: part[name] for name in ("weeks", "days", "hours", "minutes", "seconds")}
        return (shifted + sign * timedelta(**exact)).isoformat()
    except (OverflowError, ValueError) as error:
        raise PluginError("That leads out of the years 1 to 9999.") from error


@tool("date.difference")
def difference(start: Moment, end: Moment) -> Difference:
    """How long it is from one moment to another; `seconds` is negative if the end comes first."""
    between = end.astimezone(UTC) - start.astimezone(UTC)
    minutes, _ = divmod(int(abs(between).total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return Difference(seconds=between.total_seconds(), days=days, hours=hours, minutes=minutes)


def _add_months(moment: datetime, months: int) -> datetime:
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    if not 1 <= year <= 9999:
        raise OverflowError
    last = calendar.monthrange(year, month + 1)[1]
    return moment.replace(year=year, month=month + 1, day=min(moment.day, last))
