//! `AWS::CloudFormation::WaitConditionHandle`, `WaitCondition`, and signals that resources with a creation policy wait for.
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-waitcondition.html>

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use moln_kernel::{Timestamp, resources::Resource};
use serde_json::{Map, Value};

use super::Refusal;
use crate::{
    engine::{Run, Waited},
    tables::{ANSWERS, AnswerRow, ResourceRow},
};

/// Longest wait, 12 hours.
const LONGEST: Duration = Duration::from_hours(12);

/// Under which name signals for a resource arrive.
pub(crate) fn signals(uid: &str, logical: &str) -> String {
    format!("signal/{uid}/{logical}")
}

/// The URL at which whoever was told to answers.
pub(super) fn handle(run: &Run, row: &ResourceRow) -> Resource {
    let what = format!("wait/{}/{}", run.uid, row.token);
    let url = run.service.wait_url(run, &row.logical_id, &what);
    Resource { id: url.clone(), reference: url, attributes: BTreeMap::new() }
}

fn number(value: Option<&Value>) -> Option<u64> {
    match value? {
        Value::String(text) => text.parse().ok(),
        other => other.as_u64(),
    }
}

/// Waits until `done` is content with what has come.
async fn wait<T>(
    run: &Arc<Run>,
    row: &ResourceRow,
    what: &str,
    lasting: Duration,
    done: impl Fn(&AnswerRow) -> Option<T>,
) -> Result<Result<T, usize>, Refusal> {
    let mut row = run.current(row);
    let deadline = if let Some(deadline) = row.deadline {
        deadline
    } else {
        let deadline = run.service.clock.now().after(lasting.min(LONGEST)).millis();
        row.deadline = Some(deadline);
        run.remember(row.clone()).await?;
        deadline
    };
    let service = &run.service;
    let come = || Ok(ANSWERS.get(&*service.store.snapshot(), &[what])?.unwrap_or_default());
    let check = || Ok::<_, moln_kernel::ApiError>(done(&come()?));
    let waited = run.wait(what, Some(Timestamp(deadline)), check).await?;
    let mut row = run.current(&row);
    row.deadline = None;
    run.remember(row).await?;
    match waited {
        Waited::Found(found) => Ok(Ok(found)),
        Waited::Late => {
            let come: Result<AnswerRow, moln_kernel::ApiError> = come();
            Ok(Err(come?.bodies.len()))
        }
        Waited::Stopped => Err(Refusal("Resource creation cancelled".to_owned())),
    }
}

/// Waits for as many answers at the handle as the template says.
pub(super) async fn condition(run: &Arc<Run>, row: &ResourceRow) -> Result<Resource, Refusal> {
    let handle = row.properties.get("Handle").and_then(Value::as_str).unwrap_or_default();
    let what = run.service.awaited(handle);
    let what = what.ok_or_else(|| Refusal("Property Handle is not a wait condition handle.".to_owned()))?;
    let count = usize::try_from(number(row.properties.get("Count")).unwrap_or(1)).unwrap_or(usize::MAX);
    let seconds = number(row.properties.get("Timeout"))
        .ok_or_else(|| Refusal("Property Timeout cannot be empty.".to_owned()))?;
    let text = |body: &Value, name: &str| match body.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    };
    let done = |come: &AnswerRow| {
        let mut data = Map::new();
        for (id, body) in &come.bodies {
            let body: Value = serde_json::from_str(body).unwrap_or_default();
            if text(&body, "Status") == "FAILURE" {
                let reason = text(&body, "Reason");
                return Some(Err(Refusal(format!(
                    "WaitCondition received failed message: '{reason}' for uniqueId: {id}"
                ))));
            }
            data.insert(id.clone(), text(&body, "Data").into());
        }
        (data.len() >= count).then_some(Ok(data))
    };
    match wait(run, row, &what, Duration::from_secs(seconds), done).await? {
        Ok(data) => {
            let data = Value::Object(data?);
            let id = format!("{}/{}", run.stack.id, row.logical_id);
            let attributes = BTreeMap::from([("Data".to_owned(), Value::from(data.to_string()))]);
            Ok(Resource { reference: id.clone(), id, attributes })
        }
        Err(come) => Err(Refusal(format!(
            "WaitCondition timed out. Received {come} conditions when expecting {count}"
        ))),
    }
}

/// `PT5M` and the like.
fn duration(text: &str) -> Option<Duration> {
    let mut seconds = 0u64;
    let mut number = String::new();
    for letter in text.strip_prefix("PT")?.chars() {
        if letter.is_ascii_digit() {
            number.push(letter);
            continue;
        }
        let unit = match letter {
            'H' => 3_600,
            'M' => 60,
            'S' => 1,
            _ => return None,
        };
        seconds = seconds.checked_add(number.parse::<u64>().ok()?.checked_mul(unit)?)?;
        number.clear();
    }
    number.is_empty().then(|| Duration::from_secs(seconds))
}

impl Run {
    /// Waits for the signals of a creation policy.
    pub(crate) async fn signals(self: &Arc<Self>, row: &ResourceRow, policy: &Value) -> Result<(), Refusal> {
        let count = usize::try_from(number(policy.get("Count")).unwrap_or(1)).unwrap_or(usize::MAX);
        let lasting =
            policy.get("Timeout").and_then(Value::as_str).map_or(Some(Duration::from_mins(5)), duration);
        let lasting = lasting.ok_or_else(|| Refusal("Invalid Timeout in CreationPolicy.".to_owned()))?;
        let what = signals(&self.uid, &row.logical_id);
        let done = |come: &AnswerRow| {
            if let Some((id, _)) = come.bodies.iter().find(|(_, status)| *status == "FAILURE") {
                return Some(Err(Refusal(format!("Received FAILURE signal with UniqueId {id}"))));
            }
            (come.bodies.len() >= count).then_some(Ok(()))
        };
        match wait(self, row, &what, lasting, done).await? {
            Ok(result) => result,
            Err(come) => Err(Refusal(format!(
                "Failed to receive {} resource signal(s) within the specified duration",
                count.saturating_sub(come)
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read() {
        assert_eq!(duration("PT1H2M3S"), Some(Duration::from_secs(3_723)));
        assert_eq!(duration("PT15M"), Some(Duration::from_mins(15)));
        for bad in ["", "15M", "PT5", "PT5X", "P1D", "PTM"] {
            assert_eq!(duration(bad), None, "{bad}");
        }
    }
}
