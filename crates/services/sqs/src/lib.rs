//! To be written.

moln_wire::api!(pub mod model);
