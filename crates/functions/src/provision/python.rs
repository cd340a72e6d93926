//! Python: interpreters that the machine has, and boto3 by pip.

use std::{
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use super::{
    command::{ASKING, FETCHING, run},
    place,
    versions::{BOTO3, BOTO3_OLD, Boto3},
};

/// An interpreter of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Interpreter {
    /// `3.12.4`
    pub(super) version: String,
    /// Its directory, with `bin` and `lib`.
    pub(super) prefix: PathBuf,
    /// `bin/python3.12`
    pub(super) program: PathBuf,
}

/// The first interpreter of exactly this minor version: in the configured directories, on PATH, of pyenv, of uv.
pub(super) fn find(minor: u16, configured: &[PathBuf]) -> Option<Interpreter> {
    candidates(minor, configured).into_iter().find_map(|candidate| ask(minor, &candidate))
}

/// Where [`find`] looks, for people.
pub(super) const PLACES: &str =
    "on PATH, in pyenv's and uv's directories or in the directories of MOLN_PYTHON";

fn candidates(minor: u16, configured: &[PathBuf]) -> Vec<PathBuf> {
    let name = format!("python3.{minor}");
    let mut found = Vec::new();
    let below = |directory: &Path, found: &mut Vec<PathBuf>| {
        found.push(directory.join("bin").join(&name));
        let mut versions: Vec<PathBuf> = fs::read_dir(directory)
            .map(|entries| entries.flatten().map(|entry| entry.path().join("bin").join(&name)).collect())
            .unwrap_or_default();
        // The newest patch first, as far as names tell.
        versions.sort_by(|a, b| b.cmp(a));
        found.extend(versions);
    };
    for directory in configured {
        below(directory, &mut found);
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    found.extend(std::env::split_paths(&path).map(|directory| directory.join(&name)));
    let home = std::env::var_os("HOME").map(PathBuf::from);
    if let Some(pyenv) =
        std::env::var_os("PYENV_ROOT").map(PathBuf::from).or(home.as_ref().map(|home| home.join(".pyenv")))
    {
        below(&pyenv.join("versions"), &mut found);
    }
    if let Some(home) = home {
        below(&home.join(".local/share/uv/python"), &mut found);
    }
    found.retain(|file| file.is_file());
    found
}

/// Asks an interpreter what it is. One in a virtual environment, or a shim, names the real one.
fn ask(minor: u16, candidate: &Path) -> Option<Interpreter> {
    const QUESTION: &str = "import sys; print('%d.%d.%d' % sys.version_info[:3]); print(sys.base_prefix)";
    let answer = run(Command::new(candidate).args(["-I", "-S", "-c", QUESTION]), ASKING).ok()?;
    let mut lines = answer.lines();
    let version = lines.next()?.to_owned();
    let prefix = PathBuf::from(lines.next()?);
    let program = PathBuf::from(format!("bin/python3.{minor}"));
    let right = version.starts_with(&format!("3.{minor}.")) && prefix.join(&program).is_file();
    right.then_some(Interpreter { version, prefix, program })
}

fn boto3(minor: u16) -> &'static Boto3 {
    if minor < 10 { &BOTO3_OLD } else { &BOTO3 }
}

/// Where boto3 for a minor version is kept.
pub(super) fn sdk_place(directory: &Path, minor: u16) -> PathBuf {
    directory.join("sdk").join(boto3(minor).name)
}

/// Fetches boto3 with the pip of any interpreter that has one.
pub(super) fn fetch_sdk(
    directory: &Path,
    minor: u16,
    interpreter: &Interpreter,
    configured: &[PathBuf],
) -> io::Result<()> {
    let boto3 = boto3(minor);
    let pip = pip(interpreter, configured)
        .ok_or_else(|| io::Error::other("no interpreter on this machine has pip, which fetches boto3"))?;
    place::atomically(&sdk_place(directory, minor), |temporary| {
        let requirements = temporary.join("requirements.txt");
        fs::write(&requirements, boto3.requirements)?;
        let arguments: [OsString; 19] = [
            "-m".into(),
            "pip".into(),
            "install".into(),
            "--quiet".into(),
            "--disable-pip-version-check".into(),
            "--no-input".into(),
            "--no-deps".into(),
            "--no-compile".into(),
            "--only-binary=:all:".into(),
            "--require-hashes".into(),
            format!("--python-version={}", boto3.python).into(),
            "--implementation=py".into(),
            "--abi=none".into(),
            "--platform=any".into(),
            "--root-user-action=ignore".into(),
            "--target".into(),
            temporary.into(),
            "--requirement".into(),
            requirements.clone().into(),
        ];
        run(Command::new(pip).args(arguments), FETCHING)?;
        fs::remove_file(requirements)?;
        let _ = fs::remove_dir_all(temporary.join("bin"));
        place::sync(temporary)
    })
}

/// An interpreter with a pip that is new enough to know the options above.
fn pip(interpreter: &Interpreter, configured: &[PathBuf]) -> Option<PathBuf> {
    let works = |program: &PathBuf| {
        let asked = run(Command::new(program).args(["-m", "pip", "--version"]), ASKING).ok();
        let version = asked.and_then(|text| text.split_whitespace().nth(1).map(str::to_owned));
        version
            .and_then(|version| version.split('.').next()?.parse::<u32>().ok())
            .is_some_and(|major| major >= 22)
    };
    let own = interpreter.prefix.join(&interpreter.program);
    if works(&own) {
        return Some(own);
    }
    (8..=15)
        .rev()
        .filter_map(|minor| find(minor, configured))
        .map(|other| other.prefix.join(other.program))
        .chain([PathBuf::from("python3")])
        .find(works)
}

/// Compiles a directory for an interpreter, once: where functions run it cannot be written, so every start would
/// compile again. Nothing depends on it.
pub(super) fn compile(program: &Path, minor: u16, directory: &Path) {
    let done = directory.join(format!(".compiled-3.{minor}"));
    if done.exists() {
        return;
    }
    let mut command = Command::new(program);
    command
        .args(["-I", "-S", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"])
        .arg(directory);
    match run(&mut command, FETCHING).and_then(|_| fs::write(&done, "")) {
        Ok(()) => {}
        Err(error) => {
            tracing::debug!(%error, directory = %directory.display(), "Python files were not compiled");
        }
    }
}
