//! API model → Rust, at build time. A service's `build.rs` is one line:
//! ```no_run
//! moln_codegen::build("sqs");
//! ```
//! It reads `models/sqs.json` (facts of AWS's API model, see [`trim`]) and `models/sqs.extra.json` where there is one
//! (names and codes of the query protocol that the model of today no longer carries, see [`overlay`]), scans the
//! service's own `src/**/*.rs` for the methods of its `impl Sqs for …` block (so `Operation::implemented` is never kept
//! by hand), and writes `$OUT_DIR/api.rs`, taken in by `moln_wire::api!(pub mod model);`. What that module holds is told
//! in the documentation of `moln_wire`.
//!
//! `cargo run -p moln-codegen -- models --from DIRECTORY [NAME…]` refreshes `models/` from an unpacked botocore;
//! `cargo run -p moln-codegen -- support` prints which operations are built.

pub mod emit;
pub mod model;
pub mod names;
pub mod overlay;
pub mod scan;
pub mod support;
pub mod trim;

use std::{
    env, fmt, fs,
    path::{Path, PathBuf},
};

use model::Model;
use overlay::Overlay;

/// Why nothing was generated, in one sentence.
#[derive(Debug)]
pub struct Failure(pub String);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl std::error::Error for Failure {}

/// Generates `$OUT_DIR/api.rs` for the service whose `build.rs` calls it, and ends the build when it cannot.
pub fn build(name: &str) {
    if let Err(failure) = try_build(name) {
        println!("cargo::error=no code for {name}: {failure}");
        std::process::exit(1);
    }
}

fn try_build(name: &str) -> Result<(), Failure> {
    let variable =
        |name: &str| env::var(name).map_err(|_| Failure(format!("{name} is not set: run it from build.rs")));
    let (home, out) = (PathBuf::from(variable("CARGO_MANIFEST_DIR")?), PathBuf::from(variable("OUT_DIR")?));
    let models = models_directory(&home)?;
    let extra = models.join(format!("{name}.extra.json"));
    // Cargo takes a file that is not there for one that changed, and would build anew every time; the directory tells when
    // it comes.
    let extra = if extra.exists() { extra } else { models.clone() };
    for path in [models.join(format!("{name}.json")), extra, home.join("src")] {
        println!("cargo::rerun-if-changed={}", path.display());
    }
    let (model, overlay) = load(&models, name)?;
    let trait_name = names::pascal(name);
    let implemented = scan::overridden(&home.join("src"), &trait_name)?;
    let input =
        emit::Input { model: &model, trait_name, error_namespace: overlay.error_namespace, implemented };
    let code = emit::generate(&input)?;
    let path = out.join("api.rs");
    fs::write(&path, code).map_err(|error| Failure(format!("{}: {error}", path.display())))
}

/// The `models` directory at or above a directory.
pub fn models_directory(from: &Path) -> Result<PathBuf, Failure> {
    from.ancestors()
        .map(|directory| directory.join("models"))
        .find(|models| models.is_dir())
        .ok_or_else(|| Failure(format!("no models directory at or above {}", from.display())))
}

/// Reads a service's model with its extra facts applied.
pub fn load(models: &Path, name: &str) -> Result<(Model, Overlay), Failure> {
    let mut model: Model = read(&models.join(format!("{name}.json")))?;
    let extra = models.join(format!("{name}.extra.json"));
    let overlay: Overlay = if extra.exists() { read(&extra)? } else { Overlay::default() };
    overlay.apply(&mut model)?;
    Ok((model, overlay))
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, Failure> {
    let trouble = |error: &dyn fmt::Display| Failure(format!("{}: {error}", path.display()));
    let text = fs::read_to_string(path).map_err(|error| trouble(&error))?;
    serde_json::from_str(&text).map_err(|error| trouble(&error))
}
