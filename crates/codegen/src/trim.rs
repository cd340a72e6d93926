//! Refreshes `models/`: takes the facts out of botocore's models (`pip download botocore --no-binary :all:`, unpacked).
//! The same input gives the same bytes; an operation or a shape is one line, so that a refresh reads well as a diff.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use serde::Serialize;

use crate::{Failure, model::Model};

/// Writes `models/NAME.json` for each name, from the newest API version under `from`, an unpacked botocore or its
/// `botocore/data`.
pub fn refresh(from: &Path, models: &Path, names: &[String]) -> Result<(), Failure> {
    let nested = from.join("botocore/data");
    let data = if nested.is_dir() { nested } else { from.to_owned() };
    for name in names {
        let source = newest(&data.join(source_name(name)))?;
        let model: Model = super::read(&source)?;
        let path = models.join(format!("{name}.json"));
        fs::write(&path, text(&model)?).map_err(|error| Failure(format!("{}: {error}", path.display())))?;
    }
    Ok(())
}

/// Names of the models there are, without their extra facts.
pub fn present(models: &Path) -> Result<Vec<String>, Failure> {
    let trouble = |error: std::io::Error| Failure(format!("{}: {error}", models.display()));
    let mut names = Vec::new();
    for entry in fs::read_dir(models).map_err(trouble)? {
        let path = entry.map_err(trouble)?.path();
        let name =
            path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(".json"));
        names.extend(name.filter(|name| !name.contains('.')).map(str::to_owned));
    }
    names.sort();
    Ok(names)
}

/// A service's directory in botocore, where it is not the name of ours.
fn source_name(name: &str) -> &str {
    match name {
        "states" => "stepfunctions",
        other => other,
    }
}

fn newest(directory: &Path) -> Result<PathBuf, Failure> {
    let trouble = |error: std::io::Error| Failure(format!("{}: {error}", directory.display()));
    let mut versions = Vec::new();
    for entry in fs::read_dir(directory).map_err(trouble)? {
        versions.push(entry.map_err(trouble)?.path().join("service-2.json"));
    }
    versions.retain(|path| path.exists());
    versions.sort();
    versions.pop().ok_or_else(|| Failure(format!("{} holds no service-2.json", directory.display())))
}

/// The model as text.
pub fn text(model: &Model) -> Result<String, Failure> {
    let mut out = format!("{{\n  \"metadata\": {},\n", json(&model.metadata)?);
    section(&mut out, "operations", model.operations.iter())?;
    out.push_str(",\n");
    section(&mut out, "shapes", model.shapes.iter())?;
    out.push_str("\n}\n");
    Ok(out)
}

fn section<'m, T: Serialize + 'm>(
    out: &mut String,
    name: &str,
    entries: impl Iterator<Item = (&'m str, &'m T)>,
) -> Result<(), Failure> {
    let mut entries: Vec<_> = entries.collect();
    entries.sort_by_key(|(name, _)| *name);
    let _ = writeln!(out, "  {name:?}: {{");
    for (index, (key, value)) in entries.iter().enumerate() {
        let _ = write!(out, "{}    {key:?}: {}", if index == 0 { "" } else { ",\n" }, json(value)?);
    }
    out.push_str("\n  }");
    Ok(())
}

fn json<T: Serialize>(value: &T) -> Result<String, Failure> {
    serde_json::to_string(value).map_err(|error| Failure(error.to_string()))
}
