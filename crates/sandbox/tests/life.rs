//! A sandbox's life: processes, output, exits, binds, freezing, networks, limits, the end. In every tier.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // a test that is surprised fails

mod common;

use std::{
    fs::File,
    io::{Read, Write},
    net::TcpStream,
    os::fd::OwnedFd,
    time::{Duration, Instant},
};

use common::{
    Bed, Running, command, run, shell, spec,
    tiers::{Who, again, asked},
};
use moln_sandbox::{Bind, Error, Exit, Mode, Network, Tier};
use rustix::pipe::{PipeFlags, pipe_with};

async fn exits_and_output(bed: &Bed) {
    let sandbox = bed.create().await;
    let (exit, out, err) = run(&sandbox, "echo out; echo err >&2; exit 7").await;
    assert_eq!((exit, out.as_str(), err.as_str()), (Exit::Code(7), "out\n", "err\n"));
    let mut ended = shell(&sandbox, "kill -TERM $$").await;
    assert_eq!(ended.process.exited().await, Exit::Signal(15));
    assert_eq!(ended.process.exited().await, Exit::Signal(15), "the answer stays");
    let mut waiting = shell(&sandbox, "trap 'exit 3' USR1; echo ready; while :; do sleep 0.01; done").await;
    waiting.line();
    waiting.process.signal(libc::SIGUSR1).await;
    assert_eq!(waiting.process.exited().await, Exit::Code(3));
    // The standard input is empty, the environment exactly what was given, the user is not root.
    let (_, out, _) =
        run(&sandbox, "cat; env | grep -v -e PATH -e PWD -e SHLVL -e TMPDIR -e _=; umask").await;
    assert_eq!(out, "0022\n");
    let (mut process, out, err) = command(&["/bin/sh", "-c", "echo $ONE; pwd"], &[("ONE", "1 = 2")], "/usr");
    process.argv.push("unused".into());
    let (_, out, _) = Running::new(sandbox.spawn(process).await.unwrap(), out, err).end().await;
    assert_eq!(out, "1 = 2\n/usr\n");
    sandbox.kill().await.unwrap();
}

async fn what_cannot_be_started_says_why(bed: &Bed) {
    let sandbox = bed.create().await;
    for (argv, cwd, word) in [
        (vec!["/no/such/program"], "/tmp", "/no/such/program cannot be started"),
        (vec!["/etc/passwd"], "/tmp", "cannot be started: Permission denied"),
        (vec!["/bin/sh"], "/nowhere", "cannot be the working directory"),
        (vec![], "/tmp", "command line is empty"),
    ] {
        let (process, ..) = command(&argv, &[], cwd);
        let why = sandbox.spawn(process).await.unwrap_err().to_string();
        assert!(why.contains(word), "{why}");
    }
    let (mut process, ..) = command(&["/bin/sh"], &[], "/tmp");
    process.env.push(("BIG".into(), "x".repeat(1 << 20).into()));
    assert!(matches!(sandbox.spawn(process).await, Err(Error::Invalid(_))));
    // It is none the worse for it.
    assert_eq!(run(&sandbox, "exit 4").await.0, Exit::Code(4));
    sandbox.kill().await.unwrap();
    let mut spec = spec();
    spec.binds = vec![Bind::read_only("/no/such/place", "/var/task")];
    let why = bed.launcher.create(spec.clone()).await.unwrap_err().to_string();
    assert!(why.contains("/no/such/place"), "{why}");
    for to in ["/", "/proc/x", "/dev", "relative", "/a/../b", "/tmp/x"] {
        spec.binds = vec![Bind::read_only("/usr", to)];
        assert!(matches!(bed.launcher.create(spec.clone()).await, Err(Error::Invalid(_))), "{to}");
    }
}

async fn descriptors_arrive_at_their_numbers(bed: &Bed) {
    let sandbox = bed.create().await;
    let (reader, writer) = pipe_with(PipeFlags::CLOEXEC).unwrap();
    let (give, mut given): (OwnedFd, File) = {
        let (reader, writer) = pipe_with(PipeFlags::CLOEXEC).unwrap();
        (reader, writer.into())
    };
    let script = "read word <&9; echo \"heard $word\" >&5; ls /proc/self/fd | tr '\\n' ' '";
    let (mut process, out, err) = command(&["/bin/sh", "-c", script], &[], "/tmp");
    process.extra = vec![(writer, 5), (give, 9)];
    let process = sandbox.spawn(process).await.unwrap();
    given.write_all(b"this\n").unwrap();
    let (exit, out, _) = Running::new(process, out, err).end().await;
    let mut heard = String::new();
    File::from(reader).read_to_string(&mut heard).unwrap();
    assert_eq!((exit, heard.as_str()), (Exit::Code(0), "heard this\n"));
    assert_eq!(out.trim(), "0 1 2 3 5 9", "3 is the listing's own");
    sandbox.kill().await.unwrap();
}

async fn binds(bed: &Bed, tier: Tier) {
    let task = bed.task("code.sh", "echo code\n");
    let layer = bed.directory.file("layer/tool", "a layer\n");
    let mut spec = spec();
    spec.binds = vec![task];
    let sandbox = bed.launcher.create(spec).await.unwrap();
    let code = sandbox.visible("/var/task/code.sh").display().to_string();
    assert_eq!(run(&sandbox, &format!("sh {code}")).await.1, "code\n");
    // What a process was told may be asked with, wherever it lies: this directory is below /tmp.
    assert_eq!(sandbox.visible(&code).display().to_string(), code);
    let (process, out, err) = command(&["/bin/sh", "code.sh"], &[], code.trim_end_matches("/code.sh"));
    let process = sandbox.spawn(process).await.unwrap();
    assert_eq!(Running::new(process, out, err).end().await.1, "code\n");
    // A process that runs already sees what is shown later.
    let mut waiting =
        shell(&sandbox, "echo ready; while [ ! -e /opt/tool ]; do sleep 0.01; done; cat /opt/tool").await;
    waiting.line();
    let late = sandbox.bind(vec![Bind::read_only(layer.parent().unwrap(), "/opt")]).await;
    if tier >= Tier::B {
        // What container images of functions begin with hands on to the runtime.
        let (_, said, _) = run(&sandbox, "stat -c %a /lambda-entrypoint.sh; /lambda-entrypoint.sh f.g").await;
        assert_eq!(said, "755\n");
        late.unwrap();
        assert_eq!(waiting.end().await.1, "a layer\n");
        assert_eq!(
            run(&sandbox, "cat /opt/tool; echo x > /opt/new || echo refused").await.1,
            "a layer\nrefused\n"
        );
        let file = Bind::read_only(layer, "/some/new/place/file");
        sandbox.bind(vec![file]).await.unwrap();
        assert_eq!(
            run(&sandbox, "cat /some/new/place/file; touch /some/x || echo refused").await.1,
            "a layer\nrefused\n"
        );
    } else {
        assert!(matches!(late, Err(Error::Unsupported(_))), "{late:?}");
        assert!(!bed.launcher.report().late_binds);
    }
    sandbox.kill().await.unwrap();
    // A place that may be written, one that holds no programs.
    let store = bed.directory.0.join("writable");
    std::fs::create_dir(&store).unwrap();
    std::os::unix::fs::chown(&store, None, None).unwrap();
    std::fs::set_permissions(&store, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    let mut spec = common::spec();
    spec.binds =
        vec![Bind { from: store.clone(), to: "/mnt/data".into(), writable: true, executable: false }];
    let sandbox = bed.launcher.create(spec).await.unwrap();
    let at = sandbox.visible("/mnt/data/file").display().to_string();
    assert_eq!(run(&sandbox, &format!("echo kept > {at}")).await.0, Exit::Code(0));
    assert_eq!(std::fs::read_to_string(store.join("file")).unwrap(), "kept\n");
    sandbox.kill().await.unwrap();
}

async fn frozen_processes_stand_still(bed: &Bed) {
    let sandbox = bed.create().await;
    let script = "(while :; do echo child; sleep 0.005; done) & while :; do echo parent; sleep 0.005; done";
    let ticking = shell(&sandbox, script).await;
    let mut ticks = ticking.read_without_waiting();
    let mut ticking_on = || {
        let started = Instant::now();
        let mut seen = 0;
        while seen < 100 && started.elapsed() < Duration::from_secs(10) {
            std::thread::sleep(Duration::from_millis(5));
            seen += ticks();
        }
        seen
    };
    assert!(ticking_on() >= 100);
    sandbox.freeze().await.unwrap();
    ticks();
    std::thread::sleep(Duration::from_millis(60));
    assert_eq!(ticks(), 0, "nothing moves");
    sandbox.thaw().await.unwrap();
    let started = Instant::now();
    while ticks() == 0 {
        assert!(started.elapsed() < Duration::from_secs(10), "it goes on");
        std::thread::sleep(Duration::from_millis(5));
    }
    // A frozen one can be ended.
    sandbox.freeze().await.unwrap();
    sandbox.kill().await.unwrap();
}

async fn memory_is_measured(bed: &Bed) {
    let sandbox = bed.create().await;
    let before = sandbox.usage().await.unwrap();
    // 40 MB held for a moment, then let go of.
    let mut held =
        shell(&sandbox, "x=$(head -c 40000000 /dev/zero | tr '\\0' x); echo held; sleep 1000; echo $x").await;
    held.line();
    tokio::time::sleep(Duration::from_millis(120)).await;
    let usage = sandbox.usage().await.unwrap();
    assert!(usage.memory > before.memory + 30_000_000, "{before:?} {usage:?}");
    assert!(usage.peak >= usage.memory && usage.peak <= 256 << 20, "{usage:?}");
    assert!(usage.processes >= 1, "{usage:?}");
    held.process.signal(libc::SIGKILL).await;
    assert_eq!(held.process.exited().await, Exit::Signal(9), "killed by hand is not out of memory");
    // The kernel gives memory back, and counts that, in its own time.
    let started = Instant::now();
    loop {
        sandbox.reset_peak().await.unwrap();
        let after = sandbox.usage().await.unwrap();
        if after.peak < 30_000_000 {
            break;
        }
        assert!(started.elapsed() < Duration::from_secs(10), "{after:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // What is in /tmp is not memory of the function's.
    let (exit, ..) = run(&sandbox, "head -c 50000000 /dev/zero > ${TMPDIR:-/tmp}/file").await;
    let full = sandbox.usage().await.unwrap();
    assert!(exit == Exit::Code(0) && full.memory < 20_000_000, "{full:?}");
    sandbox.kill().await.unwrap();
}

/// Whoever shares the loopback is told apart from who is inside.
async fn strangers(bed: &Bed, sandbox: &moln_sandbox::Sandbox) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let connect = format!("exec 3<>/dev/tcp/127.0.0.1/{} && head -n 1 <&3", address.port());
    let other = bed.create().await;
    let apart = bed.launcher.report().steps.iter().any(|step| step.name == "connections" && step.holds);
    assert_eq!(apart, bed.launcher.report().tier != Tier::D, "{:#?}", bed.launcher.report());
    for (from, inside) in [(sandbox, true), (&other, false)] {
        // By a child of what was started, too.
        for connect in [connect.clone(), format!("({connect}) & wait")] {
            let asking = common::start(from, &["/bin/bash", "-c", &connect]).await;
            let (mut stream, _) = listener.accept().unwrap();
            assert_eq!(sandbox.peers().include(&stream), inside || !apart);
            stream.write_all(b"hello\n").unwrap();
            assert_eq!(asking.end().await.1, "hello\n");
        }
    }
    let _stranger = TcpStream::connect(address).unwrap();
    assert_eq!(sandbox.peers().include(&listener.accept().unwrap().0), !apart);
    other.kill().await.unwrap();
}

async fn networks(bed: &Bed) {
    let answer = |listening: moln_sandbox::Listening| {
        std::thread::spawn(move || {
            let (mut stream, _) = listening.listener.accept().unwrap();
            stream.write_all(b"hello\n").unwrap();
        })
    };
    // bash opens sockets by itself; without it, this part cannot be seen from inside.
    if !std::path::Path::new("/bin/bash").exists() {
        println!("skipped: no bash to connect with");
        return;
    }
    let ask = |port: u16| format!("exec 3<>/dev/tcp/127.0.0.1/{port} && head -n 1 <&3");
    let mut spec = spec();
    spec.listen = vec![9001];
    let mut sandbox = bed.launcher.create(spec.clone()).await.unwrap();
    let listening = sandbox.take_listeners().pop().unwrap();
    assert!(sandbox.take_listeners().is_empty() && listening.port == 9001);
    let port = listening.address.port();
    let answering = answer(listening);
    let (_, out, err) = common::start(&sandbox, &["/bin/bash", "-c", &ask(port)]).await.end().await;
    assert_eq!(out, "hello\n", "{err}");
    answering.join().unwrap();
    strangers(bed, &sandbox).await;
    sandbox.kill().await.unwrap();

    spec.network = Network::Isolated;
    spec.listen = vec![9001, 4566];
    if !bed.launcher.report().isolated_network {
        assert!(matches!(bed.launcher.create(spec).await, Err(Error::Unsupported(_))));
        return;
    }
    let outside = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let outside = outside.local_addr().unwrap().port();
    let mut sandbox = bed.launcher.create(spec).await.unwrap();
    let listeners = sandbox.take_listeners();
    assert_eq!(listeners.iter().map(|one| one.address.port()).collect::<Vec<_>>(), [9001, 4566]);
    for listening in listeners {
        let port = listening.port;
        assert!(TcpStream::connect(("127.0.0.1", 9001)).is_err(), "it is not the machine's port");
        let answering = answer(listening);
        let (_, out, err) = common::start(&sandbox, &["/bin/bash", "-c", &ask(port)]).await.end().await;
        assert_eq!(out, "hello\n", "{err}");
        answering.join().unwrap();
    }
    for other in [outside, 22] {
        let (exit, ..) = common::start(&sandbox, &["/bin/bash", "-c", &ask(other)]).await.end().await;
        assert_ne!(exit, Exit::Code(0), "nothing else is reached");
    }
    sandbox.kill().await.unwrap();
}

async fn an_end_ends_everything(bed: &Bed) {
    let mark = format!("{}.5", 100_000 + std::process::id());
    let sandbox = bed.create().await;
    let script = format!(
        "(setsid sleep {mark} &) ; sleep {mark} & trap '' TERM; echo ready; sleep {mark}; sleep {mark}"
    );
    let mut stubborn = shell(&sandbox, &script).await;
    stubborn.line();
    let mut process = stubborn.process;
    let waiting = tokio::spawn(async move { process.exited().await });
    sandbox.kill().await.unwrap();
    assert_eq!(waiting.await.unwrap(), Exit::Signal(9));
    assert_eq!(common::processes_with(&mark), Vec::<i32>::new());
    // Dropping does the same, a moment later.
    let sandbox = bed.create().await;
    let mut other = shell(&sandbox, &script).await;
    other.line();
    assert!(!common::processes_with(&mark).is_empty());
    drop(sandbox);
    let started = Instant::now();
    while !common::processes_with(&mark).is_empty() {
        assert!(started.elapsed() < Duration::from_secs(5), "still running");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn processor_time_is_bounded(bed: &Bed) {
    if !bed.launcher.report().steps.iter().any(|step| step.name == "processor limit" && step.holds) {
        println!("skipped: no control group for processor time");
        return;
    }
    let mut spec = spec();
    spec.cpus = Some(0.2);
    let sandbox = bed.launcher.create(spec).await.unwrap();
    let busy = "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; cat /proc/$$/stat | cut -d' ' -f14,15";
    let started = Instant::now();
    let (_, out, _) = run(&sandbox, busy).await;
    let ticks: f64 = out.split_whitespace().map(|text| text.parse::<f64>().unwrap()).sum();
    let share = ticks / 100.0 / started.elapsed().as_secs_f64();
    assert!(share < 0.4, "{share}");
    sandbox.kill().await.unwrap();
}

#[tokio::test]
async fn suite() {
    let Some(tier) = asked() else { return };
    let mode = if tier == Tier::D { Mode::Off } else { Mode::Best };
    let bed = Bed::new(mode);
    assert_eq!(bed.launcher.report().tier, tier, "{:#?}", bed.launcher.report());
    exits_and_output(&bed).await;
    what_cannot_be_started_says_why(&bed).await;
    descriptors_arrive_at_their_numbers(&bed).await;
    if tier != Tier::D {
        binds(&bed, tier).await;
    }
    frozen_processes_stand_still(&bed).await;
    memory_is_measured(&bed).await;
    networks(&bed).await;
    an_end_ends_everything(&bed).await;
    processor_time_is_bounded(&bed).await;
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

#[test]
fn switched_off() {
    again("suite", Who::Us, Tier::D);
}

#[test]
fn one_is_required() {
    again("required", Who::Container, Tier::C);
}

#[tokio::test]
async fn required() {
    if asked().is_none() {
        return;
    }
    let directory = common::Directory::new();
    let settings = moln_sandbox::Settings { mode: Mode::Require, run: directory.0.join("run") };
    let why = moln_sandbox::LauncherProcess::fork(settings).unwrap().attach().unwrap_err();
    assert!(matches!(&why, Error::Unsupported(text) if text.contains("required")), "{why}");
}
