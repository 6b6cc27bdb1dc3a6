"""When a schedule is due: cron by cronsim, in an IANA time zone.

Five fields: minute, hour, day of month, month, day of week; Sunday is 0 or 7. Where clocks change it is as with Debian's cron:
a time that the spring gap skips is due at the first moment after the gap, once; a time that the autumn fold repeats is due at
its first coming only; schedules whose minute or hour begins with `*` follow the real time, so they go on through both.
"""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from cronsim import CronSim, CronSimError

from vivesphere.kernel.errors import FieldError

FIELDS = {
    "minute": "0 to 59",
    "hour": "0 to 23",
    "day-of-month": "1 to 31, or L for the last one",
    "month": "1 to 12, or JAN to DEC",
    "day-of-week": "0 to 7 (0 and 7 are Sunday), or SUN to SAT",
}
LONGEST_CRON = 200


class Schedule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`cron` has five fields; `timezone` is an IANA name such as Europe/Berlin."""

    cron: str
    timezone: str = "UTC"


def findings(schedule: Schedule, now: datetime, at: str) -> tuple[FieldError, ...]:
    """What is wrong with a schedule, each finding with a JSON pointer below `at`. Empty means `next_after` will work."""
    found = []
    if detail := _wrong_zone(schedule.timezone):
        found.append(FieldError(f"{at}/timezone", detail))
    if detail := _wrong_cron(schedule.cron, now):
        found.append(FieldError(f"{at}/cron", detail))
    return tuple(found)


def next_after(schedule: Schedule, moment: datetime) -> datetime:
    """The first time, in UTC, that the schedule is due after `moment`."""
    times = CronSim(schedule.cron, moment.astimezone(ZoneInfo(schedule.timezone)))
    # Asked inside the hour that autumn repeats, cronsim answers with the hour's first coming, which is over.
    return next(due for each in times if (due := each.astimezone(UTC)) > moment)


def _wrong_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return f"{name!r} is not an IANA time zone; write one like Europe/Berlin, or UTC"
    return ""


def _wrong_cron(cron: str, now: datetime) -> str:
    fields = cron.split()
    if len(fields) != len(FIELDS) or len(cron) > LONGEST_CRON:
        return f"a schedule has five fields ({', '.join(FIELDS)}), as in '0 8 * * 1-5'; this has {len(fields)}"
    try:
        next(CronSim(cron, now))
    except CronSimError as error:
        name = str(error).removeprefix("Bad ")
        field = fields[list(FIELDS).index(name)] if name in FIELDS else cron
        return f"the {name} field {field!r} is not valid: write {FIELDS.get(name)}, *, a list, a range or a step"
    except StopIteration:
        return f"{cron!r} is never due: no day is like that"
    return ""
