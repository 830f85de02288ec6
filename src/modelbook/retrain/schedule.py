"""When a schedule comes due: five fields as cron has them, in UTC. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_LONGEST = 366 * 4 + 1
"""Days that are looked back: every date that there is comes once in four years."""


def due(schedule: str, last: str, now: datetime) -> bool:
    """Whether the schedule had a moment after `last` and no later than `now`.

    Args:
        schedule: one that `spec` let through. last: ISO 8601 with its offset; empty for never.
    """
    from modelbook.spec.models import CRON, cron_field

    minutes, hours, days, months, weekdays = (
        cron_field(text, *ends) for text, ends in zip(schedule.split(), CRON.values(), strict=True)
    )
    stars = [text.startswith("*") for text in schedule.split()]
    then = datetime.fromisoformat(last).astimezone(UTC) if last else None
    end = now.astimezone(UTC).replace(second=0, microsecond=0)
    day = end.replace(hour=0, minute=0)
    for _ in range(_LONGEST):
        if then is not None and day + timedelta(days=1) <= then:
            return False
        of_week = {day.isoweekday() % 7, day.isoweekday()} & weekdays
        of_month = day.day in days
        either = of_month and of_week if stars[2] or stars[4] else of_month or of_week
        if day.month in months and either:
            moments = (day.replace(hour=hour, minute=minute) for hour in hours for minute in minutes)
            if any((then is None or then < moment) and moment <= end for moment in moments):
                return True
        day -= timedelta(days=1)
    return False
