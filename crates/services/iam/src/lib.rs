//! AWS IAM: roles and policies.

moln_wire::api!(pub mod model);
