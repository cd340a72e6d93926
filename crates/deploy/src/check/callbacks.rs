//! Addresses to call back at, without TLS.

use serde_json::Value;

use super::Finding;
use super::facts::{Facts, beginning};

/// Hosts of this machine and of Moln itself.
const HERE: [&str; 6] = ["localhost", "127.", "[::1]", "0.0.0.0", "host.docker.internal", "${"];

pub(super) fn find(facts: &Facts<'_>, findings: &mut Vec<Finding>) {
    let mend =
        "Give an https address, and sign what is sent: a key that both sides know, over body and time.";
    for (id, function) in facts.all("AWS::Lambda::Function") {
        let variables = function.pointer("/Environment/Variables").and_then(Value::as_object);
        for (name, value) in variables.into_iter().flatten() {
            if is_callback(name) && beginning(value).is_some_and(is_plain) {
                let why = format!("{name} of {id} is called without TLS: {WHO}");
                findings.push(Finding::of(facts, "callback-plain", id, "Environment", why, mend));
            }
        }
        for script in facts.scripts(id) {
            let plain =
                script.lines().find(|(_, line)| gives_callback(line) && address(line).is_some_and(is_plain));
            if let Some((at, _)) = plain {
                let why = format!("{id} gives an address to be called at without TLS: {WHO}");
                findings.push(Finding::in_code("callback-plain", script, at, why, mend));
            }
        }
    }
    for subscription in facts.subscriptions() {
        let (at, property) = subscription.at;
        if subscription.properties.get("Protocol").is_some_and(|protocol| protocol == "http")
            && subscription.properties.get("Endpoint").and_then(beginning).is_none_or(is_plain)
        {
            let why = format!("messages go to an address without TLS: {WHO}");
            findings.push(Finding::of(facts, "callback-plain", at, property, why, mend));
        }
    }
}

const WHO: &str = "whoever is on the way reads what is sent, and can send the like";

fn is_callback(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    ["callback", "call_back", "webhook", "web_hook"].iter().any(|word| text.contains(word))
}

/// Whether a line of code gives an address to be called at: `CallbackUrl`, and not the `callback` of an old handler.
fn gives_callback(line: &str) -> bool {
    let line = line.to_ascii_lowercase();
    ["callbackur", "callback_ur", "webhook", "web_hook"].iter().any(|word| line.contains(word))
}

/// The address that a line of code begins to write.
fn address(line: &str) -> Option<&str> {
    line.find("http://").and_then(|at| line.get(at..))
}

/// Whether an address has no TLS and leads off this machine.
fn is_plain(address: &str) -> bool {
    let Some(rest) = address.strip_prefix("http://") else { return false };
    let host = rest.split(['/', '"', '\'', '`', ' ']).next().unwrap_or_default();
    let name = host.split(':').next().unwrap_or_default();
    !HERE.iter().any(|here| host.starts_with(here)) && !name.ends_with(".localhost")
}
