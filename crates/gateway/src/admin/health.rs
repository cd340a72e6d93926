//! What health pages say.

use std::time::Duration;

use moln_kernel::Timestamp;
use moln_wire::ServiceModel;
use serde_json::{Map, Value, json};

use super::iso;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// `/_localstack/health`, in the form that tools wait for.
pub(super) fn localstack(models: &[&'static ServiceModel]) -> Value {
    let services: Map<String, Value> =
        models.iter().map(|m| (m.signing_name.to_owned(), json!("available"))).collect();
    json!({ "services": services, "edition": "moln", "version": VERSION })
}

/// `/_localstack/info`.
pub(super) fn info(now: Timestamp, uptime: Duration) -> Value {
    json!({
        "version": VERSION,
        "edition": "moln",
        "is_license_activated": false,
        "is_docker": false,
        "system": std::env::consts::OS,
        "server_time_utc": iso(now),
        "uptime": uptime.as_secs(),
    })
}

/// `/_moln/health`.
pub(super) fn moln(
    models: &[&'static ServiceModel],
    stopping: bool,
    uptime: Duration,
    details: &Value,
) -> Value {
    let count = |model: &ServiceModel| {
        let implemented = model.operations.iter().filter(|operation| operation.implemented).count();
        json!({ "operations": model.operations.len(), "implemented": implemented })
    };
    let services: Map<String, Value> = models.iter().map(|m| (m.signing_name.to_owned(), count(m))).collect();
    json!({
        "status": if stopping { "stopping" } else { "ok" },
        "version": VERSION,
        "uptimeSeconds": uptime.as_secs(),
        "services": services,
        "details": details,
    })
}
