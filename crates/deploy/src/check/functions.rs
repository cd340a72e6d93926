//! Runtimes and layers.

use serde_json::Value;

use super::Finding;
use super::facts::Facts;
use crate::project::Content;

/// Runtimes of which AWS takes no new functions any more.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html>.
const RETIRED: [&str; 27] = [
    "nodejs",
    "nodejs4.3",
    "nodejs4.3-edge",
    "nodejs6.10",
    "nodejs8.10",
    "nodejs10.x",
    "nodejs12.x",
    "nodejs14.x",
    "nodejs16.x",
    "nodejs18.x",
    "python2.7",
    "python3.6",
    "python3.7",
    "python3.8",
    "python3.9",
    "java8",
    "go1.x",
    "provided",
    "ruby2.5",
    "ruby2.7",
    "ruby3.2",
    "dotnet5.0",
    "dotnet6",
    "dotnet7",
    "dotnetcore1.0",
    "dotnetcore2.1",
    "dotnetcore3.1",
];
/// Directories of a layer in which runtimes look.
const PLACES: [&str; 8] = ["nodejs/", "python/", "java/", "ruby/", "bin/", "lib/", "extensions/", "dotnet/"];

pub(super) fn find(facts: &Facts<'_>, findings: &mut Vec<Finding>) {
    for (id, function) in facts.all("AWS::Lambda::Function") {
        let runtime = function.get("Runtime").and_then(Value::as_str).unwrap_or_default();
        if RETIRED.contains(&runtime) {
            let why = format!("{runtime} is retired: it runs here, and AWS takes no new functions of it");
            let mend = "Use a newer version, and look at what it changed: from nodejs18.x on there is no AWS SDK v2.";
            findings.push(Finding::of(facts, "runtime-retired", id, "Runtime", why, mend));
        }
    }
    for package in facts.packages {
        let layer = package.places.iter().find_map(|slot| {
            let pointer = slot.pointer.strip_prefix("/Resources/")?;
            pointer
                .strip_suffix("/Properties/ContentUri")
                .or_else(|| pointer.strip_suffix("/Properties/Content"))
        });
        let (Some(layer), Content::Files(files)) = (layer, &package.content) else { continue };
        if files.iter().any(|(name, _)| PLACES.iter().any(|place| name.starts_with(place))) {
            continue;
        }
        let why = if files.iter().any(|(name, _)| name.starts_with("node_modules/")) {
            format!("the modules of {layer} lie in node_modules: they are looked for in nodejs/node_modules")
        } else {
            format!(
                "nothing of {layer} lies where a runtime looks: nodejs/node_modules, python, java/lib, lib, bin"
            )
        };
        let mend = "Put the files a directory deeper: nodejs/node_modules/NAME, python/NAME.";
        findings.push(Finding::of(facts, "layer-shape", layer, "ContentUri", why, mend));
    }
}
