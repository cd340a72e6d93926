//! Amazon `CloudWatch` Logs.

moln_wire::api!(pub mod model);
