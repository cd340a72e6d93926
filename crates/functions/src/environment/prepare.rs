//! What must be at hand before an environment starts: runtime, code, layers, credentials.

use std::{
    fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use moln_kernel::{Context, Endpoint, Principal, Timestamp};

use crate::{
    Code, Family, Revision, Settings, Unavailable,
    bootstrap::provided_entry,
    code::Tree,
    limits::{EXTENSIONS, FINGERPRINT_FILES, SESSION, SESSION_LEFT},
    provision::Installed,
};

/// Credentials of an environment.
#[derive(Clone)]
pub(crate) struct Keys {
    pub(crate) id: Arc<str>,
    pub(crate) secret: Arc<str>,
    pub(crate) token: Arc<str>,
    /// When they end; `None`: never.
    pub(crate) expires: Option<Timestamp>,
}

/// A directory that is shown; its tree is not removed while this is held.
pub(crate) struct Place {
    pub(crate) path: PathBuf,
    _tree: Option<Arc<Tree>>,
}

/// Everything at hand.
pub(crate) struct Prepared {
    pub(crate) installed: Arc<Installed>,
    pub(crate) task: Place,
    pub(crate) layers: Option<Place>,
    /// A `provided` runtime's program, as seen inside; `None`: there is none.
    pub(crate) entry: Option<&'static str>,
    /// Names of the programs in `/opt/extensions`.
    pub(crate) extensions: Vec<String>,
    pub(crate) keys: Keys,
    /// Of code that may change while it runs.
    pub(crate) fingerprint: Option<u64>,
}

/// Makes everything ready.
pub(crate) async fn prepare(
    settings: &Settings,
    revision: &Revision,
    fingerprint: Option<u64>,
) -> Result<Prepared, Unavailable> {
    let installed = settings
        .runtimes
        .ready(revision.runtime)
        .await
        .map_err(|missing| Unavailable::Runtime(missing.to_string()))?;
    let code = |error: &dyn std::fmt::Display| Unavailable::Code(error.to_string());
    let task = match &revision.code {
        Code::Zip { sha256 } => {
            let tree = settings.code.unpacked(sha256).await.map_err(|error| code(&error))?;
            Place { path: tree.path().to_owned(), _tree: Some(tree) }
        }
        Code::Directory(path) => directory(path)?,
    };
    let layers = match revision.layers.as_slice() {
        [] => None,
        [Code::Directory(path)] => Some(directory(path)?),
        layers => {
            let hashes = layers
                .iter()
                .map(|layer| match layer {
                    Code::Zip { sha256 } => Ok(sha256.clone()),
                    Code::Directory(path) => Err(Unavailable::Code(format!(
                        "The layer {} is a directory; one that is must be a function's only layer.",
                        path.display()
                    ))),
                })
                .collect::<Result<Vec<_>, _>>()?;
            let tree = settings.code.layers(&hashes).await.map_err(|error| code(&error))?;
            tree.map(|tree| Place { path: tree.path().to_owned(), _tree: Some(tree) })
        }
    };
    let entry = (revision.runtime.family() == Family::Provided)
        .then(|| provided_entry(&task.path, layers.as_ref().map(|layers| layers.path.as_path())))
        .flatten();
    let extensions = layers.as_ref().map(|layers| extensions(&layers.path)).unwrap_or_default();
    let keys = keys(settings, revision).await?;
    Ok(Prepared { installed, task, layers, entry, extensions, keys, fingerprint })
}

fn directory(path: &Path) -> Result<Place, Unavailable> {
    if path.is_dir() {
        Ok(Place { path: path.to_owned(), _tree: None })
    } else {
        Err(Unavailable::Code(format!("{} is not a directory (any more).", path.display())))
    }
}

/// Programs in the layers' `extensions` directory, by name; at most [`EXTENSIONS`].
fn extensions(layers: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(layers.join("extensions")) else { return Vec::new() };
    let mut names: Vec<String> = entries
        .filter_map(Result::ok)
        .filter(|entry| {
            fs::metadata(entry.path()).is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
        })
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort();
    names.truncate(EXTENSIONS);
    names
}

/// Credentials of the role. A role that is not there, or does not trust Lambda, is replaced by the development
/// credentials of the account: the access key id is the account's number. They open nothing where signatures are enforced.
async fn keys(settings: &Settings, revision: &Revision) -> Result<Keys, Unavailable> {
    let now = settings.clock.now();
    let ctx = Context::internal(
        revision.account.clone(),
        revision.region.clone(),
        Principal::Account(revision.account.clone()),
        Arc::new(Endpoint { scheme: "http", authority: "127.0.0.1".into() }),
        now,
    );
    let session = settings
        .credentials
        .assume(&ctx, &revision.role, &session_name(&revision.function), "lambda.amazonaws.com", SESSION)
        .await;
    match session {
        Ok(session) => Ok(Keys {
            id: session.access_key_id,
            secret: session.secret,
            token: session.session_token,
            expires: Some(session.expires),
        }),
        Err(error) if matches!(&*error.code, "AccessDenied" | "NoSuchEntity" | "NoSuchEntityException") => {
            Ok(Keys {
                id: revision.account.as_str().into(),
                secret: "test".into(),
                token: "test".into(),
                expires: None,
            })
        }
        Err(error) => Err(Unavailable::Role(error.to_string())),
    }
}

impl Keys {
    /// Whether they last for another invocation.
    pub(crate) fn last(&self, now: Timestamp, timeout: Duration) -> bool {
        self.expires.is_none_or(|expires| now.after(timeout).after(SESSION_LEFT) < expires)
    }
}

/// Of code in a directory: names, sizes and moments of change of its files. Of what package managers put there
/// (`node_modules`, `site-packages`) only the first level counts, and of `.git` nothing. `None`: the code cannot change.
pub(crate) fn fingerprint(revision: &Revision) -> Option<u64> {
    let mut hasher = DefaultHasher::new();
    let mut any = false;
    let mut left = FINGERPRINT_FILES;
    for code in std::iter::once(&revision.code).chain(&revision.layers) {
        if let Code::Directory(path) = code {
            any = true;
            walk(path, true, &mut left, &mut hasher);
        }
    }
    any.then(|| hasher.finish())
}

fn walk(directory: &Path, deep: bool, left: &mut usize, hasher: &mut DefaultHasher) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    let mut entries: Vec<_> = entries.filter_map(Result::ok).take(*left).collect();
    *left -= entries.len();
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name();
        if name == ".git" || name == "__pycache__" {
            continue;
        }
        name.hash(hasher);
        let Ok(facts) = fs::metadata(entry.path()) else { continue };
        (facts.size(), facts.mtime(), facts.mtime_nsec(), facts.ino()).hash(hasher);
        let link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
        if deep && facts.is_dir() && !link {
            let packages = name == "node_modules" || name == "site-packages";
            walk(&entry.path(), !packages, left, hasher);
        }
    }
}

/// The session is called like the function; STS demands two characters, so a function of one letter is told apart.
fn session_name(function: &str) -> String {
    if function.len() < 2 { format!("{function}@lambda_function") } else { function.to_owned() }
}
