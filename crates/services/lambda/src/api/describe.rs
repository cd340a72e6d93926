//! A version's row as the API tells it.

use moln_kernel::Timestamp;
use moln_wire::{schema::TimestampFormat, time};

use crate::{
    model as m,
    state::Address,
    tables::{LastUpdate, LoggingRow, State, VersionRow},
};

/// How much of a version is told.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Detail {
    /// With its state and runtime version.
    Full,
    /// As lists tell it.
    Listed,
}

/// A moment as Lambda writes it: `2026-01-02T03:04:05.678+0000`.
pub(super) fn moment(millis: u64) -> String {
    let text = time::format(Timestamp(millis), TimestampFormat::DateTime);
    let whole = text.trim_end_matches('Z');
    let seconds = whole.split('.').next().unwrap_or(whole);
    format!("{seconds}.{:03}+0000", millis % 1000)
}

/// SHA-256 as Lambda tells it: base64 of what rows keep as hex.
pub(super) fn base64_of(hex: &str) -> String {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let bytes: Vec<u8> = (0..hex.len() / 2)
        .filter_map(|at| u8::from_str_radix(hex.get(2 * at..2 * at + 2)?, 16).ok())
        .collect();
    STANDARD.encode(bytes)
}

pub(super) fn logging(row: &LoggingRow) -> m::LoggingConfig {
    m::LoggingConfig {
        log_format: Some(if row.json { "JSON" } else { "Text" }.to_owned()),
        application_log_level: row.application_level.clone(),
        system_log_level: row.system_level.clone(),
        log_group: Some(row.group.clone()),
    }
}

/// A version. `qualifier`: what its ARN ends in, if anything.
pub(super) fn version(
    address: &Address,
    row: &VersionRow,
    qualifier: Option<&str>,
    detail: Detail,
) -> m::FunctionConfiguration {
    let arn = address.arn();
    let full = detail == Detail::Full;
    let published = row.number > 0;
    let mut told = m::FunctionConfiguration {
        function_name: Some(address.name.to_string()),
        function_arn: Some(match qualifier {
            Some(qualifier) => format!("{arn}:{qualifier}"),
            None => arn,
        }),
        runtime: Some(row.runtime.clone()),
        role: Some(row.role.clone()),
        handler: Some(row.handler.clone()),
        code_size: i64::try_from(row.code.size).ok(),
        description: Some(row.description.clone()),
        timeout: i32::try_from(row.timeout).ok(),
        memory_size: i32::try_from(row.memory_mb).ok(),
        last_modified: Some(moment(row.modified)),
        code_sha256: Some(base64_of(&row.code.sha256)),
        version: Some(row.name()),
        kms_key_arn: row.kms_key.clone(),
        tracing_config: Some(m::TracingConfigResponse {
            mode: Some(if row.tracing { "Active" } else { "PassThrough" }.to_owned()),
        }),
        revision_id: Some(row.revision_id.clone()),
        package_type: Some("Zip".to_owned()),
        architectures: Some(vec![row.architecture.clone()]),
        ephemeral_storage: Some(m::EphemeralStorage { size: i32::try_from(row.tmp_mb).unwrap_or(i32::MAX) }),
        snap_start: Some(m::SnapStartResponse {
            apply_on: Some(if row.snap_start { "PublishedVersions" } else { "None" }.to_owned()),
            optimization_status: Some(if row.snap_start && published { "On" } else { "Off" }.to_owned()),
        }),
        logging_config: Some(logging(&row.logging)),
        ..m::FunctionConfiguration::default()
    };
    told.dead_letter_config =
        row.dead_letter.clone().map(|target| m::DeadLetterConfig { target_arn: Some(target) });
    told.environment = row
        .environment
        .clone()
        .map(|variables| m::EnvironmentResponse { variables: Some(variables), error: None });
    told.vpc_config = row.vpc.as_ref().map(|vpc| m::VpcConfigResponse {
        subnet_ids: Some(vpc.subnets.clone()),
        security_group_ids: Some(vpc.security_groups.clone()),
        vpc_id: Some(if vpc.subnets.is_empty() { String::new() } else { "vpc-00000000".to_owned() }),
        ipv6_allowed_for_dual_stack: Some(vpc.ipv6),
    });
    if !row.layers.is_empty() {
        let layer = |layer: &crate::tables::LayerUse| m::Layer {
            arn: Some(layer.arn.clone()),
            code_size: i64::try_from(layer.code.size).ok(),
            ..m::Layer::default()
        };
        told.layers = Some(row.layers.iter().map(layer).collect());
    }
    if !row.file_systems.is_empty() {
        let system = |system: &crate::tables::FileSystem| m::FileSystemConfig {
            arn: system.arn.clone(),
            local_mount_path: system.path.clone(),
            ..m::FileSystemConfig::default()
        };
        told.file_system_configs = Some(row.file_systems.iter().map(system).collect());
    }
    if full {
        told.runtime_version_config = Some(m::RuntimeVersionConfig {
            runtime_version_arn: Some(crate::revision::runtime_version_arn(address, row)),
            error: None,
        });
        state(&mut told, row);
    }
    told
}

fn state(told: &mut m::FunctionConfiguration, row: &VersionRow) {
    let reason = |reason: &Option<(String, String)>| reason.clone().unzip();
    told.state = Some(
        match row.state {
            State::Pending => "Pending",
            State::Active => "Active",
            State::Failed => "Failed",
        }
        .to_owned(),
    );
    (told.state_reason_code, told.state_reason) = reason(&row.state_reason);
    if row.state == State::Pending {
        return;
    }
    told.last_update_status = Some(
        match row.last_update {
            LastUpdate::InProgress => "InProgress",
            LastUpdate::Successful => "Successful",
            LastUpdate::Failed => "Failed",
        }
        .to_owned(),
    );
    (told.last_update_status_reason_code, told.last_update_status_reason) = reason(&row.last_update_reason);
}
