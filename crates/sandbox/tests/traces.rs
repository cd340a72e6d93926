//! What is left behind: nothing, whatever ends a sandbox, and whatever ends the server.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // a test that is surprised fails

mod common;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use common::{Bed, Directory, run, shell, spec};
use moln_sandbox::{Error, Exit, LauncherProcess, Mode, Network, Settings, Tier};

/// One test at a time: they count what this process has.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// What a process and the machine hold.
#[derive(Debug, PartialEq, Eq)]
struct Held {
    descriptors: usize,
    launcher_descriptors: usize,
    mounts: usize,
    groups: usize,
    children: usize,
    files: Vec<PathBuf>,
}

fn children(pid: u32) -> Vec<i32> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    tasks
        .flat_map(|task| {
            let text = fs::read_to_string(task.path().join("children")).unwrap_or_default();
            text.split_whitespace().map(|pid| pid.parse().unwrap()).collect::<Vec<i32>>()
        })
        .collect()
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        found.push(entry.path());
        // The root's and the made-up /etc's own contents do not change.
        if entry.file_name() != "etc" {
            found.extend(files(&entry.path()));
        }
    }
    found.sort();
    found
}

/// The launcher of a bed: the child that holds its lock.
fn launcher(bed: &Bed) -> u32 {
    let lock = bed.directory.0.join("run/lock");
    let holds = |pid: &i32| {
        let open = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
        open.filter_map(|entry| fs::read_link(entry.path()).ok()).any(|target| target == lock)
    };
    children(std::process::id()).into_iter().find(holds).unwrap().cast_unsigned()
}

fn held(bed: &Bed) -> Held {
    let count = |path: String| fs::read_dir(path).unwrap().count();
    let launcher = launcher(bed);
    let run = bed.directory.0.join("run");
    Held {
        descriptors: count("/proc/self/fd".into()),
        launcher_descriptors: count(format!("/proc/{launcher}/fd")),
        mounts: fs::read_to_string("/proc/self/mountinfo").unwrap().lines().count(),
        // Numbers of sandboxes grow: how many groups there are is what must not.
        groups: common::groups_with(&format!("moln-{:016x}", hash(&run)))
            .into_iter()
            .flat_map(|group| fs::read_dir(group).into_iter().flatten().flatten())
            .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
            .count(),
        children: children(launcher).len(),
        files: files(&run),
    }
}

async fn settled(bed: &Bed) -> Held {
    // Spares are made when the launcher has nothing else to do.
    tokio::time::sleep(Duration::from_millis(300)).await;
    held(bed)
}

#[tokio::test]
async fn a_thousand_environments_leave_nothing() {
    let _alone = ALONE.lock().await;
    let bed = Bed::new(Mode::Best);
    let isolated = bed.launcher.report().isolated_network;
    bed.create().await.kill().await.unwrap();
    let before = settled(&bed).await;
    let started = Instant::now();
    for round in 0..125 {
        let batch = (0..8).map(|number| {
            let bed = &bed;
            async move {
                let mut spec = spec();
                if isolated && number % 4 == 0 {
                    spec.network = Network::Isolated;
                }
                spec.listen = vec![9001];
                let sandbox = bed.launcher.create(spec).await.unwrap();
                match number % 4 {
                    // Ended while something runs, after it ended, while frozen, and by being dropped.
                    0 => drop(shell(&sandbox, "sleep 1000 & sleep 1000").await),
                    1 => assert_eq!(run(&sandbox, "exit 0").await.0, Exit::Code(0)),
                    2 => {
                        drop(shell(&sandbox, "sleep 1000").await);
                        sandbox.freeze().await.unwrap();
                    }
                    _ => return drop(sandbox),
                }
                sandbox.kill().await.unwrap();
            }
        });
        let mut set = Vec::new();
        for one in batch {
            set.push(Box::pin(one));
        }
        // All at once, on this thread.
        let mut waiting: Vec<_> = set;
        std::future::poll_fn(|context| {
            waiting.retain_mut(|one| one.as_mut().poll(context).is_pending());
            if waiting.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
        })
        .await;
        if round == 0 {
            println!("eight took {:?}", started.elapsed());
        }
    }
    println!("a thousand took {:?}", started.elapsed());
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let after = settled(&bed).await;
        if after == before {
            break;
        }
        assert!(Instant::now() < deadline, "{before:#?}\n{after:#?}");
    }
}

/// Started again as a server of its own: makes sandboxes, and waits to be ended.
#[tokio::test]
async fn server() {
    let Some(run) = std::env::var_os("MOLN_TEST_RUN") else { return };
    let mode = if std::env::var_os("MOLN_TEST_OFF").is_some() { Mode::Off } else { Mode::Best };
    let launcher = LauncherProcess::fork(Settings { mode, run: run.into() }).unwrap().attach().unwrap();
    let mark = std::env::var("MOLN_TEST_MARK").unwrap();
    let mut sandboxes = Vec::new();
    for number in 0..6 {
        let sandbox = launcher.create(spec()).await.unwrap();
        let script = format!(
            "trap '' TERM HUP; (setsid sleep {mark} &); echo x > ${{TMPDIR:-/tmp}}/x; echo ready; sleep {mark}; sleep {mark}"
        );
        let mut process = shell(&sandbox, &script).await;
        process.line();
        if number % 2 == 0 {
            sandbox.freeze().await.unwrap();
        }
        sandboxes.push((sandbox, process));
    }
    println!("{:?} ready", launcher.report().tier);
    std::future::pending::<()>().await;
}

struct Server {
    child: std::process::Child,
    run: PathBuf,
    mark: String,
}

/// Starts one and waits until its sandboxes run.
fn serve(run: &Path, off: bool) -> Server {
    use std::io::BufRead;
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let mark = format!("{}.{}", 200_000 + std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "server", "--nocapture", "--test-threads=1"]);
    command.env("MOLN_TEST_RUN", run).env("MOLN_TEST_MARK", &mark).stdout(Stdio::piped());
    if off {
        command.env("MOLN_TEST_OFF", "1");
    }
    let mut child = command.spawn().unwrap();
    let mut lines = std::io::BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().ends_with("ready")));
    std::thread::spawn(move || lines.for_each(drop));
    Server { child, run: run.to_path_buf(), mark }
}

impl Server {
    fn everything(&self) -> (Vec<i32>, Vec<PathBuf>, Vec<PathBuf>) {
        let group = format!("moln-{:016x}", hash(&self.run.canonicalize().unwrap()));
        let left = files(&self.run).into_iter().filter(|path| !path.ends_with("lock")).collect();
        (common::processes_with(&self.mark), common::groups_with(&group), left)
    }

    fn nothing_is_left_within(&self, time: Duration) {
        let deadline = Instant::now() + time;
        loop {
            let (processes, groups, files) = self.everything();
            if processes.is_empty() && groups.is_empty() && files.is_empty() {
                return;
            }
            assert!(Instant::now() < deadline, "{processes:?} {groups:?} {files:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// The name the launcher gives its groups.
fn hash(run: &Path) -> u64 {
    use std::os::unix::ffi::OsStrExt;
    run.as_os_str().as_bytes().iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[test]
fn a_killed_server_leaves_nothing() {
    let _alone = ALONE.blocking_lock();
    for off in [false, true] {
        let directory = Directory::new();
        let mut server = serve(&directory.0.join("run"), off);
        assert!(!server.everything().0.is_empty());
        server.child.kill().unwrap();
        server.child.wait().unwrap();
        server.nothing_is_left_within(Duration::from_secs(6));
    }
}

#[test]
fn what_a_killed_launcher_leaves_the_next_start_removes() {
    let _alone = ALONE.blocking_lock();
    let directory = Directory::new();
    let run = directory.0.join("run");
    let mut server = serve(&run, false);
    // Both at once, so that nobody can clean up.
    for pid in children(server.child.id()) {
        assert!(Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap().success());
    }
    server.child.kill().unwrap();
    server.child.wait().unwrap();
    let mut next = serve(&run, false);
    let deadline = Instant::now() + Duration::from_secs(5);
    while !common::processes_with(&server.mark).is_empty() {
        assert!(Instant::now() < deadline, "processes of the dead server run on");
        std::thread::sleep(Duration::from_millis(10));
    }
    next.child.kill().unwrap();
    next.child.wait().unwrap();
    next.nothing_is_left_within(Duration::from_secs(6));
}

#[tokio::test]
async fn one_server_has_a_run_directory() {
    let _alone = ALONE.lock().await;
    let bed = Bed::new(Mode::Best);
    let run = bed.directory.0.join("run");
    let other = LauncherProcess::fork(Settings { mode: Mode::Best, run });
    assert!(matches!(other, Err(Error::InUse(_))), "{other:?}");
    // And the first is none the worse for it.
    let sandbox = bed.create().await;
    assert_eq!(run_(&sandbox).await, Exit::Code(5));
    assert!(bed.launcher.report().tier >= Tier::D);
}

async fn run_(sandbox: &moln_sandbox::Sandbox) -> Exit {
    run(sandbox, "exit 5").await.0
}
