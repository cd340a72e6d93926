//! Skeleton.

moln_wire::api!(pub mod model);
