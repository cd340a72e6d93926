//! AWS Lambda: functions, their invocation, event source mappings.

moln_wire::api!(pub mod model);
