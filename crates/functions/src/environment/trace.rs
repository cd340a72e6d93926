//! The trace that an invocation belongs to.

use moln_kernel::ids::hex_id;

use crate::capture::Tracing;

/// The trace an invocation belongs to: the caller's, or a new one. The function is a segment of its own in it; what led
/// here travels along.
pub(crate) fn trace_of(given: Option<&str>, lineage: &str, active: bool, seconds: u64) -> Tracing {
    let part = |name: &str| {
        given
            .unwrap_or_default()
            .split(';')
            .filter_map(|part| part.trim().split_once('='))
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    };
    let trace = part("Root").map_or_else(|| hex_id(&format!("1-{seconds:08x}-"), 24), str::to_owned);
    let segment = hex_id("", 16);
    let sampled = match part("Sampled") {
        Some("1") => "1",
        Some("0") => "0",
        _ if active => "1",
        _ => "0",
    };
    let mut header = ["Root=", &trace, ";Parent=", &segment, ";Sampled=", sampled].concat();
    if !lineage.is_empty() {
        header.push_str(";Lineage=");
        header.push_str(lineage);
    }
    Tracing { header, trace, segment }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_goes_on_and_carries_the_chain() {
        let own = trace_of(None, "", true, 0x5759_e988);
        assert!(
            own.header.starts_with("Root=1-5759e988-") && own.header.ends_with(";Sampled=1"),
            "{}",
            own.header
        );
        let given =
            Some("Root=1-5759e988-bd862e3fe1be46a994272793; Parent=53995c3f42cd8ad8;Sampled=0;Lineage=x");
        let next = trace_of(given, "arn:a,0", true, 0);
        assert_eq!(next.trace, "1-5759e988-bd862e3fe1be46a994272793");
        assert!(next.header.ends_with(&format!("Parent={};Sampled=0;Lineage=arn:a,0", next.segment)));
    }
}
