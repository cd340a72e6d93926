//! All APIs and domain names, as requests find them.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use moln_kernel::{AccountId, Context, Region};

use super::{Definition, Rows};
use crate::{
    model::{ApiMapping, Deployment, DomainName, Stage, VpcLink},
    serve::Plan,
};

/// An API with its stages.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) account: AccountId,
    pub(crate) region: Region,
    pub(crate) id: Arc<str>,
    /// As it stands.
    pub(crate) definition: Arc<Definition>,
    pub(crate) stages: Rows<Stage>,
    pub(crate) deployments: BTreeMap<String, Deployed>,
    /// What each stage serves.
    pub(crate) plans: BTreeMap<String, Arc<Plan>>,
}

/// A deployment, and what it froze: nothing, as long as it is the newest of stages that are deployed by themselves, which
/// serve what is current.
#[derive(Clone)]
pub(crate) struct Deployed {
    pub(crate) deployment: Arc<Deployment>,
    pub(crate) frozen: Option<Arc<Definition>>,
}

impl Entry {
    /// What a stage serves: nothing before its first deployment.
    pub(crate) fn served(&self, stage: &Stage) -> Option<&Arc<Definition>> {
        let deployed = self.deployments.get(stage.deployment_id.as_deref()?)?;
        Some(deployed.frozen.as_ref().unwrap_or(&self.definition))
    }

    /// Whether it is this caller's.
    pub(crate) fn belongs(&self, ctx: &Context) -> bool {
        self.account == ctx.account && self.region == ctx.region
    }
}

/// A custom domain name.
#[derive(Clone)]
pub(crate) struct Domain {
    pub(crate) account: AccountId,
    pub(crate) region: Region,
    pub(crate) name: Arc<DomainName>,
    pub(crate) mappings: Rows<ApiMapping>,
}

impl Domain {
    /// Whether it is this caller's.
    pub(crate) fn belongs(&self, ctx: &Context) -> bool {
        self.account == ctx.account && self.region == ctx.region
    }
}

/// Everything there is.
#[derive(Default)]
pub(crate) struct Registry {
    /// By id: ids are unique over accounts and regions.
    pub(crate) apis: HashMap<Arc<str>, Arc<Entry>>,
    /// By name in small letters: a name leads to one API only.
    pub(crate) domains: HashMap<String, Arc<Domain>>,
    /// By account, region and id.
    pub(crate) links: BTreeMap<(AccountId, Region, String), Arc<VpcLink>>,
}
