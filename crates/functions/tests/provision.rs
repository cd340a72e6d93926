//! Finding and fetching runtimes. Fetching asks the npm registry for the smallest of them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // these are tests

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use moln_functions::{
    Runtime,
    provision::{Part, Runtimes, Settings},
};

fn runtimes(directory: &Path, python: &[PathBuf], fetch: bool) -> Runtimes {
    Runtimes::new(Settings { directory: directory.to_owned(), python: python.to_vec(), fetch })
}

fn named(name: &str) -> Runtime {
    name.parse().unwrap()
}

/// A program that says it is a Python of some version.
fn pretend(home: &Path, minor: u32, says: &str) -> PathBuf {
    let bin = home.join("bin");
    fs::create_dir_all(&bin).unwrap();
    let program = bin.join(format!("python3.{minor}"));
    fs::write(&program, format!("#!/bin/sh\necho {says}\necho {}\n", home.display())).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    program
}

#[test]
fn provided_runtimes_need_nothing_and_others_say_what_they_need() {
    let home = tempfile::tempdir().unwrap();
    let runtimes = runtimes(home.path(), &[], false);
    assert!(runtimes.find(named("provided.al2023")).is_ok());
    let missing = runtimes.find(named("nodejs20.x")).unwrap_err();
    assert!(missing.installable);
    assert!(missing.reason.contains("Run `moln runtimes install nodejs20.x`"), "{missing}");
    let missing = runtimes.find(named("java21")).unwrap_err();
    assert!(!missing.installable && missing.reason.contains("does not run them"), "{missing}");
    let missing = runtimes.find(named("nodejs12.x")).unwrap_err();
    assert!(!missing.installable && missing.reason.contains("nodejs24.x"), "{missing}");
}

#[test]
fn another_minor_never_stands_in() {
    let home = tempfile::tempdir().unwrap();
    let liar = home.path().join("liar");
    pretend(&liar, 14, "3.13.1");
    fs::create_dir_all(home.path().join("sdk/boto3-1.44.5")).unwrap();
    let missing_or_real = runtimes(home.path(), std::slice::from_ref(&liar), false).find(named("python3.14"));
    // This machine may have a real one: then that is it, and not the liar.
    match missing_or_real {
        Ok(installed) => assert_ne!(installed.home, Some(liar)),
        Err(missing) => {
            assert!(missing.reason.contains("needs a Python 3.14"), "{missing}");
            assert!(missing.reason.contains("pyenv install 3.14"), "{missing}");
        }
    }
    let honest = home.path().join("many/3.14.2");
    pretend(&honest, 14, "3.14.2");
    let installed =
        runtimes(home.path(), &[home.path().join("many")], false).find(named("python3.14")).unwrap();
    assert_eq!((installed.version.as_str(), installed.home.as_deref()), ("3.14.2", Some(&*honest)));
    assert_eq!(installed.interpreter, Path::new("bin/python3.14"));
    assert!(installed.bootstrap.unwrap().join("python/bootstrap.py").is_file());
}

#[tokio::test]
async fn without_fetching_nothing_is_fetched() {
    let home = tempfile::tempdir().unwrap();
    let missing = runtimes(home.path(), &[], false).ready(named("nodejs14.x")).await.unwrap_err();
    assert!(missing.reason.contains("moln runtimes install nodejs14.x"), "{missing}");
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
}

#[test]
fn a_place_that_cannot_be_written_is_named() {
    let home = tempfile::tempdir().unwrap();
    let blocked = home.path().join("file");
    fs::write(&blocked, "").unwrap();
    let missing = runtimes(&blocked, &[], true).install(named("nodejs14.x"), &mut |_| {}).unwrap_err();
    assert!(missing.reason.contains("fetching it failed") && missing.reason.contains("file"), "{missing}");
}

#[tokio::test]
async fn two_installing_at_once_end_with_one_whole_runtime() {
    let home = tempfile::tempdir().unwrap();
    let runtime = named("nodejs14.x");
    let told = Arc::new(std::sync::Mutex::new(Vec::new()));
    let installers: Vec<_> = (0..2)
        .map(|_| {
            let (runtimes, told) = (runtimes(home.path(), &[], false), told.clone());
            std::thread::spawn(move || {
                runtimes.install(runtime, &mut |part| told.lock().unwrap().push(part.clone()))
            })
        })
        .collect();
    let mut found: Vec<_> = installers.into_iter().map(|thread| thread.join().unwrap().unwrap()).collect();
    let (first, second) = (found.pop().unwrap(), found.pop().unwrap());
    assert_eq!(first, second);
    assert_eq!(first.version, "14.21.3");
    assert!(
        told.lock()
            .unwrap()
            .iter()
            .any(|part| matches!(part, Part::Fetched { bytes, .. } if *bytes > 10_000_000))
    );
    let output = std::process::Command::new(first.program()).arg("--version").output().unwrap();
    assert_eq!(output.stdout, b"v14.21.3\n");
    let sdk = first.sdk.clone().unwrap();
    let output = std::process::Command::new(first.program())
        .args(["-p", "require('aws-sdk').SQS.serviceIdentifier"])
        .env("NODE_PATH", sdk.join("node_modules"))
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "sqs\n",
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    // Nothing unfinished is left.
    for place in ["", "node", "sdk"] {
        for entry in fs::read_dir(home.path().join(place)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            assert!(!name.starts_with('.'), "{name}");
        }
    }
    // Cached: it is there without a registry, and to whoever asks.
    let offline = runtimes(home.path(), &[], false);
    assert_eq!(*offline.ready(runtime).await.unwrap(), first);
    let mode = fs::metadata(first.program()).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o755);
    // What was removed behind its back is noticed.
    fs::remove_dir_all(sdk).unwrap();
    assert!(offline.ready(runtime).await.unwrap_err().installable);
}
