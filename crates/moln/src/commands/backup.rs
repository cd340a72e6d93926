//! `moln backup` and `moln restore`.

use std::process::ExitCode;

use crate::{
    cli::{Backup, Restore},
    failure::Failure,
};

pub(super) async fn save(options: &Backup) -> Result<ExitCode, Failure> {
    let _ = options;
    std::future::ready(Err(Failure::new("backups are not built yet."))).await
}

pub(super) fn restore(options: &Restore) -> Result<ExitCode, Failure> {
    let _ = options;
    Err(Failure::new("backups are not built yet."))
}
