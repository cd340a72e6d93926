//! `moln deploy`, `up`, `remove`, `info`: a directory becomes a stack, by the same API that every other client uses.

pub(crate) mod directory;
pub(crate) mod follow;
mod outside;
pub(crate) mod progress;
pub(crate) mod stack;
pub(crate) mod summary;
pub(crate) mod upload;
pub(crate) mod watch;

use std::time::Instant;

use bytes::Bytes;
use moln_deploy::project::{Content, Project, Slot, SlotShape};
use serde_json::{Value, json};

use crate::{aws::Aws, failure::Failure};
use progress::Progress;
use stack::{Applied, Stack, Wanted};
use upload::{Uploaded, Uploads};

/// A project as it was deployed.
pub(crate) struct Deployed {
    pub(crate) project: Project,
    uploaded: Vec<Uploaded>,
}

/// Uploads what a project needs and makes or changes its stack.
pub(crate) async fn deploy(
    aws: &Aws<'_>,
    project: Project,
    progress: &mut Progress,
) -> Result<Deployed, Failure> {
    let began = Instant::now();
    progress.say(&format!(
        "Deploying {} to {} ({})",
        progress.paint(1, &project.stack),
        aws.server.url(),
        aws.region
    ));
    for notice in &project.notices {
        progress.say(&progress.paint(33, &format!("  ! {notice}")));
        progress.tell(&json!({ "notice": notice }));
    }
    let uploads = Uploads::to(aws, &project.stack).await?;
    aws.bucket(&uploads.bucket).await?;
    let uploaded = upload_packages(&uploads, &project, progress).await?;
    let template = uploads.fill(&project, &uploaded)?;
    let template = uploads.object("template.json", Bytes::from(template.to_string())).await?;
    let wanted = Wanted {
        template_url: format!("{}/{}/{}", aws.server.url(), uploads.bucket, template.key),
        parameters: project.parameters.clone(),
        tags: project.tags.clone(),
        disable_rollback: project.disable_rollback,
    };
    let stack = Stack { aws, name: &project.stack };
    progress.source = project.source.clone();
    let applied = stack.apply(&wanted, progress).await.map_err(|failure| {
        let words = failure.to_string();
        let types =
            words.split_once("Unrecognized resource types: [").and_then(|(_, rest)| rest.split_once(']'));
        let types: Vec<&str> = types.map_or_else(Vec::new, |(types, _)| types.split(", ").collect());
        let places = project.source.of_types(&types);
        if places.is_empty() { failure } else { failure.next(places.join("\n      ")) }
    })?;
    let took = began.elapsed().as_secs_f64();
    progress.say(&match applied {
        Applied::Unchanged => format!("Nothing has changed. ({took:.2} s)"),
        Applied::Created | Applied::Updated => progress.paint(32, &format!("Deployed in {took:.2} s.")),
    });
    Ok(Deployed { project, uploaded })
}

async fn upload_packages(
    uploads: &Uploads<'_>,
    project: &Project,
    progress: &Progress,
) -> Result<Vec<Uploaded>, Failure> {
    let mut uploaded = Vec::with_capacity(project.packages.len());
    for package in &project.packages {
        let done = uploads.package(package).await?;
        let files = match &package.content {
            Content::Files(files) if files.len() == 1 => "1 file, ".to_owned(),
            Content::Files(files) => format!("{} files, ", files.len()),
            Content::File(_) | Content::Template(_) => String::new(),
        };
        let mark = progress.paint(32, "✓");
        progress.say(&format!("  {mark} packed  {:44} {files}{} bytes", package.name, done.bytes));
        progress.tell(&json!({ "packed": package.name, "bytes": done.bytes, "key": done.key }));
        uploaded.push(done);
    }
    Ok(uploaded)
}

/// Brings what changed in a directory to the server: code alone goes to its functions at once, all else is a deployment.
/// Tells whether it was one.
pub(crate) async fn again(
    aws: &Aws<'_>,
    before: &Deployed,
    project: Project,
    progress: &mut Progress,
) -> Result<(Deployed, bool), Failure> {
    if !only_code_differs(&before.project, &project) {
        return Ok((deploy(aws, project, progress).await?, true));
    }
    let began = Instant::now();
    let uploads = Uploads::to(aws, &project.stack).await?;
    let mut uploaded = Vec::with_capacity(project.packages.len());
    let mut changed = Vec::new();
    for (package, old) in project.packages.iter().zip(&before.uploaded) {
        let new = uploads.package(package).await?;
        if new != *old {
            changed.push((package, new.clone()));
        }
        uploaded.push(new);
    }
    if changed.iter().any(|(package, _)| !package.places.iter().all(is_code)) {
        // A layer has a new version then, and functions name it.
        return Ok((deploy(aws, project, progress).await?, true));
    }
    let resources =
        if changed.is_empty() { Vec::new() } else { Stack { aws, name: &project.stack }.resources().await? };
    for (package, new) in changed {
        for logical_id in package.places.iter().filter_map(function_of) {
            let Some(function) = resources.iter().find(|resource| resource.logical_id == logical_id) else {
                continue;
            };
            update_code(aws, &function.id, &uploads.bucket, &new.key).await?;
        }
        progress.say(&progress.paint(
            32,
            &format!("✓ {} runs its new code ({} ms)", package.name, began.elapsed().as_millis()),
        ));
        progress.tell(&json!({ "updated": package.name, "millis": began.elapsed().as_millis() }));
    }
    Ok((Deployed { project, uploaded }, false))
}

/// Whether two projects are the same but for their packages' content. Versions are named after the code: they wait for the
/// next deployment.
fn only_code_differs(before: &Project, after: &Project) -> bool {
    let places = |project: &Project| -> Vec<_> {
        project.packages.iter().map(|package| (package.name.clone(), package.places.clone())).collect()
    };
    without_versions(&before.template) == without_versions(&after.template)
        && before.stack == after.stack
        && before.parameters == after.parameters
        && before.tags == after.tags
        && places(before) == places(after)
}

fn without_versions(template: &Value) -> Value {
    let mut template = template.clone();
    if let Some(resources) = template.get_mut("Resources").and_then(Value::as_object_mut) {
        resources.retain(|_, resource| {
            resource.get("Type").and_then(Value::as_str) != Some("AWS::Lambda::Version")
        });
    }
    if let Some(members) = template.as_object_mut() {
        members.remove("Outputs");
    }
    template
}

/// Whether a place is a function's code.
fn is_code(slot: &Slot) -> bool {
    slot.pointer.ends_with("/Properties/Code")
        || slot.pointer.ends_with("/Properties/CodeUri")
        || slot.shape == SlotShape::Sha256
}

/// The logical id of the function whose code a place is.
fn function_of(slot: &Slot) -> Option<&str> {
    let path = slot.pointer.strip_prefix("/Resources/")?;
    path.strip_suffix("/Properties/Code").or_else(|| path.strip_suffix("/Properties/CodeUri"))
}

async fn update_code(aws: &Aws<'_>, function: &str, bucket: &str, key: &str) -> Result<(), Failure> {
    let path = format!("/2015-03-31/functions/{function}/code");
    let body = Bytes::from(json!({ "S3Bucket": bucket, "S3Key": key }).to_string());
    let headers = [("content-type", "application/json".to_owned())];
    let answer = aws.send("lambda", http::Method::PUT, &path, &headers, body).await?;
    if answer.status.is_success() { Ok(()) } else { Err(aws.server.refused(answer.status, &answer.json())) }
}
