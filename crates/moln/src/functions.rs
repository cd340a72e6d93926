//! What runs functions, put together: sandboxes, runtimes, code.

use std::{io, net::SocketAddr, path::Path, sync::Arc};

use moln_functions::{
    Functions, Limits, Settings,
    code::{CodeCache, ReadSeek, ZipSource},
    provision::Runtimes,
};
use moln_kernel::{
    SharedClock,
    ports::{AssumeRole, WriteLogs},
};
use moln_sandbox::Launcher;
use moln_store::Blobs;

use crate::{cli::Languages, commands::runtimes, failure::Failure};

/// Code as it was uploaded.
struct Zips(Blobs);

impl ZipSource for Zips {
    fn open(&self, sha256: &str) -> io::Result<Box<dyn ReadSeek + Send>> {
        let mut bytes = [0; 32];
        for (at, byte) in bytes.iter_mut().enumerate() {
            let digits = sha256.get(2 * at..2 * at + 2).unwrap_or_default();
            *byte =
                u8::from_str_radix(digits, 16).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
        }
        match self.0.file(bytes) {
            Ok(file) => Ok(Box::new(file)),
            Err(why) => Err(io::Error::new(io::ErrorKind::NotFound, why.to_string())),
        }
    }
}

/// What functions need of the rest.
pub(crate) struct Parts<'p> {
    pub(crate) launcher: Launcher,
    pub(crate) clock: SharedClock,
    pub(crate) logs: Arc<dyn WriteLogs>,
    pub(crate) credentials: Arc<dyn AssumeRole>,
    pub(crate) blobs: Blobs,
    pub(crate) data: &'p Path,
    pub(crate) languages: &'p Languages,
    /// Functions reach the server and nothing else.
    pub(crate) isolated: bool,
    /// Where the server listens, and how.
    pub(crate) platform: (&'static str, SocketAddr),
}

/// Ready to run functions.
pub(crate) fn functions(parts: Parts<'_>) -> Result<Functions, Failure> {
    let (scheme, mut platform) = parts.platform;
    if platform.ip().is_unspecified() {
        platform.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    Ok(Functions::new(Settings {
        launcher: parts.launcher,
        clock: parts.clock,
        logs: parts.logs,
        credentials: parts.credentials,
        runtimes: Runtimes::new(runtimes::settings(parts.languages)?),
        code: CodeCache::new(parts.data.join("code"), Arc::new(Zips(parts.blobs))),
        isolated: parts.isolated,
        platform,
        endpoint: format!("{scheme}://{platform}").into(),
        limits: Limits::default(),
    }))
}
