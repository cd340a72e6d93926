//! All outcomes of a comparison, and the figures drawn from them: medians over the rounds.

use std::collections::BTreeMap;

use crate::load::{Outcome, Workload};

/// Median; of an even number of values the mean of the middle two; not a number when there is none.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |index: usize| sorted.get(index).copied().unwrap_or(f64::NAN);
    f64::midpoint(at((sorted.len().max(1) - 1) / 2), at(sorted.len() / 2))
}

/// Outcomes by workload and server, one per round.
#[derive(Debug, Default)]
pub struct Results {
    runs: BTreeMap<(Workload, String), Vec<Outcome>>,
}

impl Results {
    /// Adds a round's outcome.
    pub fn add(&mut self, workload: Workload, server: &str, outcome: Outcome) {
        self.runs.entry((workload, server.to_owned())).or_default().push(outcome);
    }

    /// The outcomes of a workload against a server, in the order of the rounds; empty when it was not run.
    pub fn rounds(&self, workload: Workload, server: &str) -> &[Outcome] {
        self.runs.get(&(workload, server.to_owned())).map_or(&[], Vec::as_slice)
    }

    /// What went wrong first, when anything did: then there are no figures.
    pub fn trouble(&self, workload: Workload, server: &str) -> Option<&str> {
        self.rounds(workload, server).iter().find_map(|outcome| outcome.trouble.as_deref())
    }

    /// Whether any run against this server failed.
    pub fn failed(&self, server: &str) -> bool {
        self.runs
            .iter()
            .any(|((_, name), rounds)| name == server && rounds.iter().any(|round| round.trouble.is_some()))
    }

    /// Whether a workload was run against a server, well or not.
    pub fn has(&self, workload: Workload, server: &str) -> bool {
        !self.rounds(workload, server).is_empty()
    }

    /// A figure in each round; empty when any round failed.
    pub fn figures(&self, workload: Workload, server: &str, metric: &str) -> Vec<f64> {
        if self.trouble(workload, server).is_some() {
            return Vec::new();
        }
        let rounds = self.rounds(workload, server).iter();
        rounds.filter_map(|outcome| outcome.values.get(metric).copied()).collect()
    }

    /// A figure's median over the rounds.
    pub fn median(&self, workload: Workload, server: &str, metric: &str) -> Option<f64> {
        Some(median(&self.figures(workload, server, metric))).filter(|median| median.is_finite())
    }

    /// A figure relative to another one: the median of the ratios within each round, so that what slowed the machine
    /// down in one round slowed both.
    pub fn ratio(&self, of: (Workload, &str), to: (Workload, &str), metric: &str) -> Option<f64> {
        let (of, to) = (self.figures(of.0, of.1, metric), self.figures(to.0, to.1, metric));
        let ratios: Vec<_> = of.iter().zip(&to).map(|(of, to)| of / to).collect();
        Some(median(&ratios)).filter(|median| median.is_finite())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::metric::RATE;

    fn outcome(rate: f64) -> Outcome {
        Outcome { values: BTreeMap::from([(RATE, rate)]), trouble: None }
    }

    #[test]
    fn medians() {
        assert!((median(&[3.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!((median(&[4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < 1e-9);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn ratios_are_taken_within_a_round() {
        let mut results = Results::default();
        for (moln, sync) in [(10.0, 20.0), (100.0, 200.0), (1.0, 4.0)] {
            results.add(Workload::Send, "moln", outcome(moln));
            results.add(Workload::Send, "sync", outcome(sync));
        }
        let send = |server| (Workload::Send, server);
        assert!((results.ratio(send("moln"), send("sync"), RATE).unwrap() - 0.5).abs() < 1e-9);
        assert_eq!(results.ratio(send("moln"), send("peer"), RATE), None);
        assert!((results.median(Workload::Send, "moln", RATE).unwrap() - 10.0).abs() < 1e-9);
    }

    #[test]
    fn one_failed_round_takes_the_figures_away() {
        let mut results = Results::default();
        results.add(Workload::Send, "moln", outcome(1.0));
        results.add(Workload::Send, "moln", Outcome::failed("it broke"));
        assert_eq!(results.median(Workload::Send, "moln", RATE), None);
        assert_eq!(results.trouble(Workload::Send, "moln"), Some("it broke"));
    }
}
