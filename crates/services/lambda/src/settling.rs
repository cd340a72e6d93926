//! From pending to active: what a function needs is made ready in the background, and its state says what came of it.

use std::{sync::Arc, time::Duration};

use moln_functions::Unavailable;
use moln_kernel::{ApiError, ids};
use moln_store::Batch;

use crate::{
    Lambda,
    state::{Address, Facts, Version},
    tables::{LastUpdate, State, VersionRow},
};

/// How long a change is shown as under way at least. Clients that ask right after it must see that there was one.
const UPDATE: Duration = Duration::from_millis(300);

/// Whether something is still to be made ready.
fn unsettled(row: &VersionRow) -> bool {
    row.state == State::Pending || row.last_update == LastUpdate::InProgress
}

impl Lambda {
    /// Makes a function ready in the background.
    pub(crate) fn settle(&self, address: &Address) {
        let (Some(lambda), address) = (self.me.upgrade(), address.clone()) else { return };
        tokio::spawn(async move {
            if let Err(error) = lambda.settled(&address).await {
                tracing::warn!(function = %address.arn(), %error, "a function's state cannot be written");
            }
        });
    }

    /// Goes on with what an earlier process did not finish, or what could not be made ready then.
    pub(crate) fn settle_all(&self) {
        for function in self.registry.all() {
            let facts = function.facts();
            if facts
                .versions
                .values()
                .any(|version| unsettled(&version.row) || version.row.state == State::Failed)
            {
                self.settle(&function.address);
            }
            self.keep_ready(&function);
        }
    }

    async fn settled(&self, address: &Address) -> Result<(), ApiError> {
        let Some(function) = self.registry.find(address) else { return Ok(()) };
        let facts = function.facts();
        let Some(latest) = facts.latest().cloned() else { return Ok(()) };
        if latest.row.state != State::Pending && latest.row.last_update == LastUpdate::InProgress {
            self.clock.sleep_until(self.clock.now().after(UPDATE)).await;
        }
        let ready = match latest.revision(address, false) {
            Some(revision) => self.execute.prepare(&revision).await,
            None => Err(Unavailable::Runtime(format!("The runtime {} is not known.", latest.row.runtime))),
        };
        let change = self.registry.change(address).await;
        let Some(before) = change.before.clone() else { return Ok(()) };
        let mut after: Facts = (*before).clone();
        let mut changed = false;
        for version in before.versions.values() {
            // What was changed meanwhile has its own settling; published versions came from this one.
            let this = version.row.number > 0 || version.row.generation == latest.row.generation;
            let failed_before = version.row.state == State::Failed && ready.is_ok();
            if this && (unsettled(&version.row) || failed_before) {
                let mut row = version.row.clone();
                conclude(&mut row, &ready);
                row.revision_id = ids::Uuid::random().to_string();
                after.versions.insert(row.number, Arc::new(Version::from(row)));
                changed = true;
            }
        }
        if changed {
            change.commit(Batch::default(), Some(after)).await?;
        }
        Ok(())
    }
}

/// Writes into a version what came of making it ready.
fn conclude(row: &mut VersionRow, ready: &Result<(), Unavailable>) {
    match ready {
        Ok(()) => {
            (row.state, row.state_reason) = (State::Active, None);
            (row.last_update, row.last_update_reason) = (LastUpdate::Successful, None);
        }
        Err(why) => {
            let reason = Some((code(why).to_owned(), why.to_string()));
            if row.state == State::Active {
                // What is invoked next is the new code: it will say the same.
                (row.last_update, row.last_update_reason) = (LastUpdate::Failed, reason);
            } else {
                (row.state, row.state_reason) = (State::Failed, reason);
            }
        }
    }
}

/// AWS's code for a reason.
fn code(why: &Unavailable) -> &'static str {
    match why {
        Unavailable::Runtime(_) => "InvalidRuntime",
        Unavailable::Code(_) => "InvalidZipFileException",
        Unavailable::Role(_) => "InsufficientRolePermissions",
        Unavailable::Sandbox(_) | Unavailable::Exhausted | Unavailable::Stopping => "InternalError",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_run_says_so() {
        let mut row = VersionRow { state: State::Pending, ..VersionRow::default() };
        conclude(&mut row, &Err(Unavailable::Runtime("install it".into())));
        assert_eq!(row.state, State::Failed);
        assert_eq!(row.state_reason, Some(("InvalidRuntime".into(), "install it".into())));
        conclude(&mut row, &Ok(()));
        assert_eq!((row.state, row.state_reason), (State::Active, None));
    }

    #[test]
    fn a_failed_update_leaves_the_function_active() {
        let mut row =
            VersionRow { state: State::Active, last_update: LastUpdate::InProgress, ..VersionRow::default() };
        conclude(&mut row, &Err(Unavailable::Code("damaged".into())));
        assert_eq!((row.state, row.last_update), (State::Active, LastUpdate::Failed));
    }
}
