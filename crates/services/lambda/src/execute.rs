//! What Lambda asks of whoever runs functions.

use std::sync::Arc;

use moln_functions::{Finished, Functions, Invocation, Provisioned, Revision, Streamed, Unavailable};
use moln_kernel::clock::BoxFuture;

/// Runs functions. [`Functions`] does; tests have their own.
pub trait Execute: Send + Sync + 'static {
    /// See [`Functions::invoke`].
    fn invoke<'a>(
        &'a self,
        revision: &'a Arc<Revision>,
        invocation: Invocation,
    ) -> BoxFuture<'a, Result<Finished, Unavailable>>;

    /// See [`Functions::invoke_streaming`].
    fn invoke_streaming<'a>(
        &'a self,
        revision: &'a Arc<Revision>,
        invocation: Invocation,
    ) -> BoxFuture<'a, Result<Streamed, Unavailable>>;

    /// Whether what the revision needs is there; fetches what can be fetched. May take as long as a download.
    fn prepare<'a>(&'a self, revision: &'a Arc<Revision>) -> BoxFuture<'a, Result<(), Unavailable>>;

    /// See [`Functions::provision`].
    fn provision(&self, revision: &Arc<Revision>, count: u32);

    /// See [`Functions::provisioned`].
    fn provisioned(&self, revision_id: &str) -> Provisioned;

    /// See [`Functions::retire`].
    fn retire(&self, revision_id: &str);
}

impl Execute for Functions {
    fn invoke<'a>(
        &'a self,
        revision: &'a Arc<Revision>,
        invocation: Invocation,
    ) -> BoxFuture<'a, Result<Finished, Unavailable>> {
        Box::pin(self.invoke(revision, invocation))
    }

    fn invoke_streaming<'a>(
        &'a self,
        revision: &'a Arc<Revision>,
        invocation: Invocation,
    ) -> BoxFuture<'a, Result<Streamed, Unavailable>> {
        Box::pin(self.invoke_streaming(revision, invocation))
    }

    fn prepare<'a>(&'a self, revision: &'a Arc<Revision>) -> BoxFuture<'a, Result<(), Unavailable>> {
        Box::pin(self.prepare(revision))
    }

    fn provision(&self, revision: &Arc<Revision>, count: u32) {
        self.provision(revision, count);
    }

    fn provisioned(&self, revision_id: &str) -> Provisioned {
        self.provisioned(revision_id)
    }

    fn retire(&self, revision_id: &str) {
        self.retire(revision_id);
    }
}
