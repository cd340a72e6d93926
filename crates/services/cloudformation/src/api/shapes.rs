//! Rows as the API shows them.

use moln_kernel::Timestamp;
use serde_json::Value;

use crate::{
    limits,
    model::{
        ModuleInfo, Output, Parameter, RollbackConfiguration, RollbackTrigger, Stack, StackDriftInformation,
        StackDriftInformationSummary, StackEvent, StackResource, StackResourceDetail,
        StackResourceDriftInformation, StackResourceDriftInformationSummary, StackResourceSummary,
        StackSummary, Tag,
    },
    tables::{Config, EventRow, ParameterRow, ResourceRow, StackRow},
};

/// What stands for what is never shown.
const HIDDEN: &str = "****";

pub(super) fn parameters(rows: &[ParameterRow]) -> Option<Vec<Parameter>> {
    let shown = |row: &ParameterRow| Parameter {
        parameter_key: Some(row.key.clone()),
        parameter_value: Some(if row.no_echo { HIDDEN.to_owned() } else { row.value.clone() }),
        use_previous_value: None,
        resolved_value: row.resolved.clone(),
    };
    (!rows.is_empty()).then(|| rows.iter().map(shown).collect())
}

pub(super) fn tags(rows: &[(String, String)]) -> Vec<Tag> {
    rows.iter().map(|(key, value)| Tag { key: key.clone(), value: value.clone() }).collect()
}

pub(super) fn rollback(row: &Value) -> RollbackConfiguration {
    let triggers = row.get("RollbackTriggers").and_then(Value::as_array);
    let text =
        |value: &Value, name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let trigger = |value: &Value| RollbackTrigger { arn: text(value, "Arn"), r#type: text(value, "Type") };
    let minutes = row.get("MonitoringTimeInMinutes").and_then(Value::as_i64);
    RollbackConfiguration {
        rollback_triggers: triggers
            .filter(|triggers| !triggers.is_empty())
            .map(|triggers| triggers.iter().map(trigger).collect()),
        monitoring_time_in_minutes: minutes.and_then(|minutes| i32::try_from(minutes).ok()),
    }
}

fn outputs(config: &Config) -> Option<Vec<Output>> {
    let shown = |row: &crate::tables::OutputRow| Output {
        output_key: Some(row.key.clone()),
        output_value: Some(row.value.clone()),
        description: row.description.clone(),
        export_name: row.export.clone(),
    };
    (!config.outputs.is_empty()).then(|| config.outputs.iter().map(shown).collect())
}

pub(super) fn stack(row: &StackRow) -> Stack {
    let deleted = row.status == "DELETE_COMPLETE";
    let failed = row.status.starts_with("ROLLBACK");
    let (stack_drift_status, last_check_timestamp) = drift_of(row.drift.as_ref());
    Stack {
        stack_id: Some(row.id.clone()),
        stack_name: row.name.clone(),
        change_set_id: row.change_set.clone().filter(|_| !deleted && !failed),
        description: row.config.description.clone(),
        parameters: parameters(&row.config.parameters),
        creation_time: Timestamp(row.created),
        deletion_time: row.deleted.map(Timestamp),
        last_updated_time: row.updated.map(Timestamp),
        rollback_configuration: Some(rollback(&row.config.rollback)),
        stack_status: row.status.clone(),
        stack_status_reason: row.reason.clone(),
        disable_rollback: Some(row.disable_rollback),
        notification_arns: Some(row.config.notifications.clone()),
        timeout_in_minutes: row.timeout,
        capabilities: (!row.config.capabilities.is_empty()).then(|| row.config.capabilities.clone()),
        outputs: outputs(&row.config),
        role_arn: row.config.role.clone(),
        tags: Some(tags(&row.config.tags)),
        enable_termination_protection: (!deleted).then_some(row.protected),
        parent_id: row.parent.clone(),
        root_id: row.root.clone(),
        drift_information: Some(StackDriftInformation { stack_drift_status, last_check_timestamp }),
        retain_except_on_create: row.retain_except_on_create,
        ..Stack::default()
    }
}

pub(super) fn summary(row: &StackRow) -> StackSummary {
    let (stack_drift_status, last_check_timestamp) = drift_of(row.drift.as_ref());
    StackSummary {
        stack_id: Some(row.id.clone()),
        stack_name: row.name.clone(),
        template_description: row.config.description.clone(),
        creation_time: Timestamp(row.created),
        last_updated_time: row.updated.map(Timestamp),
        deletion_time: row.deleted.map(Timestamp),
        stack_status: row.status.clone(),
        stack_status_reason: row.reason.clone(),
        parent_id: row.parent.clone(),
        root_id: row.root.clone(),
        drift_information: Some(StackDriftInformationSummary { stack_drift_status, last_check_timestamp }),
        last_operations: None,
    }
}

pub(super) fn event(stack: &StackRow, row: EventRow) -> StackEvent {
    StackEvent {
        stack_id: stack.id.clone(),
        event_id: row.id,
        stack_name: stack.name.clone(),
        logical_resource_id: Some(row.logical_id),
        physical_resource_id: Some(row.physical_id),
        resource_type: Some(row.type_name),
        timestamp: Timestamp(row.at),
        resource_status: Some(row.status),
        resource_status_reason: row.reason,
        resource_properties: row.properties,
        client_request_token: row.token,
        ..StackEvent::default()
    }
}

/// Whether a resource is listed.
pub(super) fn is_listed(row: &ResourceRow) -> bool {
    !row.status.is_empty()
}

fn physical(row: &ResourceRow) -> Option<String> {
    Some(row.physical_id.chars().take(limits::PHYSICAL_ID).collect::<String>()).filter(|id| !id.is_empty())
}

/// Status of a drift detection, and when it was.
fn drift_of(found: Option<&(String, u64)>) -> (String, Option<Timestamp>) {
    let status = found.map_or("NOT_CHECKED", |(status, _)| status);
    (status.to_owned(), found.map(|(_, at)| Timestamp(*at)))
}

fn resource_drift(row: &ResourceRow) -> StackResourceDriftInformation {
    let (stack_resource_drift_status, last_check_timestamp) = drift_of(row.drift.as_ref());
    StackResourceDriftInformation { stack_resource_drift_status, last_check_timestamp }
}

pub(super) fn resource(stack: &StackRow, row: &ResourceRow) -> StackResource {
    StackResource {
        stack_name: Some(stack.name.clone()),
        stack_id: Some(stack.id.clone()),
        logical_resource_id: row.logical_id.clone(),
        physical_resource_id: physical(row),
        resource_type: row.type_name.clone(),
        timestamp: Timestamp(row.updated),
        resource_status: row.status.clone(),
        resource_status_reason: row.reason.clone(),
        drift_information: Some(resource_drift(row)),
        module_info: None::<ModuleInfo>,
        ..StackResource::default()
    }
}

pub(super) fn detail(stack: &StackRow, row: &ResourceRow) -> StackResourceDetail {
    StackResourceDetail {
        stack_name: Some(stack.name.clone()),
        stack_id: Some(stack.id.clone()),
        logical_resource_id: row.logical_id.clone(),
        physical_resource_id: physical(row),
        resource_type: row.type_name.clone(),
        last_updated_timestamp: Timestamp(row.updated),
        resource_status: row.status.clone(),
        resource_status_reason: row.reason.clone(),
        metadata: Some(row.metadata.as_ref().map_or_else(|| "{}".to_owned(), Value::to_string)),
        drift_information: Some(resource_drift(row)),
        ..StackResourceDetail::default()
    }
}

pub(super) fn resource_summary(row: &ResourceRow) -> StackResourceSummary {
    let (stack_resource_drift_status, last_check_timestamp) = drift_of(row.drift.as_ref());
    StackResourceSummary {
        logical_resource_id: row.logical_id.clone(),
        physical_resource_id: physical(row),
        resource_type: row.type_name.clone(),
        last_updated_timestamp: Timestamp(row.updated),
        resource_status: row.status.clone(),
        resource_status_reason: row.reason.clone(),
        drift_information: Some(StackResourceDriftInformationSummary {
            stack_resource_drift_status,
            last_check_timestamp,
        }),
        module_info: None,
    }
}
