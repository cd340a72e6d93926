//! Walks a graph: everything whose turn it is at once, within bounds.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use moln_kernel::clock::BoxFuture;
use tokio::task::JoinSet;

use super::run::{Failure, Run};
use crate::limits;

/// Names, and what has to be done before each. Names that are no node's are not waited for.
pub(super) type Graph = BTreeMap<String, BTreeSet<String>>;

/// What one step comes to.
pub(super) type Outcome = Result<(), Failure>;

/// The graph with its arrows turned round.
pub(super) fn reversed(graph: &Graph) -> Graph {
    let mut turned: Graph = graph.keys().map(|name| (name.clone(), BTreeSet::new())).collect();
    for (name, before) in graph {
        for one in before {
            if let Some(after) = turned.get_mut(one) {
                after.insert(name.clone());
            }
        }
    }
    turned
}

impl Run {
    /// Takes every step once those before it have succeeded. With `stop`, the first failure ends it: what is under way is
    /// told and waited for, nothing else begins. Without, only what comes after the failure is left out. Answers who
    /// failed.
    ///
    /// Errors: the store's.
    pub(super) async fn walk(
        self: &Arc<Self>,
        graph: &Graph,
        stop: bool,
        step: impl Fn(Arc<Self>, String) -> BoxFuture<'static, Outcome>,
    ) -> Result<BTreeSet<String>, Failure> {
        let mut done = BTreeSet::new();
        let mut failed = BTreeSet::new();
        let mut tasks: JoinSet<(String, Outcome)> = JoinSet::new();
        let begin = |tasks: &mut JoinSet<(String, Outcome)>, name: &String| {
            let (task, name) = (step(Arc::clone(self), name.clone()), name.clone());
            tasks.spawn(async move { (name, task.await) });
        };
        // What a crash has cut off is brought to an end whatever comes: it may be there.
        let is_cut_off = |name: &&String| stop && self.row(name).is_some_and(|row| row.is_being_made());
        let (cut_off, mut waiting): (BTreeSet<&String>, BTreeSet<&String>) =
            graph.keys().partition(is_cut_off);
        for name in cut_off {
            begin(&mut tasks, name);
        }
        loop {
            if !(stop && (!failed.is_empty() || self.is_stopping())) {
                let is_ready = |name: &&&String| {
                    graph.get(**name).is_none_or(|before| {
                        before.iter().all(|one| done.contains(one) || !graph.contains_key(one))
                    })
                };
                let room = limits::STEPS.saturating_sub(tasks.len());
                let ready: Vec<&String> = waiting.iter().filter(is_ready).take(room).copied().collect();
                for name in ready {
                    waiting.remove(name);
                    begin(&mut tasks, name);
                }
            }
            self.service.pulse.steps(&self.uid, tasks.len());
            let Some(ended) = tasks.join_next().await else { break };
            match ended {
                Ok((name, Ok(()))) => drop(done.insert(name)),
                Ok((name, Err(Failure::Resource))) => {
                    failed.insert(name);
                    if stop {
                        self.stop();
                    }
                }
                Ok((_, Err(fatal))) => return Err(fatal),
                Err(error) => return Err(Failure::Broken(error.to_string())),
            }
        }
        self.service.pulse.steps(&self.uid, 0);
        Ok(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrows_are_turned() {
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
        let graph: Graph = [("a", set(&[])), ("b", set(&["a", "gone"])), ("c", set(&["a", "b"]))]
            .into_iter()
            .map(|(name, before)| (name.to_owned(), before))
            .collect();
        let turned = reversed(&graph);
        assert_eq!(turned["a"], set(&["b", "c"]));
        assert_eq!(turned["b"], set(&["c"]));
        assert_eq!(turned["c"], set(&[]));
    }
}
