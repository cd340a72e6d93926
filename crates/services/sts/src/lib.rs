//! AWS STS: who the caller is, and sessions.

moln_wire::api!(pub mod model);
