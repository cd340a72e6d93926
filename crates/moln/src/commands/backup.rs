//! `moln backup` and `moln restore`.

use std::{
    fs::{self, File},
    io::{self, BufReader, Read, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use bytes::Bytes;
use http::Method;

use super::say;
use crate::{
    cli::{Backup, Restore},
    client::{Server, piece},
    compose,
    config::default_data,
    failure::Failure,
};

/// Stands for the standard input or output.
const STANDARD: &str = "-";

/// Saves a running server's state, or that of a stopped one's directory.
pub(super) async fn save(options: &Backup) -> Result<ExitCode, Failure> {
    let mut target = Target::create(&options.file)?;
    let source = match &options.data {
        Some(data) => {
            // An empty directory would become a new store, and its backup one of nothing.
            if fs::read_dir(data).map_or(true, |mut entries| entries.next().is_none()) {
                return Err(Failure::usage(format!("there is no data directory {}.", data.display())));
            }
            let store = compose::open(data, None)?;
            let blobs = compose::open_blobs(data)?;
            compose::backup(&store, &blobs, &mut target).map_err(|why| Failure::new(format!("{why}.")))?;
            store.close().map_err(|why| Failure::new(format!("the store did not close cleanly: {why}.")))?;
            data.display().to_string()
        }
        None => from_server(options, &mut target).await?,
    };
    let bytes = target.finish()?;
    if options.file.as_os_str() != STANDARD {
        say(&format!("saved {source} to {} ({bytes} bytes)", options.file.display()));
    }
    Ok(ExitCode::SUCCESS)
}

async fn from_server(options: &Backup, target: &mut Target) -> Result<String, Failure> {
    let server = Server::find(&options.target)?;
    let response = server.open(Method::POST, "/_moln/backup", Bytes::new()).await?;
    let status = response.status();
    let mut body = response.into_body();
    if !status.is_success() {
        let text = piece(&mut body).await?.unwrap_or_default();
        return Err(server.refused(status, &serde_json::from_slice(&text).unwrap_or_default()));
    }
    while let Some(bytes) = piece(&mut body).await? {
        target.write_all(&bytes).map_err(|why| target.cannot(&why))?;
    }
    Ok(server.url())
}

/// Fills an empty directory.
pub(super) fn restore(options: &Restore) -> Result<ExitCode, Failure> {
    let data = options.data.clone().unwrap_or_else(default_data);
    let cannot = |why: &io::Error| Failure::new(format!("cannot read {}: {why}.", options.file.display()));
    let mut source: Box<dyn Read> = if options.file.as_os_str() == STANDARD {
        Box::new(io::stdin().lock())
    } else {
        Box::new(BufReader::with_capacity(1 << 20, File::open(&options.file).map_err(|why| cannot(&why))?))
    };
    compose::restore(&data, &mut source).map_err(|why| {
        Failure::new(format!("cannot restore {} to {}: {why}.", options.file.display(), data.display()))
            .next("The directory must be missing or empty, and the file a whole backup.")
    })?;
    say(&format!("restored {} to {}", options.file.display(), data.display()));
    Ok(ExitCode::SUCCESS)
}

/// A file that takes its name only when it is whole and on disk.
struct Target {
    path: PathBuf,
    partial: Option<PathBuf>,
    out: Box<dyn Out>,
    bytes: u64,
}

trait Out: Write {
    fn sync(&mut self) -> io::Result<()>;
}

impl Out for File {
    fn sync(&mut self) -> io::Result<()> {
        self.sync_all()
    }
}

impl Out for io::Stdout {
    fn sync(&mut self) -> io::Result<()> {
        self.flush()
    }
}

impl Target {
    fn create(path: &Path) -> Result<Self, Failure> {
        let path = path.to_owned();
        if path.as_os_str() == STANDARD {
            return Ok(Self { path, partial: None, out: Box::new(io::stdout()), bytes: 0 });
        }
        let mut name = path.clone().into_os_string();
        name.push(".partial");
        let partial = PathBuf::from(name);
        match File::create(&partial) {
            Ok(file) => Ok(Self { path, partial: Some(partial), out: Box::new(file), bytes: 0 }),
            Err(why) => Err(Failure::new(format!("cannot write {}: {why}.", path.display()))),
        }
    }

    fn cannot(&self, why: &io::Error) -> Failure {
        Failure::new(format!("cannot write {}: {why}.", self.path.display()))
    }

    fn finish(mut self) -> Result<u64, Failure> {
        self.out.sync().map_err(|why| self.cannot(&why))?;
        if let Some(partial) = self.partial.take() {
            fs::rename(&partial, &self.path).map_err(|why| self.cannot(&why))?;
        }
        Ok(self.bytes)
    }
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        if let Some(partial) = &self.partial {
            // It did not become a backup; that it stays behind is no harm.
            let _ = fs::remove_file(partial);
        }
    }
}
