//! A sandbox's life: processes, output, exits, freezing, limits, the end.

mod common;

use common::{Bed, run, shell};
use moln_sandbox::{Exit, Mode};

#[tokio::test]
async fn a_process_runs_and_its_exit_is_told() {
    let bed = Bed::new(Mode::Best);
    println!("{:#?}", bed.launcher.report());
    let sandbox = bed.create().await;
    let (exit, out, err) = run(&sandbox, "echo out; echo err >&2; id -u; exit 7").await;
    println!("{out}{err}");
    assert_eq!(exit, Exit::Code(7));
    assert!(out.starts_with("out\n") && err == "err\n", "{out} {err}");
    let mut sleeping = shell(&sandbox, "kill -TERM $$").await;
    assert_eq!(sleeping.process.exited().await, Exit::Signal(15));
    assert_eq!(sleeping.process.exited().await, Exit::Signal(15));
    let (_, out, err) = run(&sandbox, "ls -la / /dev /etc /proc /tmp; cat /proc/self/status /proc/self/mountinfo /proc/self/cgroup; ls -l /proc/self/fd").await;
    println!("{out}{err}");
    sandbox.kill().await.unwrap();
}
