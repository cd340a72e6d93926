//! Attempts to get out of a sandbox, or to harm the machine from within, in every tier. The attempts are made by this
//! program itself, started inside.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // a test that is surprised fails
#![allow(unsafe_code)] // system calls that are to be refused

mod common;

use std::{
    fs::{self, File},
    io::{self, Write},
    os::{
        fd::AsRawFd,
        linux::net::SocketAddrExt,
        unix::net::{SocketAddr, UnixListener, UnixStream},
    },
    process::{Command, Stdio},
};

use common::tiers::{Who, again, asked, myself};
use common::{Bed, Running, command, run, shell, spec};
use moln_sandbox::{Bind, Exit, Mode, Network, Sandbox, Tier};

/// What an attempt came to: refused with a reason, or it got through.
type Outcome = Result<String, String>;

/// Its name, and how it is made.
type Attempt = (&'static str, fn() -> Outcome);

fn refused<T>(result: io::Result<T>) -> Outcome {
    match result {
        Ok(_) => Err("got through".into()),
        Err(why) => Ok(why.to_string()),
    }
}

fn call(number: i64, arguments: [usize; 5]) -> io::Result<()> {
    let [first, second, third, fourth, fifth] = arguments;
    // SAFETY: all calls made here take numbers or null pointers; they are refused before they act, or fail on them.
    let result = unsafe { libc::syscall(number, first, second, third, fourth, fifth) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn raw_socket(family: i32, kind: i32) -> io::Result<()> {
    let number = |value: i32| usize::try_from(value).unwrap();
    call(libc::SYS_socket, [number(family), number(kind), 0, 0, 0])
}

/// All attempts, by name.
#[allow(clippy::too_many_lines)] // a list
fn attempts() -> Vec<Attempt> {
    fn given(name: &str) -> String {
        std::env::var(name).unwrap()
    }
    vec![
        ("the machine's passwords", || refused(File::open("/etc/shadow"))),
        ("a file of the machine", || refused(File::open(given("SECRET")))),
        ("a directory of the machine", || refused(fs::read_dir(given("STORE")))),
        ("another sandbox's temporary file", || refused(File::open(given("OTHER")))),
        ("the covered root", || {
            refused(
                fs::read_dir("/.machine")
                    .and_then(|mut found| found.next().ok_or_else(|| io::ErrorKind::NotFound.into())),
            )
        }),
        ("the covered root, a path", || refused(File::open("/.machine/etc/passwd"))),
        ("writing to the code", || refused(File::create("/var/task/new"))),
        ("writing to the code's real place", || refused(File::create(given("TASK_NEW")))),
        ("changing the code", || refused(File::options().write(true).open(std::env::current_exe().unwrap()))),
        ("writing to programs", || refused(File::create("/usr/bin/moln-test"))),
        ("writing to /etc", || refused(File::options().append(true).open("/etc/passwd"))),
        ("writing to the root", || refused(File::create("/moln-test"))),
        ("ending a process of the machine", || {
            let pid: i32 = given("VICTIM").parse().unwrap();
            // SAFETY: no memory is involved.
            refused(if unsafe { libc::kill(pid, libc::SIGKILL) } < 0 {
                Err(io::Error::last_os_error())
            } else {
                Ok(())
            })
        }),
        ("looking into the machine's process", || {
            refused(File::open(format!("/proc/{}/environ", given("VICTIM"))))
        }),
        ("process 1's variables", || refused(File::open("/proc/1/environ"))),
        ("process 1's memory", || refused(File::open("/proc/1/mem"))),
        ("process 1's root", || refused(fs::read_dir("/proc/1/root/"))),
        ("process 1's descriptors", || refused(fs::read_dir("/proc/1/fd"))),
        ("tracing the parent", || refused(call(libc::SYS_ptrace, [16, 1, 0, 0, 0]))),
        ("being traced", || refused(call(libc::SYS_ptrace, [0, 0, 0, 0, 0]))),
        ("another's memory", || refused(call(libc::SYS_process_vm_readv, [1, 0, 0, 0, 0]))),
        ("mounting", || refused(call(libc::SYS_mount, [0, 0, 0, 0, 0]))),
        ("unmounting", || refused(call(libc::SYS_umount2, [0, 2, 0, 0, 0]))),
        ("the new mount calls", || refused(call(libc::SYS_fsopen, [0, 0, 0, 0, 0]))),
        ("another root", || refused(std::os::unix::fs::chroot("/tmp"))),
        ("new namespaces", || refused(call(libc::SYS_unshare, [0x1000_0000, 0, 0, 0, 0]))),
        ("new namespaces by clone", || refused(call(libc::SYS_clone, [0x1000_0000 | 0x11, 0, 0, 0, 0]))),
        ("clone3", || match call(libc::SYS_clone3, [0, 0, 0, 0, 0]) {
            Err(why) if why.raw_os_error() == Some(libc::ENOSYS) => Ok(why.to_string()),
            other => Err(format!("{other:?}")),
        }),
        ("another's namespace", || {
            let own = File::open("/proc/self/ns/mnt").map_err(|why| why.to_string());
            let number = own.map_or(0, |own| usize::try_from(own.as_raw_fd()).unwrap());
            match call(libc::SYS_setns, [number, 0, 0, 0, 0]) {
                Err(why) if why.raw_os_error() == Some(libc::EPERM) => Ok(why.to_string()),
                other => Err(format!("{other:?}")),
            }
        }),
        ("calls under other numbers", || refused(call(0x4000_0000 + 165, [0, 0, 0, 0, 0]))),
        ("raw packets", || refused(raw_socket(libc::AF_INET, libc::SOCK_RAW))),
        ("all packets", || refused(raw_socket(libc::AF_PACKET, libc::SOCK_RAW))),
        ("the kernel's ciphers", || refused(raw_socket(libc::AF_ALG, libc::SOCK_SEQPACKET))),
        ("the host of a virtual machine", || refused(raw_socket(libc::AF_VSOCK, libc::SOCK_STREAM))),
        ("keys", || refused(call(libc::SYS_keyctl, [0, 0, 0, 0, 0]))),
        ("programs in the kernel", || refused(call(libc::SYS_bpf, [0, 0, 0, 0, 0]))),
        ("measuring the kernel", || refused(call(libc::SYS_perf_event_open, [0, 0, 0, 0, 0]))),
        ("io_uring", || refused(call(libc::SYS_io_uring_setup, [1, 0, 0, 0, 0]))),
        ("page faults of one's own", || refused(call(libc::SYS_userfaultfd, [1, 0, 0, 0, 0]))),
        ("becoming root", || refused(call(libc::SYS_setuid, [0, 0, 0, 0, 0]))),
        ("a device", || {
            refused(call(
                libc::SYS_mknodat,
                [usize::MAX - 99, c"/tmp/disk".as_ptr() as usize, 0o60_600, 0x0800, 0],
            ))
        }),
        ("the machine's memory", || refused(File::open("/dev/mem"))),
        ("the machine's keys of magic", || {
            refused(File::options().write(true).open("/proc/sysrq-trigger").and_then(|mut file| {
                // Covered by /dev/null it takes everything and does nothing.
                if fs::metadata("/proc/sysrq-trigger")?.len() == 0 && is_null("/proc/sysrq-trigger") {
                    return Err(io::Error::other("covered"));
                }
                file.write_all(b"h")
            }))
        }),
        ("the machine's settings", || refused(fs::write("/proc/sys/kernel/core_pattern", "|/tmp/x"))),
        ("the machine's name", || refused(call(libc::SYS_sethostname, [0, 0, 0, 0, 0]))),
        ("a socket without a file", || {
            let address = SocketAddr::from_abstract_name(given("ABSTRACT")).unwrap();
            refused(UnixStream::connect_addr(&address))
        }),
        ("leaked descriptors", || {
            let open: Vec<String> = fs::read_dir("/proc/self/fd")
                .unwrap()
                .flatten()
                .filter(|entry| !matches!(entry.file_name().to_str(), Some("0" | "1" | "2")))
                .map(|entry| fs::read_link(entry.path()).unwrap_or_default().display().to_string())
                .filter(|target| !target.starts_with("/proc/"))
                .collect();
            if open.is_empty() { Ok("none".into()) } else { Err(open.join(", ")) }
        }),
        ("privileges", || {
            let status = fs::read_to_string("/proc/self/status").unwrap();
            let none = ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"].iter().all(|name| {
                status.lines().any(|line| line.starts_with(name) && line.ends_with("0000000000000000"))
                    || (*name == "CapBnd" && std::env::var("TIER").as_deref() == Ok("C"))
            });
            let bound = status.contains("NoNewPrivs:\t1") && status.contains("Seccomp:\t2");
            if none && bound { Ok("none".into()) } else { Err(status) }
        }),
    ]
}

fn is_null(path: &str) -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(path).is_ok_and(|found| found.rdev() == 0x103)
}

/// Started inside: makes every attempt and tells.
#[test]
fn inside() {
    if std::env::var_os("SECRET").is_none() {
        return;
    }
    let mut through = 0;
    for (name, attempt) in attempts() {
        match attempt() {
            Ok(why) => println!("refused: {name}: {why}"),
            Err(why) => {
                through += 1;
                println!("THROUGH: {name}: {why}");
            }
        }
    }
    println!("{through} got through of {}", attempts().len());
}

async fn attempt(sandbox: &Sandbox, variables: &[(&str, &str)]) -> String {
    let argv = ["/var/task/attempt", "--exact", "inside", "--nocapture", "--test-threads=1"];
    let (process, out, err) = command(&argv, variables, "/tmp");
    let process = sandbox.spawn(process).await.unwrap();
    let (exit, out, err) = Running::new(process, out, err).end().await;
    assert_eq!(exit, Exit::Code(0), "{out}{err}");
    out
}

async fn nothing_gets_through(bed: &Bed, tier: Tier, network: Network) {
    let secret = bed.directory.file("store/secret", "the machine's");
    let exe = myself(&bed.directory);
    let mut victim = Command::new("sleep").arg("1000").stdin(Stdio::null()).spawn().unwrap();
    let name = format!("moln-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let _listener = UnixListener::bind_addr(&address).unwrap();

    let other = bed.create().await;
    let (exit, at, err) = run(&other, "echo hers > ${TMPDIR:-/tmp}/hers; echo ${TMPDIR:-/tmp}/hers").await;
    assert_eq!(exit, Exit::Code(0), "{err}");

    let mut spec = spec();
    spec.network = network;
    spec.binds = vec![Bind::read_only(exe.parent().unwrap(), "/var/task")];
    let sandbox = bed.launcher.create(spec).await.unwrap();
    let variables = [
        ("SECRET", secret.to_str().unwrap()),
        ("STORE", secret.parent().unwrap().to_str().unwrap()),
        ("OTHER", at.trim()),
        ("TASK_NEW", &exe.with_file_name("new").display().to_string()),
        ("VICTIM", &victim.id().to_string()),
        ("ABSTRACT", &name),
        ("TIER", &tier.to_string()),
    ];
    let told = attempt(&sandbox, &variables).await;
    println!("{told}");
    assert!(told.contains("\n0 got through"), "{told}");
    assert!(victim.try_wait().unwrap().is_none(), "the victim lives");
    victim.kill().unwrap();
    victim.wait().unwrap();
    sandbox.kill().await.unwrap();
    other.kill().await.unwrap();
}

async fn memory_is_bounded(bed: &Bed) {
    let mut spec = spec();
    spec.memory_bytes = 64 << 20;
    let sandbox = bed.launcher.create(spec).await.unwrap();
    // Doubles a string until something stops it.
    let bomb = "x=aaaaaaaaaaaaaaaa; while :; do x=$x$x; done";
    let (exit, ..) = run(&sandbox, bomb).await;
    assert_eq!(exit, Exit::OutOfMemory);
    let usage = sandbox.usage().await.unwrap();
    assert!(usage.peak <= 64 << 20, "{usage:?}");
    let (exit, out, _) = run(&sandbox, "echo still here").await;
    assert_eq!((exit, out.as_str()), (Exit::Code(0), "still here\n"));
    sandbox.kill().await.unwrap();
}

async fn processes_are_bounded(bed: &Bed, tier: Tier) {
    let mut spec = spec();
    spec.processes = 32;
    let sandbox = bed.launcher.create(spec).await.unwrap();
    let bomb = "i=0; while [ $i -lt 500 ]; do sleep 1000 & i=$((i+1)); done 2>/dev/null; echo $i";
    let mut bomb = shell(&sandbox, bomb).await;
    let ended = tokio::time::timeout(std::time::Duration::from_millis(700), bomb.process.exited()).await;
    let mut usage = sandbox.usage().await.unwrap();
    // Where nobody but a watch counts, it may come upon them just before the watch does, which then ends them all.
    for _ in 0..100 {
        if tier >= Tier::B || usage.processes <= 33 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        usage = sandbox.usage().await.unwrap();
    }
    assert!(usage.processes <= 33, "{usage:?} {ended:?}");
    sandbox.kill().await.unwrap();
}

async fn disk_is_bounded(bed: &Bed, tier: Tier) {
    let mut spec = spec();
    spec.tmp_bytes = 4 << 20;
    let sandbox = bed.launcher.create(spec).await.unwrap();
    let fill = "cd ${TMPDIR:-/tmp}; for i in 1 2 3 4; do head -c 3000000 /dev/zero > file$i || echo full; done; sleep 3; echo end";
    let (exit, out, err) = run(&sandbox, fill).await;
    if tier >= Tier::B {
        assert!(out.contains("full") && err.contains("No space left"), "{out}{err}");
    } else {
        assert_eq!(exit, Exit::OutOfMemory, "{out}{err}");
    }
    sandbox.kill().await.unwrap();
}

/// Everything, in the tier that somebody gets.
#[tokio::test]
async fn suite() {
    let Some(tier) = asked() else { return };
    let bed = Bed::new(Mode::Best);
    let report = bed.launcher.report().clone();
    println!("{report:#?}");
    assert_eq!(report.tier, tier, "{report:#?}");
    nothing_gets_through(&bed, tier, Network::Host).await;
    if report.isolated_network {
        nothing_gets_through(&bed, tier, Network::Isolated).await;
    }
    memory_is_bounded(&bed).await;
    processes_are_bounded(&bed, tier).await;
    disk_is_bounded(&bed, tier).await;
}

#[test]
fn as_we_are() {
    again("suite", Who::Us, Tier::A);
}

#[test]
fn without_privileges() {
    again("suite", Who::Nobody, Tier::B);
}

#[test]
fn in_a_container() {
    again("suite", Who::Container, Tier::C);
}

#[test]
fn without_privileges_in_a_container() {
    again("suite", Who::NobodyInContainer, Tier::C);
}
