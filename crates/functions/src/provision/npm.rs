//! What comes from npm: Node.js itself and the SDKs for JavaScript. Scripts of packages are never run, and what comes must
//! match the hashes in this program.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};

use super::{
    command::{ASKING, FETCHING, run},
    place,
    versions::{JAVASCRIPT_V2, JAVASCRIPT_V3, NODES, Node},
};
use crate::runtime::Sdk;

/// The Node.js of a major version.
pub(super) fn node(major: u16) -> Option<&'static Node> {
    NODES.iter().find(|node| node.major == major)
}

/// Where that Node.js is kept.
pub(super) fn node_place(directory: &Path, node: &Node) -> PathBuf {
    directory.join("node").join(node.version)
}

/// A Node.js of exactly this version that the machine has: its directory (with `bin/node`).
pub(super) fn node_of_machine(node: &Node) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let exact = std::env::split_paths(&path).map(|directory| directory.join("node")).find(|program| {
        program.is_file()
            && run(Command::new(program).arg("--version"), ASKING)
                .is_ok_and(|version| version.trim().trim_start_matches('v') == node.version)
    })?;
    let exact = fs::canonicalize(exact).ok()?;
    // A wrapper script is not what can be shown in a sandbox.
    let home = exact.parent().filter(|bin| bin.ends_with("bin"))?.parent()?;
    (exact.file_name()? == "node" && is_program(&exact)).then(|| home.to_path_buf())
}

fn is_program(file: &Path) -> bool {
    let mut magic = [0; 4];
    fs::File::open(file)
        .and_then(|mut file| io::Read::read_exact(&mut file, &mut magic))
        .is_ok_and(|()| magic == *b"\x7fELF")
}

/// Fetches a Node.js; of the package only the program is kept.
pub(super) fn fetch_node(directory: &Path, node: &Node) -> io::Result<()> {
    let (architecture, integrity) = match (std::env::consts::OS, std::env::consts::ARCH) {
        ("linux", "x86_64") => ("x64", node.x64),
        ("linux", "aarch64") => ("arm64", node.arm64),
        (system, machine) => {
            return Err(io::Error::other(format!("there is no package of it for {system} on {machine}")));
        }
    };
    let package = format!("node-linux-{architecture}");
    let lock = json!({"name": "node", "lockfileVersion": 3, "requires": true, "packages": {
        "": {"name": "node", "dependencies": {&package: node.version}},
        format!("node_modules/{package}"): {"version": node.version, "integrity": integrity},
    }});
    place::atomically(&node_place(directory, node), |temporary| {
        let work = temporary.join("npm");
        install(&work, &lock)?;
        fs::create_dir(temporary.join("bin"))?;
        let program = temporary.join("bin/node");
        fs::rename(work.join("node_modules").join(&package).join("bin/node"), &program)?;
        fs::remove_dir_all(work)?;
        let version = run(Command::new(&program).arg("--version"), ASKING)?;
        if version.trim().trim_start_matches('v') != node.version {
            return Err(io::Error::other(format!(
                "{package} holds {} instead of {}",
                version.trim(),
                node.version
            )));
        }
        place::sync(temporary)
    })
}

/// Where an SDK for JavaScript is kept: named by what is in it.
pub(super) fn sdk_place(directory: &Path, sdk: Sdk) -> PathBuf {
    let (name, lock) = lock(sdk);
    directory.join("sdk").join(format!("{name}-{}", place::short_hash(lock)))
}

fn lock(sdk: Sdk) -> (&'static str, &'static str) {
    match sdk {
        Sdk::JavaScriptV2 => ("javascript-v2", JAVASCRIPT_V2),
        _ => ("javascript-v3", JAVASCRIPT_V3),
    }
}

/// Fetches an SDK for JavaScript, without the parts that only bundlers, browsers and editors read.
pub(super) fn fetch_sdk(directory: &Path, sdk: Sdk) -> io::Result<()> {
    let lock: Value = serde_json::from_str(lock(sdk).1).map_err(io::Error::other)?;
    place::atomically(&sdk_place(directory, sdk), |temporary| {
        let work = temporary.join("npm");
        install(&work, &lock)?;
        let modules = temporary.join("node_modules");
        fs::rename(work.join("node_modules"), &modules)?;
        fs::remove_dir_all(work)?;
        for part in [".bin", ".package-lock.json", "aws-sdk/dist", "aws-sdk/dist-tools"] {
            let part = modules.join(part);
            let _ = if part.is_dir() { fs::remove_dir_all(part) } else { fs::remove_file(part) };
        }
        prune(&modules)?;
        if let Some(bundle) = CERTIFICATES.iter().find(|file| Path::new(file).is_file()) {
            fs::copy(bundle, temporary.join("ca-cert.pem"))?;
        }
        place::sync(temporary)
    })
}

/// Where systems keep the certificates they trust. AWS's older runtimes name a copy in `NODE_EXTRA_CA_CERTS`.
const CERTIFICATES: &[&str] =
    &["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

fn prune(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if entry.file_type()?.is_dir() {
            if matches!(&*name, "dist-es" | "dist-types") {
                fs::remove_dir_all(entry.path())?;
            } else {
                prune(&entry.path())?;
            }
        } else if [".d.ts", ".d.mts", ".d.cts", ".map", ".md"].iter().any(|end| name.ends_with(end)) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Installs what a lock file says into `work/node_modules`.
fn install(work: &Path, lock: &Value) -> io::Result<()> {
    fs::create_dir(work)?;
    let package = json!({"name": lock.get("name"), "private": true, "dependencies": lock.pointer("/packages//dependencies")});
    fs::write(work.join("package.json"), package.to_string())?;
    fs::write(work.join("package-lock.json"), lock.to_string())?;
    let mut npm = Command::new("npm");
    npm.args([
        "ci",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--omit=dev",
        "--prefer-offline",
        "--fetch-retries=1",
    ])
    .current_dir(work);
    match run(&mut npm, FETCHING) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(io::Error::other("`npm` is not on PATH; it fetches Node.js runtimes and their SDKs"))
        }
        other => other.map(drop),
    }
}
