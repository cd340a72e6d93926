//! Who is at the other end of a connection on this machine's loopback: functions that share the machine's network share
//! its loopback, too, and must not reach each other's servers.

use std::{
    fs, io,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream},
};

use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink};
use serde::{Deserialize, Serialize};

use crate::inside::processes::descendants;

/// Tells connections from inside a sandbox from others. A cheap value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peers(pub(crate) Kind);

/// By what they are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Kind {
    /// They are not told apart: nobody else gets there, or the machine does not say.
    #[default]
    Everybody,
    /// A user of the machine that no other sandbox has at this time.
    User(u32),
    /// Processes below this one.
    Below(i32),
}

impl Default for Peers {
    fn default() -> Self {
        Self::everybody()
    }
}

impl Peers {
    /// Everybody is welcome.
    pub fn everybody() -> Self {
        Self(Kind::Everybody)
    }

    /// Whether a connection that was accepted comes from inside. To be asked when it is accepted: of a socket that was
    /// closed since, nothing is known. Takes some 10 µs; without users of functions' own, as long as looking at all
    /// descriptors of the sandbox.
    pub fn include(&self, stream: &impl Ends) -> bool {
        if self.0 == Kind::Everybody {
            return true;
        }
        let Ok(Some(holder)) = stream.ends().and_then(|(ours, theirs)| holder(theirs, ours)) else {
            return false;
        };
        match self.0 {
            Kind::Everybody => true,
            Kind::User(user) => holder.user == user,
            Kind::Below(process) => {
                let socket = format!("socket:[{}]", holder.inode);
                descendants(process).into_iter().any(|process| holds(process, &socket))
            }
        }
    }
}

/// A connection whose ends have addresses.
pub trait Ends {
    /// Our end's address and the other's.
    fn ends(&self) -> io::Result<(SocketAddr, SocketAddr)>;
}

impl Ends for TcpStream {
    fn ends(&self) -> io::Result<(SocketAddr, SocketAddr)> {
        Ok((self.local_addr()?, self.peer_addr()?))
    }
}

impl Ends for tokio::net::TcpStream {
    fn ends(&self) -> io::Result<(SocketAddr, SocketAddr)> {
        Ok((self.local_addr()?, self.peer_addr()?))
    }
}

fn holds(process: i32, socket: &str) -> bool {
    let open = fs::read_dir(format!("/proc/{process}/fd")).into_iter().flatten().flatten();
    open.filter_map(|entry| fs::read_link(entry.path()).ok()).any(|target| target.as_os_str() == socket)
}

/// Whose a socket is.
struct Holder {
    user: u32,
    inode: u32,
}

/// Asks the kernel for the socket with these ends (`sock_diag(7)`); `None`: there is none (any more).
fn holder(near: SocketAddr, far: SocketAddr) -> io::Result<Option<Holder>> {
    let (SocketAddr::V4(near), SocketAddr::V4(far)) = (near, far) else {
        return Err(io::ErrorKind::Unsupported.into());
    };
    let kind = Some(netlink::SOCK_DIAG);
    let socket =
        rustix::net::socket_with(AddressFamily::NETLINK, SocketType::DGRAM, SocketFlags::CLOEXEC, kind)?;
    rustix::net::send(&socket, &question(near, far), SendFlags::empty())?;
    let mut answer = [0; 512];
    // The kernel has answered before the sending returned.
    let (read, _) = rustix::net::recv(&socket, &mut answer[..], RecvFlags::DONTWAIT)?;
    let answer = answer.get(..read).unwrap_or_default();
    let short = |at: usize| {
        answer.get(at..).and_then(|rest| rest.first_chunk()).map(|bytes| u16::from_be_bytes(*bytes))
    };
    let long = |at: usize| {
        answer.get(at..).and_then(|rest| rest.first_chunk()).map(|bytes| u32::from_ne_bytes(*bytes))
    };
    let kind = answer.get(4..6).and_then(|bytes| bytes.first_chunk()).map(|bytes| u16::from_ne_bytes(*bytes));
    match kind {
        Some(BY_FAMILY) if short(20) == Some(near.port()) && short(22) == Some(far.port()) => {
            Ok(long(80).zip(long(84)).map(|(user, inode)| Holder { user, inode }))
        }
        // Somebody who listens at the port that a socket had which is gone.
        Some(BY_FAMILY) => Ok(None),
        Some(ERROR) => match long(16).map(|code| -code.cast_signed()) {
            Some(libc::ENOENT) => Ok(None),
            Some(code) => Err(io::Error::from_raw_os_error(code)),
            None => Err(io::ErrorKind::InvalidData.into()),
        },
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

/// `NLMSG_ERROR`
const ERROR: u16 = 2;
/// `SOCK_DIAG_BY_FAMILY`
const BY_FAMILY: u16 = 20;

/// `struct nlmsghdr` and `struct inet_diag_req_v2` for one socket of TCP over IPv4.
fn question(near: SocketAddrV4, far: SocketAddrV4) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(72);
    bytes.extend(72_u32.to_ne_bytes());
    bytes.extend(BY_FAMILY.to_ne_bytes());
    // NLM_F_REQUEST; sequence and sender
    bytes.extend(1_u16.to_ne_bytes());
    bytes.extend([0; 8]);
    // AF_INET, IPPROTO_TCP
    bytes.extend([2, 6, 0, 0]);
    // In whatever state.
    bytes.extend(u32::MAX.to_ne_bytes());
    bytes.extend(near.port().to_be_bytes());
    bytes.extend(far.port().to_be_bytes());
    for address in [near.ip(), far.ip()] {
        bytes.extend(address.octets());
        bytes.extend([0; 12]);
    }
    // Any interface, no cookie.
    bytes.extend([0; 4]);
    bytes.extend([0xFF; 8]);
    bytes
}

/// Whether this machine's kernel tells whose a socket is.
pub(crate) fn told() -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let stream = TcpStream::connect(listener.local_addr()?)?;
    let found = holder(stream.local_addr()?, stream.peer_addr()?)?;
    if found.is_some_and(|holder| holder.user == rustix::process::geteuid().as_raw()) {
        Ok(())
    } else {
        Err(io::Error::other("the kernel does not know its own sockets"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_says_whose_a_socket_is() {
        told().unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (accepted, _) = listener.accept().unwrap();
        let user = rustix::process::geteuid().as_raw();
        assert!(Peers(Kind::User(user)).include(&accepted));
        assert!(!Peers(Kind::User(user + 1)).include(&accepted));
        assert!(
            !Peers(Kind::Below(std::process::id().cast_signed())).include(&accepted),
            "this is not below this"
        );
        assert!(Peers::everybody().include(&accepted));
        drop(stream);
        assert!(holder(([127, 0, 0, 1], 1).into(), ([127, 0, 0, 1], 2).into()).unwrap().is_none());
    }
}
