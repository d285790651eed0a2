//! Conditions as kstatus, Argo CD and Flux read them: exactly one of Ready, Reconciling and Stalled tells the state.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use super::verdict::Verdict;
use crate::api::{ConditionType, ObservedStatus, Reason};

/// Writes a verdict into a status: `Ready`, and `Reconciling` or `Stalled` where one of them holds. Transition times
/// stay where a condition's status stays.
pub fn set_verdict<S: ObservedStatus>(status: &mut S, verdict: &Verdict, generation: i64, now: Timestamp) {
    let known = status.observed_generation() == Some(generation);
    let ready = status.conditions().iter().find(|it| it.type_ == ConditionType::Ready.as_str()).cloned();
    let (ready_status, beside, reason, message) = match verdict {
        Verdict::Ready(reason, message) => ("True", None, *reason, message.clone()),
        Verdict::Reconciling(reason, message) => ("False", Some(ConditionType::Reconciling), *reason, message.clone()),
        Verdict::Stalled(reason, message) => ("False", Some(ConditionType::Stalled), *reason, message.clone()),
        Verdict::Unknown(reason, message) => ("Unknown", Some(ConditionType::Reconciling), *reason, message.clone()),
        Verdict::Unchanged(reason, message) => match ready.as_ref().filter(|_| known) {
            // What was true of this generation is still true: a passing fault is no news.
            Some(ready) if ready.status == "True" => return,
            _ => ("False", Some(ConditionType::Reconciling), *reason, message.clone()),
        },
    };
    let kept: Vec<Condition> = status.conditions().to_vec();
    let make = |type_: ConditionType, value: &str, reason: Reason, message: &str| {
        let before = kept.iter().find(|it| it.type_ == type_.as_str() && it.status == value);
        Condition {
            type_: type_.as_str().to_owned(),
            status: value.to_owned(),
            reason: reason.as_str().to_owned(),
            message: message.to_owned(),
            observed_generation: Some(generation),
            last_transition_time: before.map_or_else(|| seconds(now), |it| it.last_transition_time.clone()),
        }
    };
    let mut next = vec![make(ConditionType::Ready, ready_status, reason, &message)];
    next.extend(beside.map(|type_| make(type_, "True", reason, &message)));
    next.extend(kept.iter().filter(|it| it.type_ == ConditionType::Drifted.as_str()).cloned());
    *status.conditions_mut() = next;
    status.set_observed_generation(Some(generation));
}

/// Sets or removes `Drifted`: something differs and is not being put right.
pub fn mark_drifted<S: ObservedStatus>(status: &mut S, message: Option<String>, generation: i64, now: Timestamp) {
    let type_ = ConditionType::Drifted.as_str();
    let before = status.conditions().iter().find(|it| it.type_ == type_).cloned();
    status.conditions_mut().retain(|it| it.type_ != type_);
    if let Some(message) = message {
        status.conditions_mut().push(Condition {
            type_: type_.to_owned(),
            status: "True".to_owned(),
            reason: "Drifted".to_owned(),
            message,
            observed_generation: Some(generation),
            last_transition_time: before.map_or_else(|| seconds(now), |it| it.last_transition_time),
        });
    }
}

/// Conditions carry whole seconds.
fn seconds(now: Timestamp) -> Time {
    Time(Timestamp::from_second(now.as_second()).unwrap_or(now))
}
