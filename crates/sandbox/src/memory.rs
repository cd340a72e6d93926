//! Watches a sandbox's memory where a control group measures it: the group's own limit leaves room for `/tmp`, which lives
//! in memory too, so the exact limit is held from here.

use std::sync::{Arc, atomic::Ordering};

use crate::{
    inside::look_away,
    sandbox::{Live, State},
};

/// As long as the sandbox lives. Sleeps while it is frozen.
pub(crate) async fn watch(live: Arc<Live>) {
    let mut state = live.state.subscribe();
    loop {
        match state.wait_for(|state| *state != State::Frozen).await.map(|state| *state) {
            Ok(State::Running) => {}
            _ => return,
        }
        // A group that cannot be read any more is being removed.
        let Ok(charged) = live.control.charged() else { return };
        let mut held = charged;
        if charged > live.memory_bytes {
            let Ok(exact) = live.control.held() else { return };
            held = exact;
            live.seen.fetch_max(held, Ordering::Relaxed);
            if held > live.memory_bytes && live.run_out_of_memory().await.is_err() {
                return;
            }
        }
        let pause = look_away(live.memory_bytes.saturating_sub(held));
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = state.wait_for(|state| *state != State::Running) => {}
        }
    }
}
