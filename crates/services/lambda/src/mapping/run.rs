//! One try at one batch.

use std::sync::Arc;

use moln_kernel::{ApiError, Lineage, RequestId, SharedClock, ports::RecordMetric};

use super::{
    answer::{Verdict, judge as judge_answer},
    record,
    row::MappingRow,
    source::{Item, Source},
};
use crate::{
    asynchronous::metric,
    running::{Call, Callee, Profile, RunFunction, chain, judge},
};

/// What came of a batch.
pub(crate) enum Ran {
    /// It is settled; so many records were processed, so many failed.
    Settled { processed: usize, failed: usize },
    /// The function had no room, or could not run for now: nothing was tried.
    Refused(Vec<Item>, ApiError),
}

/// What a try needs.
pub(crate) struct Runner {
    pub(crate) functions: Arc<dyn RunFunction>,
    pub(crate) source: Arc<dyn Source>,
    pub(crate) metrics: Arc<dyn RecordMetric>,
    pub(crate) clock: SharedClock,
    pub(crate) row: Arc<MappingRow>,
}

impl Runner {
    /// Calls the function with the batch and settles what it processed. What failed is left to the source: it comes back.
    pub(crate) async fn run(self, mut items: Vec<Item>) -> Ran {
        let callee = self.row.callee();
        let profile = match self.functions.profile(&callee) {
            Ok(profile) => profile,
            Err(error) => return Ran::Refused(items, error),
        };
        let stopped = self.stop_loops(&callee, &profile, &mut items);
        if items.is_empty() {
            return Ran::Settled { processed: 0, failed: stopped };
        }
        let call = Call {
            callee,
            request_id: RequestId::random(),
            payload: record::event(items.iter().map(|item| &item.json)),
            client_context: None,
            trace: items.first().and_then(|item| item.trace.clone()),
            lineage: longest(&items, &self.row),
        };
        let answer = match self.functions.run(call).await {
            Ok(answer) => answer,
            Err(error) => return Ran::Refused(items, error),
        };
        let verdict = if answer.error.is_some() {
            Verdict::Nothing
        } else if self.row.reports_failures {
            let ids: Vec<_> = items.iter().map(|item| (item.id.as_str(), item.group.as_deref())).collect();
            judge_answer(&answer.payload, &ids)
        } else {
            Verdict::All
        };
        let all = items.len();
        let through: Vec<String> = items
            .into_iter()
            .enumerate()
            .filter(|(at, _)| match &verdict {
                Verdict::All => true,
                Verdict::Nothing => false,
                Verdict::AllBut(failed) => !failed.contains(at),
            })
            .map(|(_, item)| item.handle)
            .collect();
        let processed = through.len();
        if processed > 0
            && let Err(error) = self.source.processed(through).await
        {
            // They come again: at least once.
            tracing::error!(mapping = %self.row.uuid, source = %self.row.source, %error,
                "processed records could not be removed from their source");
        }
        Ran::Settled { processed, failed: all - processed + stopped }
    }

    /// Takes records out whose chain of events runs in a circle: they count as failed.
    fn stop_loops(&self, callee: &Callee, profile: &Profile, items: &mut Vec<Item>) -> usize {
        let before = items.len();
        items.retain(|item| match judge(callee, profile, &item.lineage) {
            Ok(()) => true,
            Err(stopped) => {
                let way = chain(&item.lineage);
                tracing::warn!(function = %callee.arn(), record = %item.id, source = %self.row.source, chain = %way, "{stopped}");
                let whose = (&callee.account, &callee.region, &*callee.name);
                metric(&*self.metrics, whose, "RecursiveInvocationsDropped", 1.0, self.clock.now());
                false
            }
        });
        before - items.len()
    }
}

/// Of all chains the one that went through the function most often, so that none escapes the guard by company.
fn longest(items: &[Item], row: &MappingRow) -> Lineage {
    let own = row.callee().address().arn();
    let longest = items.iter().max_by_key(|item| (item.lineage.times(&own), item.lineage.hops.len()));
    longest.map(|item| item.lineage.clone()).unwrap_or_default()
}
