#![allow(clippy::unwrap_used)]

use super::*;
use crate::model::Hours;
use crate::names::{ManifestKind, TAG_STOPPED};

fn at(hour: i8) -> Option<Timestamp> {
    Some(format!("2026-11-23T{hour:02}:00:00Z").parse().unwrap())
}

fn seen(phase: Phase, moved: Option<Timestamp>, ours: bool) -> Notebook {
    let tags = if ours { [(TAG_STOPPED.to_owned(), "true".to_owned())].into() } else { Tags::new() };
    Notebook {
        name: CloudName::new("acme--lab-x"),
        region: "r1".to_owned(),
        id: String::new(),
        tags,
        phase,
        state: format!("{phase:?}"),
        instance_type: "ml.t3.medium".to_owned(),
        build: None,
        failure: None,
        made: None,
        moved,
        before: None,
    }
}

fn wanted(hours: Option<(i8, i8)>) -> WantedNotebook {
    WantedNotebook {
        owner: ManifestRef::namespaced(ManifestKind::TenantNotebook, "acme", "lab"),
        region: "r1".to_owned(),
        tags: Tags::new(),
        instance_type: "ml.t3.medium".to_owned(),
        build: Build::default(),
        place: None,
        rest: None,
        hours: hours.map(|(start, stop)| Hours { start: at(start), stop: at(stop) }),
        only_still: false,
    }
}

#[test]
fn what_stopped_without_us_stays_so_only_where_something_but_a_hand_may_have_stopped_it() {
    let stopped = |ours| seen(Phase::Stopped, at(12), ours);
    assert!(starts(&stopped(false), &wanted(None)), "the manifest says that it runs");
    let idle = WantedNotebook { build: Build { idle: Some("2h".to_owned()), ..Build::default() }, ..wanted(None) };
    assert!(!starts(&stopped(false), &idle), "nobody used it");
    assert!(starts(&stopped(true), &idle), "it was stopped for a change, or a suspension that is over");
    assert!(!starts(&stopped(true), &WantedNotebook { rest: Some(Rest::Asked), ..wanted(None) }));
}

#[test]
fn a_schedule_acts_at_its_times_and_not_between_them() {
    let runs = |since| seen(Phase::Running, at(since), false);
    // It is evening: stopped at 19, and before that started at 8.
    assert!(is_out_of_hours(&runs(9), &wanted(Some((8, 19)))));
    assert!(!is_out_of_hours(&runs(20), &wanted(Some((8, 19)))), "its user started it after hours");
    assert!(!is_out_of_hours(&runs(9), &wanted(Some((8, 7)))), "the last time to stop was before");
    assert!(!is_out_of_hours(&seen(Phase::Running, None, false), &wanted(Some((8, 19)))), "not known yet since when");
    // It is day: started at 8.
    let stopped = |since, ours| seen(Phase::Stopped, at(since), ours);
    assert!(starts(&stopped(7, false), &wanted(Some((8, 3)))));
    assert!(!starts(&stopped(9, false), &wanted(Some((8, 3)))), "its user stopped it");
    assert!(starts(&stopped(9, true), &wanted(Some((8, 3)))), "we did");
    assert!(!starts(&stopped(20, true), &wanted(Some((8, 19)))), "what we stopped is not started at night");
}

#[test]
fn that_we_stopped_it_is_noted_until_it_runs_again() {
    let noted =
        |seen: &Notebook, wanted: &WantedNotebook, changes| tags_now(seen, wanted, changes).contains_key(TAG_STOPPED);
    let rest = WantedNotebook { rest: Some(Rest::Still), ..wanted(None) };
    assert!(noted(&seen(Phase::Running, None, false), &rest, false));
    assert!(noted(&seen(Phase::Running, None, false), &wanted(None), true), "before it is stopped to be changed");
    assert!(noted(&seen(Phase::Stopped, None, true), &wanted(None), false), "until it starts");
    assert!(!noted(&seen(Phase::Starting, None, true), &wanted(None), false));
}
