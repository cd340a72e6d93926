//! Throttling: a bucket of tokens for each route that has limits, filled by the clock.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-throttling.html>

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use moln_kernel::Timestamp;

use crate::model::{RouteSettings, Stage};

/// The buckets of a stage; there are no more than its API has routes.
#[derive(Default)]
pub(crate) struct Buckets(Mutex<HashMap<String, Bucket>>);

#[derive(Clone, Copy)]
struct Bucket {
    tokens: f64,
    filled: Timestamp,
}

/// Requests a second, and how many at once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rate {
    per_second: f64,
    burst: f64,
}

impl Rate {
    /// What a stage allows a route; `None`: it says nothing.
    pub(crate) fn of(stage: &Stage, route_key: &str) -> Option<Self> {
        let own = stage.route_settings.as_ref().and_then(|all| all.get(route_key));
        let all = stage.default_route_settings.as_ref();
        let pick = |settings: Option<&RouteSettings>| {
            let settings = settings?;
            let rate = settings.throttling_rate_limit;
            let burst = settings.throttling_burst_limit.map(f64::from);
            (rate.is_some() || burst.is_some()).then_some((rate, burst))
        };
        let (rate, burst) = pick(own).or_else(|| pick(all))?;
        let per_second = rate.unwrap_or(f64::MAX);
        Some(Self { per_second, burst: burst.unwrap_or(per_second) })
    }
}

impl Buckets {
    /// Takes a token; `false`: there is none.
    pub(crate) fn take(&self, route_key: &str, rate: Rate, now: Timestamp) -> bool {
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !buckets.contains_key(route_key) {
            buckets.insert(route_key.to_owned(), Bucket { tokens: rate.burst, filled: now });
        }
        let Some(bucket) = buckets.get_mut(route_key) else { return true };
        let passed = now.since(bucket.filled).as_secs_f64();
        bucket.filled = bucket.filled.max(now);
        bucket.tokens = (bucket.tokens + passed * rate.per_second).min(rate.burst);
        let there = bucket.tokens >= 1.0;
        if there {
            bucket.tokens -= 1.0;
        }
        there
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_empties_and_fills() {
        let buckets = Buckets::default();
        let rate = Rate { per_second: 2.0, burst: 3.0 };
        let take = |millis| buckets.take("GET /", rate, Timestamp(millis));
        assert_eq!([take(0), take(0), take(0), take(0)], [true, true, true, false]);
        assert_eq!([take(400), take(500), take(500)], [false, true, false]);
        assert_eq!([take(60_000), take(60_000), take(60_000), take(60_000)], [true, true, true, false]);
        assert!(buckets.take("GET /other", rate, Timestamp(60_000)));
    }

    #[test]
    fn a_routes_own_limits_count_more() {
        let limits = |rate, burst| RouteSettings {
            throttling_rate_limit: rate,
            throttling_burst_limit: burst,
            ..RouteSettings::default()
        };
        let stage = Stage {
            default_route_settings: Some(limits(Some(10.0), Some(5))),
            route_settings: Some([("GET /".to_owned(), limits(Some(0.0), Some(0)))].into()),
            ..Stage::default()
        };
        assert_eq!(Rate::of(&stage, "GET /"), Some(Rate { per_second: 0.0, burst: 0.0 }));
        assert_eq!(Rate::of(&stage, "POST /"), Some(Rate { per_second: 10.0, burst: 5.0 }));
        assert_eq!(Rate::of(&Stage::default(), "GET /"), None);
    }
}
