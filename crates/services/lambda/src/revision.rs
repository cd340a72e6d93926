//! From a version's row to what runs.

use std::{sync::Arc, time::Duration};

use moln_functions::{Code, LogFormat, LogLevel, Logging, Revision, Runtime};
use moln_kernel::encoding::hex;
use sha2::{Digest, Sha256};

use crate::{
    state::{Address, Version},
    tables::{CodeOrigin, CodeRow, UpdateRuntimeOn, VersionRow},
};

impl Version {
    /// What runs; `None` when the runtime has no name that is known here. `provisioned`: environments are kept ready.
    pub(crate) fn revision(&self, address: &Address, provisioned: bool) -> Option<Arc<Revision>> {
        let cell = if provisioned { &self.provisioned_revision } else { &self.revision };
        if let Some(made) = cell.get() {
            return Some(Arc::clone(made));
        }
        let made = Arc::new(revision(address, &self.row, provisioned)?);
        Some(Arc::clone(cell.get_or_init(|| made)))
    }
}

/// The id of a version's revision.
pub(crate) fn id(address: &Address, row: &VersionRow, provisioned: bool) -> String {
    let kind = if provisioned { ":provisioned" } else { "" };
    format!("{}:{}:{}{kind}", address.arn(), row.name(), row.generation)
}

fn revision(address: &Address, row: &VersionRow, provisioned: bool) -> Option<Revision> {
    let runtime: Runtime = row.runtime.parse().ok()?;
    let level = |level: &Option<String>| level.as_deref().and_then(LogLevel::parse);
    let logging = Logging {
        format: if row.logging.json { LogFormat::Json } else { LogFormat::Text },
        application_level: level(&row.logging.application_level),
        system_level: level(&row.logging.system_level),
        group: row.logging.group.as_str().into(),
    };
    Some(Revision {
        id: id(address, row, provisioned).into(),
        account: address.account.clone(),
        region: address.region.clone(),
        function: address.name.to_string(),
        version: row.name(),
        role: row.role.clone(),
        runtime,
        runtime_version: runtime_version_arn(address, row),
        handler: row.handler.clone(),
        code: code(&row.code),
        layers: row.layers.iter().map(|layer| code(&layer.code)).collect(),
        environment: row.environment.clone().unwrap_or_default(),
        memory_mb: row.memory_mb,
        timeout: Duration::from_secs(row.timeout.into()),
        tmp_mb: row.tmp_mb,
        logging,
        tracing: row.tracing,
        provisioned,
    })
}

/// The version of a runtime: it is as old as its name, since what runs is what is installed.
pub(crate) fn runtime_version_arn(address: &Address, row: &VersionRow) -> String {
    if let Some(pinned) =
        row.runtime_version.as_ref().filter(|_| row.update_runtime_on == UpdateRuntimeOn::Manual)
    {
        return pinned.clone();
    }
    let digest = Sha256::digest(row.runtime.as_bytes());
    let id = hex(&digest);
    let partition = address.arn().split(':').nth(1).unwrap_or("aws").to_owned();
    format!("arn:{partition}:lambda:{}::runtime:{id}", address.region)
}

fn code(row: &CodeRow) -> Code {
    match &row.origin {
        CodeOrigin::Zip => Code::Zip { sha256: row.sha256.clone() },
        CodeOrigin::Directory(path) => Code::Directory(path.clone()),
    }
}
