//! What becomes of an event after a try: pure.
//! <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html>

use std::time::Duration;

use moln_fabric::Backoff;
use moln_kernel::{ApiError, LoopStopped, Timestamp};

use super::{
    event::{Entry, Task},
    limits::{BACKOFF_FIRST, BACKOFF_MOST, RETRY_STEP},
};
use crate::running::{Answer, Profile};

/// What a try came to.
#[derive(Clone, Debug)]
pub(crate) enum Came {
    /// The function ran.
    Answered(Answer),
    /// It did not run: throttled, or a failure that is not its own.
    Refused(ApiError),
    /// It was not tried: the chain of events runs in a circle.
    Looped(LoopStopped),
    /// It was not tried: the event is too old.
    TooOld,
}

/// What becomes of the event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// It is tried again.
    Again {
        /// As it is to be kept.
        entry: Entry,
        /// When.
        due: Timestamp,
    },
    /// It has come to an end.
    End {
        /// How.
        condition: Condition,
        /// How often the function ran.
        invokes: u32,
        /// Status and words of what went wrong, where the function gave no answer.
        why: Option<(u16, String)>,
    },
}

/// How an event ended, in the words of a destination's record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    Success,
    RetriesExhausted,
    EventAgeExceeded,
    ZeroReservedConcurrency,
}

impl Condition {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Success => "Success",
            Self::RetriesExhausted => "RetriesExhausted",
            Self::EventAgeExceeded => "EventAgeExceeded",
            Self::ZeroReservedConcurrency => "ZeroReservedConcurrency",
        }
    }
}

/// When an event is too old to be tried.
pub(crate) fn expiry(entry: &Entry, profile: &Profile) -> Timestamp {
    Timestamp(entry.created).after(profile.max_age)
}

/// How long until what was refused is tried again.
pub(crate) fn pause(refusals: u32, number: u64) -> Duration {
    Backoff::new(BACKOFF_FIRST, BACKOFF_MOST).delay(refusals, number)
}

/// Decides. `number` scatters the pauses of different events.
pub(crate) fn decide(entry: &Entry, number: u64, profile: &Profile, came: &Came, now: Timestamp) -> Next {
    let Task::Invoke { invokes, failures, last, client_context } = &entry.task else {
        return Next::End { condition: Condition::Success, invokes: 0, why: None };
    };
    let again = |refusals: u32, failures: u32, last: Option<(u16, String)>, pause: Duration, invokes: u32| {
        let task = Task::Invoke { invokes, failures, client_context: client_context.clone(), last };
        // At the end of its age it is looked at once more, to be given up.
        let due = now.after(pause).min(expiry(entry, profile).max(now.after(Duration::from_millis(1))));
        Next::Again { entry: Entry { refusals, task, ..entry.clone() }, due }
    };
    match came {
        Came::Answered(answer) if answer.error.is_none() => {
            Next::End { condition: Condition::Success, invokes: invokes + 1, why: None }
        }
        Came::Answered(answer) if *failures < profile.retries => {
            let failures = failures + 1;
            let last = Some((200, error_message(&answer.payload)));
            again(0, failures, last, RETRY_STEP * failures, invokes + 1)
        }
        Came::Answered(_) => {
            Next::End { condition: Condition::RetriesExhausted, invokes: invokes + 1, why: None }
        }
        // Nothing runs as long as nothing may: such an event is not kept waiting for it.
        Came::Refused(error) if profile.off => Next::End {
            condition: Condition::ZeroReservedConcurrency,
            invokes: *invokes,
            why: Some((error.status, error.message.clone())),
        },
        Came::Refused(error) => {
            let refusals = entry.refusals.saturating_add(1);
            let last = Some((error.status, error.message.clone()));
            again(refusals, *failures, last, pause(refusals, number), *invokes)
        }
        Came::Looped(stopped) => Next::End {
            condition: Condition::RetriesExhausted,
            invokes: *invokes,
            why: Some((400, stopped.to_string())),
        },
        Came::TooOld => {
            Next::End { condition: Condition::EventAgeExceeded, invokes: *invokes, why: last.clone() }
        }
    }
}

/// `errorMessage` of an error document; what is not one is told as it is.
pub(crate) fn error_message(payload: &[u8]) -> String {
    let document = serde_json::from_slice::<serde_json::Value>(payload).ok();
    let message = document.as_ref().and_then(|document| document.get("errorMessage"));
    match message {
        Some(serde_json::Value::String(text)) => text.clone(),
        Some(other) if !other.is_null() => other.to_string(),
        _ => String::from_utf8_lossy(payload).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use moln_kernel::RecursiveLoop;

    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    fn profile() -> Profile {
        Profile {
            timeout: Duration::from_secs(3),
            recursion: RecursiveLoop::Terminate,
            off: false,
            dead_letter: None,
            retries: 2,
            max_age: 6 * HOUR,
            on_success: None,
            on_failure: None,
        }
    }

    fn entry() -> Entry {
        Entry {
            created: 1_000,
            bytes: 2,
            request_id: "r".into(),
            lineage: String::new(),
            trace: None,
            qualifier: None,
            refusals: 0,
            task: Task::Invoke { invokes: 0, failures: 0, client_context: None, last: None },
        }
    }

    fn answer(error: Option<&'static str>) -> Came {
        let payload = br#"{"errorMessage":"boom","errorType":"E"}"#;
        Came::Answered(Answer { payload: payload.as_slice().into(), error, version: "$LATEST".into() })
    }

    fn throttled() -> Came {
        Came::Refused(ApiError::sender("TooManyRequestsException", "Rate Exceeded.").with_status(429))
    }

    #[test]
    fn a_failure_is_tried_after_one_and_two_minutes_then_given_up() {
        let mut event = entry();
        let mut now = Timestamp(1_000);
        for (minutes, failed) in [(1, 1), (2, 2)] {
            let Next::Again { entry, due } = decide(&event, 1, &profile(), &answer(Some("Unhandled")), now)
            else {
                panic!()
            };
            assert_eq!(due, now.after(Duration::from_mins(minutes)));
            let Task::Invoke { invokes, failures, ref last, .. } = entry.task else { panic!() };
            assert_eq!((invokes, failures, last.clone()), (failed, failed, Some((200, "boom".to_owned()))));
            (event, now) = (entry, due);
        }
        let end = decide(&event, 1, &profile(), &answer(Some("Unhandled")), now);
        assert_eq!(end, Next::End { condition: Condition::RetriesExhausted, invokes: 3, why: None });
        let none = Profile { retries: 0, ..profile() };
        let end = decide(&entry(), 1, &none, &answer(Some("Unhandled")), now);
        assert_eq!(end, Next::End { condition: Condition::RetriesExhausted, invokes: 1, why: None });
        let end = decide(&event, 1, &profile(), &answer(None), now);
        assert_eq!(end, Next::End { condition: Condition::Success, invokes: 3, why: None });
    }

    #[test]
    fn refusals_back_off_and_use_up_no_retries_until_the_event_is_too_old() {
        let (mut event, mut now, mut tries) = (entry(), Timestamp(1_000), 0);
        while now < expiry(&event, &profile()) {
            let Next::Again { entry, due } = decide(&event, 9, &profile(), &throttled(), now) else {
                panic!()
            };
            let pause = due.since(now);
            assert!(pause <= BACKOFF_MOST && !pause.is_zero(), "{pause:?}");
            if tries < 5 {
                assert!(pause <= Duration::from_secs(1 << tries), "{tries} {pause:?}");
            }
            (event, now) = (entry, due);
            tries += 1;
        }
        assert!((72..200).contains(&tries), "six hours at one to five minutes: {tries}");
        assert_eq!(now, expiry(&event, &profile()), "looked at when its age is over");
        let end = decide(&event, 9, &profile(), &Came::TooOld, now);
        let why = Some((429, "Rate Exceeded.".to_owned()));
        assert_eq!(end, Next::End { condition: Condition::EventAgeExceeded, invokes: 0, why });
        // A success in between starts the count again; failures keep theirs.
        let Next::Again { entry, .. } = decide(&event, 9, &profile(), &answer(Some("Unhandled")), now) else {
            panic!()
        };
        assert_eq!(entry.refusals, 0);
    }

    #[test]
    fn a_function_that_is_off_keeps_nothing_waiting() {
        let off = Profile { off: true, ..profile() };
        let Next::End { condition, why, .. } = decide(&entry(), 1, &off, &throttled(), Timestamp(1_000))
        else {
            panic!()
        };
        assert_eq!((condition, why.unwrap().0), (Condition::ZeroReservedConcurrency, 429));
    }

    #[test]
    fn a_loop_ends_at_once_and_says_where() {
        let stopped = LoopStopped { resource: "arn:f".into(), times: 16 };
        let Next::End { invokes, why, .. } =
            decide(&entry(), 1, &profile(), &Came::Looped(stopped), Timestamp(1_000))
        else {
            panic!()
        };
        assert_eq!((invokes, why.as_ref().map(|why| why.0)), (0, Some(400)));
        assert!(why.unwrap().1.contains("arn:f"));
    }

    #[test]
    fn what_went_wrong_is_found_in_any_document() {
        assert_eq!(error_message(br#"{"errorMessage":"x"}"#), "x");
        assert_eq!(error_message(br#"{"errorMessage":5}"#), "5");
        assert_eq!(error_message(br#"{"errorMessage":null}"#), r#"{"errorMessage":null}"#);
        assert_eq!(error_message(b"\"plain\""), "\"plain\"");
        assert_eq!(error_message(b"\xff"), "\u{fffd}");
    }
}
