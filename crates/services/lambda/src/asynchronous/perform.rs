//! One try at one entry: run or deliver, decide, commit.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use moln_kernel::{ApiError, Context, Lineage, Principal, RecursiveLoop, RequestId, Timestamp};
use moln_store::{Batch, StoreError};

use super::{
    Asynchronous,
    decide::{Came, Condition, Next, decide, error_message, expiry, pause},
    event::{Entry, Place, Task},
    lanes::Went,
    limits::{DELIVERY_AGE, ERROR_MESSAGE_BYTES, RECORD_BYTES, REFUSED, SHORT_RECORD_BYTES},
};
use crate::{
    destinations::{Kind, Parcel, record::Record},
    running::{Answer, Call, Callee, Profile, RunFunction, chain, is_gone, is_throttled, judge},
};

/// The queue's entry could not be worked on: nothing is known of it.
struct Stuck;

impl From<StoreError> for Stuck {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "an asynchronous event cannot be worked on");
        Self
    }
}

/// Tries.
pub(super) async fn perform(
    events: &Asynchronous,
    functions: &dyn RunFunction,
    place: &Place,
    entry: Entry,
) -> Went {
    let tried = match &entry.task {
        Task::Invoke { client_context, .. } => {
            let client_context = client_context.clone();
            invoke(events, functions, place, &entry, client_context).await
        }
        Task::Deliver { to, dead_letter, success } => {
            let none = BTreeMap::new();
            let attributes = dead_letter.as_ref().unwrap_or(&none);
            deliver(events, functions, place, &entry, (to, attributes, *success)).await
        }
    };
    tried.unwrap_or_else(|Stuck| Went::Unknown(events.clock.now().after(REFUSED)))
}

fn callee(place: &Place, entry: &Entry) -> Callee {
    Callee {
        account: place.lane.account.clone(),
        region: place.lane.region.clone(),
        name: Arc::clone(&place.lane.name),
        qualifier: entry.qualifier.as_deref().map(Into::into),
    }
}

async fn commit(events: &Asynchronous, batch: Batch) -> Result<(), Stuck> {
    events.store.commit(batch).await.map(drop).map_err(|error| {
        tracing::error!(%error, "what became of an asynchronous event cannot be written");
        Stuck
    })
}

async fn invoke(
    events: &Asynchronous,
    functions: &dyn RunFunction,
    place: &Place,
    entry: &Entry,
    client_context: Option<String>,
) -> Result<Went, Stuck> {
    let callee = callee(place, entry);
    let now = events.clock.now();
    let profile = match functions.profile(&callee) {
        Ok(profile) => profile,
        Err(error) => {
            // With the function its settings are gone, too: there is nowhere to tell.
            tracing::warn!(function = %callee.arn(), request = %entry.request_id, %error, "an asynchronous event is dropped");
            events.metric(&place.lane, "AsyncEventsDropped", 1.0);
            let mut batch = Batch::default();
            place.delete(&mut batch, entry);
            commit(events, batch).await?;
            return Ok(Went::Through);
        }
    };
    let lineage = entry.chain();
    let payload = place.payload(&*events.store.snapshot(), entry)?;
    let came = if now >= expiry(entry, &profile) {
        Came::TooOld
    } else if let Err(stopped) = judge(&callee, &profile, &lineage) {
        Came::Looped(stopped)
    } else {
        let call = Call {
            callee: callee.clone(),
            request_id: RequestId::new(entry.request_id.as_str()),
            payload: payload.clone(),
            client_context,
            trace: entry.trace.as_deref().map(Into::into),
            lineage: lineage.clone(),
        };
        match functions.run(call).await {
            Ok(answer) => Came::Answered(answer),
            Err(error) => Came::Refused(error),
        }
    };
    let went = match &came {
        Came::Refused(error) if is_throttled(error) => Went::Throttled,
        Came::Refused(error) if is_gone(error) => Went::Through,
        Came::Refused(_) => Went::Throttled,
        _ => Went::Through,
    };
    let now = events.clock.now();
    match decide(entry, place.number, &profile, &came, now) {
        Next::Again { entry: later, due } => {
            if let Came::Refused(error) = &came
                && !is_throttled(error)
            {
                tracing::warn!(function = %callee.arn(), %error, "an asynchronous event is tried again later");
            }
            let mut batch = Batch::default();
            let later = place.postpone(&mut batch, &later, due)?;
            commit(events, batch).await?;
            events.note(&later);
        }
        Next::End { condition, invokes, why } => {
            let end = End { callee, profile, lineage, payload, came, condition, invokes, why, now };
            end.tell(events, place, entry).await?;
        }
    }
    Ok(went)
}

/// An event that has come to its end.
struct End {
    callee: Callee,
    profile: Profile,
    lineage: Lineage,
    payload: Bytes,
    came: Came,
    condition: Condition,
    invokes: u32,
    why: Option<(u16, String)>,
    now: Timestamp,
}

impl End {
    fn answer(&self) -> Option<&Answer> {
        match &self.came {
            Came::Answered(answer) => Some(answer),
            _ => None,
        }
    }

    /// Why it failed: type, status, words.
    fn reason(&self) -> (&'static str, u16, String) {
        let kind = match &self.came {
            Came::Looped(_) => "RecursiveInvocationException",
            _ => "Lambda.EventDiscarded",
        };
        match (self.answer(), &self.why, &self.came) {
            (Some(answer), ..) => (kind, 200, error_message(&answer.payload)),
            (None, Some((status, words)), Came::Looped(_)) => {
                (kind, *status, format!("{words}: {}", chain(&self.lineage)))
            }
            (None, Some((status, words)), _) => (kind, *status, words.clone()),
            (None, None, _) => {
                (kind, 500, "The event reached its maximum age before the function could run.".to_owned())
            }
        }
    }

    /// Removes the event and puts in its place, in the same commit, what is to be told of it.
    async fn tell(&self, events: &Asynchronous, place: &Place, entry: &Entry) -> Result<(), Stuck> {
        let success = self.condition == Condition::Success;
        if let Came::Looped(stopped) = &self.came {
            let way = chain(&self.lineage);
            tracing::warn!(function = %self.callee.arn(), request = %entry.request_id, chain = %way, "{stopped}");
            events.metric(&place.lane, "RecursiveInvocationsDropped", 1.0);
        }
        if !success {
            events.metric(&place.lane, "AsyncEventsDropped", 1.0);
        }
        let mut lineage = self.lineage.clone();
        if self.invokes > 0 {
            // The function ran: what is told of it comes from there. Allowed to loop, this cannot fail.
            let _ = lineage.push(self.callee.address().arn(), RecursiveLoop::Allow);
        }
        let told = |task| Entry {
            created: self.now.millis(),
            lineage: lineage.encode(),
            refusals: 0,
            task,
            ..entry.clone()
        };
        let (mut batch, mut placed) = (Batch::default(), Vec::new());
        let to = if success { &self.profile.on_success } else { &self.profile.on_failure };
        if let Some(to) = to {
            let record = self.record(entry, to);
            let task = Task::Deliver { to: to.clone(), dead_letter: None, success };
            let bytes = u32::try_from(record.len()).unwrap_or(u32::MAX);
            let at = Place { lane: place.lane.clone(), due: self.now, number: events.store.stamp() };
            at.put(&mut batch, &Entry { bytes, ..told(task) }, &record)?;
            placed.push(at);
        }
        match self.profile.dead_letter.as_ref().filter(|_| !success) {
            Some(to) => {
                // The event itself goes there: its payload stays where it is.
                let dead_letter = Some(self.attributes(entry));
                let task = Task::Deliver { to: to.clone(), dead_letter, success };
                placed.push(place.postpone(&mut batch, &told(task), self.now)?);
            }
            None => place.delete(&mut batch, entry),
        }
        commit(events, batch).await?;
        for place in &placed {
            events.note(place);
        }
        Ok(())
    }

    fn record(&self, entry: &Entry, to: &str) -> Bytes {
        let arn = match self.callee.qualifier {
            Some(_) => self.callee.arn(),
            None => format!("{}:$LATEST", self.callee.arn()),
        };
        let (kind, _, words) = self.reason();
        // AWS gives no reason where nothing may run: the condition is one.
        let told = self.condition != Condition::ZeroReservedConcurrency;
        let record = Record {
            now: self.now,
            request_id: &entry.request_id,
            function_arn: &arn,
            condition: self.condition.as_str(),
            invokes: self.invokes,
            request: &self.payload,
            answer: self.answer(),
            why: told.then_some((kind, &words)),
        };
        let short = matches!(Kind::of(to), Some(Kind::Topic | Kind::Bus));
        record.write(if short { SHORT_RECORD_BYTES } else { RECORD_BYTES })
    }

    /// What a dead letter says of why it is one.
    fn attributes(&self, entry: &Entry) -> BTreeMap<String, (String, String)> {
        let (_, status, words) = self.reason();
        let mut end = words.len().min(ERROR_MESSAGE_BYTES);
        while !words.is_char_boundary(end) {
            end -= 1;
        }
        let words = words.get(..end).unwrap_or_default();
        // Queues take no control characters but tabs and line ends, and no empty values.
        let allowed = |c: &char| !c.is_control() || matches!(c, '\t' | '\n' | '\r');
        let words: String = words.chars().filter(|c| allowed(c) && *c <= '\u{fffd}').collect();
        let text = |value: String| ("String".to_owned(), value);
        let mut attributes = BTreeMap::from([
            ("RequestID".to_owned(), text(entry.request_id.clone())),
            ("ErrorCode".to_owned(), ("Number".to_owned(), status.to_string())),
        ]);
        if !words.is_empty() {
            attributes.insert("ErrorMessage".to_owned(), text(words));
        }
        attributes
    }
}

async fn deliver(
    events: &Asynchronous,
    functions: &dyn RunFunction,
    place: &Place,
    entry: &Entry,
    (to, attributes, success): (&str, &BTreeMap<String, (String, String)>, bool),
) -> Result<Went, Stuck> {
    let callee = callee(place, entry);
    let now = events.clock.now();
    let body = place.payload(&*events.store.snapshot(), entry)?;
    let fitting = fit(attributes, RECORD_BYTES.saturating_sub(body.len()));
    let arn = callee.address().arn();
    let principal = Principal::Arn(arn.as_str().into());
    let (account, region) = (callee.account.clone(), callee.region.clone());
    let mut ctx = Context::internal(account, region, principal, functions.endpoint(), now);
    ctx.lineage = entry.chain();
    ctx.trace = entry.trace.as_deref().map(Into::into);
    let parcel = Parcel {
        to,
        body,
        attributes: &fitting,
        function: &place.lane.name,
        function_arn: &arn,
        success,
        now,
    };
    let sent = match Kind::of(to) {
        None => Err(ApiError::sender("InvalidDestination", "Nothing that takes records has this ARN.")),
        Some(Kind::Function) => to_function(events, functions, &ctx, to, parcel.body.clone()).await,
        Some(kind) => events.destinations.send(&ctx, kind, &parcel).await,
    };
    let mut batch = Batch::default();
    let passing = |error: &ApiError| {
        (error.status >= 500 && error.status != 501) || is_throttled(error) || error.code.contains("Throttl")
    };
    match sent {
        Err(error) if passing(&error) && now < Timestamp(entry.created).after(DELIVERY_AGE) => {
            let refusals = entry.refusals.saturating_add(1);
            let later = Entry { refusals, ..entry.clone() };
            let later = place.postpone(&mut batch, &later, now.after(pause(refusals, place.number)))?;
            commit(events, batch).await?;
            events.note(&later);
        }
        sent => {
            if let Err(error) = sent {
                let dead_letter = !attributes.is_empty();
                tracing::error!(function = %arn, destination = to, request = %entry.request_id, dead_letter, %error,
                    "the outcome of an asynchronous event cannot be delivered and is dropped");
                let name = if dead_letter { "DeadLetterErrors" } else { "DestinationDeliveryErrors" };
                events.metric(&place.lane, name, 1.0);
            }
            place.delete(&mut batch, entry);
            commit(events, batch).await?;
        }
    }
    Ok(Went::Through)
}

/// Attributes as far as a message has room for them beside the event: the event itself must not be lost for them.
fn fit(
    attributes: &BTreeMap<String, (String, String)>,
    mut room: usize,
) -> BTreeMap<String, (String, String)> {
    let mut fitting = BTreeMap::new();
    for name in ["RequestID", "ErrorCode", "ErrorMessage"] {
        let Some((data_type, value)) = attributes.get(name) else { continue };
        let size = name.len() + data_type.len() + value.len();
        if size <= room {
            room -= size;
            fitting.insert(name.to_owned(), (data_type.clone(), value.clone()));
        }
    }
    fitting
}

/// A record for a function is an asynchronous event of that function.
async fn to_function(
    events: &Asynchronous,
    functions: &dyn RunFunction,
    ctx: &Context,
    to: &str,
    body: Bytes,
) -> Result<(), ApiError> {
    let callee = super::inbox::callee(to)
        .ok_or_else(|| ApiError::sender("InvalidDestination", "No function has this ARN."))?;
    functions.profile(&callee)?;
    events.enqueue(ctx, &callee, body, None).await
}
