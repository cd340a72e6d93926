//! What a sandbox costs over a plain process.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // a test that is surprised fails

mod common;

use std::{process::Command, time::Instant};

use common::{Bed, command, spec};
use moln_sandbox::{Exit, Mode, Network};

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

#[tokio::test]
async fn a_sandbox_costs_a_few_milliseconds() {
    let bed = Bed::new(Mode::Best);
    let plain: Vec<f64> = (0..50)
        .map(|_| {
            let started = Instant::now();
            assert!(Command::new("/bin/true").status().unwrap().success());
            started.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    let (mut create, mut spawn, mut whole, mut kill) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for network in [Network::Host, Network::Isolated] {
        if network == Network::Isolated && !bed.launcher.report().isolated_network {
            continue;
        }
        for _ in 0..50 {
            let mut spec = spec();
            spec.network = network;
            spec.listen = vec![9001];
            // A start seldom follows another at once.
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            let started = Instant::now();
            let sandbox = bed.launcher.create(spec).await.unwrap();
            create.push(started.elapsed().as_secs_f64() * 1e3);
            let spawned = Instant::now();
            let (process, _out, _err) = command(&["/bin/true"], &[], "/tmp");
            let mut process = sandbox.spawn(process).await.unwrap();
            spawn.push(spawned.elapsed().as_secs_f64() * 1e3);
            assert_eq!(process.exited().await, Exit::Code(0));
            whole.push(started.elapsed().as_secs_f64() * 1e3);
            let killed = Instant::now();
            sandbox.kill().await.unwrap();
            kill.push(killed.elapsed().as_secs_f64() * 1e3);
        }
        // The promise is 2 to 3 ms on an idle machine; here others may be at work.
        assert!(median(whole.clone()) < median(plain.clone()) + 40.0, "{whole:?}");
        println!(
            "{network:?}: plain {:.2} ms; create {:.2}, spawn {:.2}, until the exit is known {:.2}, kill {:.2}",
            median(plain.clone()),
            median(std::mem::take(&mut create)),
            median(std::mem::take(&mut spawn)),
            median(std::mem::take(&mut whole)),
            median(std::mem::take(&mut kill)),
        );
    }
}
