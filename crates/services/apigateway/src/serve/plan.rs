//! What a stage serves, ready for requests.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use moln_kernel::{AccountId, Region};

use super::{
    RouteKey,
    authorize::Results,
    mapping::{self, Change, Template},
    throttle::{Buckets, Rate},
};
use crate::{
    limits,
    model::{Authorizer, Integration, Route, Stage},
    state::{Definition, Entry},
};

/// A stage of an API, with what its deployment froze.
pub(crate) struct Plan {
    pub(crate) account: AccountId,
    pub(crate) region: Region,
    pub(crate) api: Arc<str>,
    pub(crate) stage: Arc<Stage>,
    pub(crate) definition: Arc<Definition>,
    /// In the order in which they are tried.
    pub(crate) routes: Vec<Planned>,
    /// The format of access logs.
    pub(crate) log: Option<Template>,
    pub(crate) buckets: Arc<Buckets>,
    pub(crate) results: Arc<Results>,
}

/// A route with what it leads to.
pub(crate) struct Planned {
    pub(crate) key: RouteKey,
    pub(crate) route: Arc<Route>,
    pub(crate) authorizer: Option<Arc<Authorizer>>,
    pub(crate) target: Option<Arc<Target>>,
    pub(crate) rate: Option<Rate>,
}

/// An integration, taken apart.
pub(crate) struct Target {
    pub(crate) integration: Arc<Integration>,
    pub(crate) uri: Template,
    pub(crate) request: Vec<Change>,
    pub(crate) response: BTreeMap<u16, Vec<Change>>,
    /// Of first-class integrations.
    pub(crate) parameters: BTreeMap<String, Template>,
    pub(crate) timeout: Duration,
}

impl Target {
    fn new(integration: &Arc<Integration>) -> Self {
        let millis = integration.timeout_in_millis.and_then(|millis| u64::try_from(millis).ok());
        let parameters = integration.request_parameters.iter().flatten();
        // What is stored was judged: nothing here fails.
        Self {
            integration: Arc::clone(integration),
            uri: Template::parse(integration.integration_uri.as_deref().unwrap_or_default()),
            request: mapping::of_request(integration).unwrap_or_default(),
            response: mapping::of_response(integration).unwrap_or_default(),
            parameters: parameters.map(|(name, value)| (name.clone(), Template::parse(value))).collect(),
            timeout: millis.map_or(limits::INTEGRATION_TIMEOUT, Duration::from_millis),
        }
    }
}

impl Plan {
    /// The plans of an API's stages that were deployed. What a stage counts and remembers goes on in the next plan, results
    /// of authorizers only while the authorizers are the same.
    pub(crate) fn all(entry: &Entry, before: Option<&Entry>) -> BTreeMap<String, Arc<Self>> {
        let plan = |(name, stage): (&String, &Arc<Stage>)| {
            let definition = entry.served(stage)?;
            let old = before.and_then(|before| before.plans.get(name));
            Some((name.clone(), Arc::new(Self::new(entry, stage, definition, old.map(|old| &**old)))))
        };
        entry.stages.iter().filter_map(plan).collect()
    }

    fn new(entry: &Entry, stage: &Arc<Stage>, definition: &Arc<Definition>, old: Option<&Self>) -> Self {
        let targets: BTreeMap<_, _> = definition
            .integrations
            .iter()
            .map(|(id, one)| (id.as_str(), Arc::new(Target::new(one))))
            .collect();
        let planned = |route: &Arc<Route>| {
            let key = RouteKey::parse(&route.route_key).unwrap_or(RouteKey::Default);
            let target = route.target.as_deref().and_then(|target| target.strip_prefix("integrations/"));
            Planned {
                key,
                route: Arc::clone(route),
                authorizer: route
                    .authorizer_id
                    .as_ref()
                    .and_then(|id| definition.authorizers.get(id))
                    .cloned(),
                target: target.and_then(|id| targets.get(id)).cloned(),
                rate: Rate::of(stage, &route.route_key),
            }
        };
        let mut routes: Vec<_> = definition.routes.values().map(planned).collect();
        routes.sort_by(|a, b| a.key.preference(&b.key));
        let same = |old: &&Self| {
            let (a, b) = (&old.definition.authorizers, &definition.authorizers);
            a.len() == b.len() && a.iter().zip(b).all(|((i, a), (j, b))| i == j && Arc::ptr_eq(a, b))
        };
        let log = stage.access_log_settings.as_ref().filter(|log| log.destination_arn.is_some());
        Self {
            account: entry.account.clone(),
            region: entry.region.clone(),
            api: Arc::clone(&entry.id),
            stage: Arc::clone(stage),
            definition: Arc::clone(definition),
            routes,
            log: log.and_then(|log| log.format.as_deref()).map(Template::parse),
            buckets: old.map_or_else(Arc::default, |old| Arc::clone(&old.buckets)),
            results: old.filter(same).map_or_else(Arc::default, |old| Arc::clone(&old.results)),
        }
    }

    /// The route of a request, and the parameters in its path.
    pub(crate) fn route(&self, method: &str, path: &str) -> Option<(&Planned, Vec<(String, String)>)> {
        self.routes.iter().find_map(|planned| Some((planned, planned.key.matches(method, path)?)))
    }

    /// The name of something that this stage serves.
    pub(crate) fn arn(&self, rest: &str) -> String {
        let partition = if self.region.as_str().starts_with("cn-") { "aws-cn" } else { "aws" };
        format!("arn:{partition}:execute-api:{}:{}:{}{rest}", self.region, self.account, self.api)
    }

    /// The same name within the stage.
    pub(crate) fn method_arn(&self, method: &str, path: &str) -> String {
        let slash = if path.starts_with('/') { "" } else { "/" };
        let method = if path.starts_with('$') { String::new() } else { format!("/{method}") };
        self.arn(&format!("/{}{method}{slash}{path}", self.stage.stage_name))
    }
}
