//! `/etc` as sandboxes see it: made once, in the run directory.

use std::{
    fs, io,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use crate::{
    inside::{root::is_bound, rules::ETC},
    means::{GROUP, USER, USER_NAME},
};

/// The directory.
#[derive(Debug)]
pub(super) struct Etc {
    directory: PathBuf,
    names: Vec<u8>,
}

impl Etc {
    /// Writes it. `function`: the user functions have where users are not mapped.
    pub(super) fn write(directory: PathBuf, function: Option<u32>) -> io::Result<Self> {
        fs::create_dir_all(&directory)?;
        for name in ETC {
            machines(&directory, name)?;
        }
        let users = [(USER_NAME, USER, GROUP)]
            .into_iter()
            .chain(function.map(|function| ("function", function, function)))
            .chain([("nobody", 65_534, 65_534)]);
        let (mut passwd, mut group) =
            (vec!["root:x:0:0:root:/root:/sbin/nologin".to_owned()], vec!["root:x:0:".to_owned()]);
        for (name, user, its_group) in users {
            passwd.push(format!("{name}:x:{user}:{its_group}::/home/{USER_NAME}:/sbin/nologin"));
            group.push(format!("{name}:x:{its_group}:"));
        }
        let (passwd, group) = (passwd.join("\n") + "\n", group.join("\n") + "\n");
        for (name, text) in [
            ("passwd", passwd.as_str()),
            ("group", &group),
            ("hostname", "sandbox\n"),
            ("hosts", &hosts()),
            ("nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n"),
        ] {
            replace(&directory.join(name), text.as_bytes())?;
        }
        // The time zone of functions is UTC whatever the machine's is.
        let localtime = directory.join("localtime");
        // It is there when the machine has one.
        let _ = fs::remove_file(&localtime);
        symlink("/usr/share/zoneinfo/UTC", localtime)?;
        let mut etc = Self { directory, names: b"?".to_vec() };
        etc.refresh();
        Ok(etc)
    }

    /// Takes over the machine's name servers if they changed: laptops move. Sandboxes that run see it too.
    pub(super) fn refresh(&mut self) {
        let now = fs::read("/etc/resolv.conf").unwrap_or_default();
        if now == self.names {
            return;
        }
        // Written in place, for it is bound. A failure leaves the old ones.
        if fs::write(self.directory.join("resolv.conf"), &now).is_ok() {
            self.names = now;
        }
    }
}

/// Takes over what the machine has: links as links, directories as places to be bound on, files as copies.
fn machines(directory: &Path, name: &str) -> io::Result<()> {
    let from = Path::new("/etc").join(name);
    let Ok(found) = from.symlink_metadata() else { return Ok(()) };
    let to = directory.join(name);
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent)?;
    }
    if is_bound(&from) {
        return fs::create_dir_all(to);
    }
    if found.is_symlink() && from.is_dir() {
        return symlink(fs::read_link(from)?, to);
    }
    // One that cannot be read here cannot be read inside either.
    if let Ok(bytes) = fs::read(from) {
        fs::write(to, bytes)?;
    }
    Ok(())
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // A link that was taken over is not written through.
    let _ = fs::remove_file(path);
    fs::write(path, bytes)
}

/// The machine's names, and those a function expects of itself.
fn hosts() -> String {
    let mut text = fs::read_to_string("/etc/hosts").unwrap_or_default();
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text.push_str("127.0.0.1 localhost sandbox sandbox.localdomain\n");
    text
}
