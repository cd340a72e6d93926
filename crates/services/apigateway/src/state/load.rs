//! Reads everything at start: definitions are small, and requests must find them without a disk.

use std::{collections::BTreeMap, sync::Arc};

use moln_kernel::{AccountId, ApiError, Region};
use moln_store::{Scan, Store, StoreError};

use super::{Definition, Deployed, Domain, Entry, Registry};
use crate::{
    recast,
    serve::Plan,
    tables::{API, DEPLOYMENT, DOMAIN, MAPPING, PARTS, STAGE, VPC_LINK},
};

/// Kind and id → JSON.
type Parts = BTreeMap<(String, String), String>;

/// Everything in a store.
pub(crate) fn load(store: &Store) -> Result<Registry, StoreError> {
    let snapshot = store.snapshot();
    let mut homes: BTreeMap<((String, String), String), Parts> = BTreeMap::new();
    let mut rest = Some(PARTS.all());
    while let Some(range) = rest {
        let page = PARTS.scan(&*snapshot, &range, Scan::default())?;
        for ((place, home, part), row, _) in page.rows {
            homes.entry((place, home)).or_default().insert(part, row.json);
        }
        rest = page.rest;
    }
    let mut registry = Registry::default();
    for (((account, region), home), parts) in homes {
        let place = (AccountId::new(account), Region::new(region));
        take(&mut registry, place, &home, &parts).map_err(|error| {
            StoreError::Corrupt(format!("API Gateway's {home} cannot be read: {}", error.message).into())
        })?;
    }
    Ok(registry)
}

fn take(
    registry: &mut Registry,
    (account, region): (AccountId, Region),
    home: &str,
    parts: &Parts,
) -> Result<(), ApiError> {
    let single = |kind: &str| parts.get(&(kind.to_owned(), String::new()));
    if let Some(json) = single(VPC_LINK) {
        registry.links.insert((account, region, home.to_owned()), Arc::new(recast::parse(json)?));
    } else if let Some(json) = single(DOMAIN) {
        let mut mappings = BTreeMap::new();
        for ((kind, id), json) in parts {
            if kind == MAPPING {
                mappings.insert(id.clone(), Arc::new(recast::parse(json)?));
            }
        }
        let domain = Domain { account, region, name: Arc::new(recast::parse(json)?), mappings };
        registry.domains.insert(home.to_owned(), Arc::new(domain));
    } else if single(API).is_some() {
        let entry = api((account, region), home, parts)?;
        registry.apis.insert(Arc::clone(&entry.id), Arc::new(entry));
    } else {
        return Err(ApiError::internal("its first row is missing"));
    }
    Ok(())
}

fn api((account, region): (AccountId, Region), home: &str, parts: &Parts) -> Result<Entry, ApiError> {
    let mut definition = Definition::default();
    let mut frozen: BTreeMap<&str, Definition> = BTreeMap::new();
    let mut stages = BTreeMap::new();
    let mut deployments = BTreeMap::new();
    for ((kind, id), json) in parts {
        match (kind.split_once(':'), kind.as_str()) {
            (Some((deployment, kind)), _) => frozen.entry(deployment).or_default().load(kind, id, json)?,
            (None, STAGE) => drop(stages.insert(id.clone(), Arc::new(recast::parse(json)?))),
            (None, DEPLOYMENT) => {
                let deployed = Deployed { deployment: Arc::new(recast::parse(json)?), frozen: None };
                deployments.insert(id.clone(), deployed);
            }
            (None, kind) => definition.load(kind, id, json)?,
        }
    }
    for (deployment, definition) in frozen {
        if let Some(deployed) = deployments.get_mut(deployment) {
            deployed.frozen = Some(Arc::new(definition));
        }
    }
    let mut entry = Entry {
        account,
        region,
        id: home.into(),
        definition: Arc::new(definition),
        stages,
        deployments,
        plans: BTreeMap::new(),
    };
    entry.plans = Plan::all(&entry, None);
    Ok(entry)
}
