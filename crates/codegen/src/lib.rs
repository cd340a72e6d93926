//! API model → Rust, at build time. A service's `build.rs` is one line:
//! ```no_run
//! moln_codegen::build("sqs");
//! ```
//! It reads `models/sqs.json` (facts of AWS's API model, see [`trim`]) and `models/sqs.query.json` where there is one
//! (names and codes of the query protocol that the model of today no longer carries), scans the service's own
//! `src/api/**/*.rs` for the methods of its `impl Sqs for …` block (so [`Operation::implemented`] is never kept by
//! hand), and writes `$OUT_DIR/api.rs`, taken in by `moln_wire::api!(pub mod model);`. What that module holds is told in
//! the documentation of `moln_wire`.
//!
//! [`Operation::implemented`]: https://docs.rs/moln-wire
