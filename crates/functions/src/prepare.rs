//! Getting ready before the first invocation.

use std::sync::Arc;

use crate::{Code, Functions, Revision, Unavailable};

impl Functions {
    /// Whether what a revision needs is there: the runtime, which is fetched if it may be, and code that is served from a
    /// directory. Takes as long as a download; the first invocation would wait for it otherwise.
    pub async fn prepare(&self, revision: &Arc<Revision>) -> Result<(), Unavailable> {
        if let Code::Directory(path) = &revision.code
            && !path.is_dir()
        {
            return Err(Unavailable::Code(format!("There is no directory {}.", path.display())));
        }
        let runtimes = &self.pool.host().settings.runtimes;
        runtimes
            .ready(revision.runtime)
            .await
            .map(drop)
            .map_err(|missing| Unavailable::Runtime(missing.to_string()))
    }
}
