//! Queues and the functions that work on their messages.

use super::Finding;
use super::facts::{Facts, number};

/// Seconds that a function may run, where nothing is said.
const TIMEOUT: i64 = 3;
/// Seconds for which a message is hidden, where nothing is said.
const VISIBILITY: i64 = 30;
/// How often AWS advises to let a message be received before it is given up.
const RECEIVES: i64 = 5;

pub(super) fn find(facts: &Facts<'_>, findings: &mut Vec<Finding>) {
    for mapping in facts.queue_mappings() {
        let timeout = number(mapping.function_properties.get("Timeout")).unwrap_or(TIMEOUT);
        let visibility = number(mapping.queue_properties.get("VisibilityTimeout")).unwrap_or(VISIBILITY);
        let (queue, function) = (mapping.queue, mapping.function);
        if visibility < timeout {
            let why = format!(
                "messages are hidden for {visibility} s and {function} may work for {timeout} s: AWS refuses the mapping, and \
                 without that a message would come again while it is worked on"
            );
            let mend =
                format!("Set VisibilityTimeout to {} or more, or Timeout lower.", timeout.saturating_mul(6));
            findings.push(Finding::of(facts, "queue-visibility", queue, "VisibilityTimeout", why, &mend));
        } else if visibility < timeout.saturating_mul(6) {
            let why = format!(
                "messages are hidden for {visibility} s, and {function} may work for {timeout} s: AWS advises six times that, \
                 so that a throttled batch can be tried again before its messages come back"
            );
            let mend = format!("Set VisibilityTimeout to {}.", timeout.saturating_mul(6));
            findings.push(Finding::of(
                facts,
                "queue-visibility-margin",
                queue,
                "VisibilityTimeout",
                why,
                &mend,
            ));
        }
        let receives = number(mapping.queue_properties.pointer("/RedrivePolicy/maxReceiveCount"));
        if let Some(receives) = receives.filter(|receives| *receives < RECEIVES) {
            let why = format!(
                "a message is given up after {receives} receives: throttling of {function} counts as a receive too, so that \
                 good messages end in the dead-letter queue"
            );
            let mend = format!("Set maxReceiveCount (a construct's maxRetries) to {RECEIVES} or more.");
            findings.push(Finding::of(facts, "queue-receives", queue, "RedrivePolicy", why, &mend));
        }
    }
}
