//! The server's configuration: command line over environment over file over default.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
};

use moln_gateway::{
    browser::Origins,
    identity::Access,
    server::{Limits, Tls},
};
use moln_kernel::{AccountId, Region};
use serde::Deserialize;

use crate::{
    cli::{Auth, Languages, LogFormat, LogLevel, Sandbox, Serve},
    failure::Failure,
    keys::RootKeys,
};

/// The port tools expect.
pub(crate) const PORT: u16 = 4566;
/// The file that is read without being named.
const FILE: &str = "moln.toml";

/// `moln.toml`. The same names as on the command line.
#[derive(Debug, Default, Deserialize)]
#[allow(clippy::struct_field_names)] // the names are those of the options
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct File {
    data: Option<PathBuf>,
    listen: Vec<SocketAddr>,
    region: Option<String>,
    account: Option<String>,
    auth: Option<Auth>,
    access_key_file: Option<PathBuf>,
    tls_cert: Option<PathBuf>,
    tls_key: Option<PathBuf>,
    allow_origin: Vec<String>,
    allow_host: Vec<String>,
    log_level: Option<LogLevel>,
    log_format: Option<LogFormat>,
    log_requests: bool,
    max_connections: Option<usize>,
    sandbox: Option<Sandbox>,
    isolate_functions: bool,
}

/// Everything the server needs to know, checked.
pub(crate) struct Config {
    pub(crate) data: PathBuf,
    /// Address, whether it may be missing on this machine, and who is let in there.
    pub(crate) listen: Vec<Listen>,
    pub(crate) region: Region,
    pub(crate) account: AccountId,
    pub(crate) keys: RootKeys,
    pub(crate) tls: Option<Arc<Tls>>,
    pub(crate) origins: Origins,
    pub(crate) log_level: LogLevel,
    pub(crate) log_format: LogFormat,
    pub(crate) log_requests: bool,
    pub(crate) limits: Limits,
    pub(crate) sandbox: Sandbox,
    /// Functions have a network of their own, on which this server is the only other.
    pub(crate) isolate_functions: bool,
    pub(crate) languages: Languages,
}

/// An address to listen on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Listen {
    pub(crate) address: SocketAddr,
    pub(crate) access: Access,
    /// A default that not every machine has.
    pub(crate) optional: bool,
}

impl Config {
    /// Puts the sources together. `key`: id and secret from the environment; the command line would show them to every
    /// user of the machine.
    pub(crate) fn new(given: Serve, key: Option<&(String, String)>) -> Result<Self, Failure> {
        let file = file(given.config.as_deref())?;
        let region = given.region.or(file.region).unwrap_or_else(|| "us-east-1".into());
        let account = given.account.or(file.account).unwrap_or_else(|| "000000000000".into());
        let account = AccountId::parse(&account)
            .ok_or_else(|| Failure::usage(format!("the account '{account}' is not 12 digits.")))?;
        let mut keys = RootKeys::default();
        if let Some((id, secret)) = key {
            keys.add(id, secret, &account)?;
        }
        if let Some(path) = given.access_key_file.or(file.access_key_file) {
            keys.add_file(&path, &account)?;
        }
        let auth = given.auth.or(file.auth).unwrap_or(Auth::Auto);
        let listen = listen(if given.listen.is_empty() { &file.listen } else { &given.listen }, auth);
        guarded(&listen, &keys)?;
        let mut limits = Limits::default();
        limits.connections = given.max_connections.or(file.max_connections).unwrap_or(limits.connections);
        let either = |given: Vec<String>, file| if given.is_empty() { file } else { given };
        Ok(Self {
            data: given.data.or(file.data).unwrap_or_else(default_data),
            listen,
            region: Region::parse(&region)
                .ok_or_else(|| Failure::usage(format!("'{region}' is not the name of a region.")))?,
            account,
            keys,
            tls: tls(given.tls_cert.or(file.tls_cert), given.tls_key.or(file.tls_key))?,
            origins: Origins {
                allowed: either(given.allow_origin, file.allow_origin),
                hosts: either(given.allow_host, file.allow_host),
            },
            log_level: given.log_level.or(file.log_level).unwrap_or(LogLevel::Info),
            log_format: given.log_format.or(file.log_format).unwrap_or(LogFormat::Text),
            log_requests: given.log_requests || file.log_requests,
            limits,
            sandbox: given.sandbox.or(file.sandbox).unwrap_or(Sandbox::Best),
            isolate_functions: given.isolate_functions || file.isolate_functions,
            languages: given.languages,
        })
    }
}

/// The root key of the environment.
pub(crate) fn key_of_environment() -> Option<(String, String)> {
    let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    Some((variable("MOLN_ACCESS_KEY_ID")?, variable("MOLN_SECRET_ACCESS_KEY")?))
}

fn file(named: Option<&Path>) -> Result<File, Failure> {
    let path = named.unwrap_or(Path::new(FILE));
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(why) if named.is_none() && why.kind() == std::io::ErrorKind::NotFound => {
            return Ok(File::default());
        }
        Err(why) => return Err(Failure::usage(format!("cannot read {}: {why}", path.display()))),
    };
    toml::from_str(&text).map_err(|why| {
        Failure::usage(format!("{} is not understood: {why}", path.display()).trim_end().to_owned())
            .next("`moln serve --help` lists the names; the file has the same without the dashes in front.")
    })
}

fn listen(addresses: &[SocketAddr], auth: Auth) -> Vec<Listen> {
    let access = |address: &SocketAddr| {
        if auth == Auth::Auto && address.ip().is_loopback() { Access::Development } else { Access::Required }
    };
    if addresses.is_empty() {
        let four = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), PORT);
        // `localhost` means both; machines without IPv6 do without.
        let six = SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), PORT);
        return [(four, false), (six, true)]
            .map(|(address, optional)| Listen { address, access: access(&address), optional })
            .into();
    }
    addresses
        .iter()
        .map(|address| Listen { address: *address, access: access(address), optional: false })
        .collect()
}

/// Closed by default: nobody is let in from outside without a key, and there is no default key.
fn guarded(listen: &[Listen], keys: &RootKeys) -> Result<(), Failure> {
    match listen.iter().find(|listen| listen.access == Access::Required) {
        Some(listen) if keys.is_empty() => Err(Failure::usage(format!(
            "{} asks for signed requests, and no access key is configured (there is no default key).",
            listen.address
        ))
        .next("Set MOLN_ACCESS_KEY_ID and MOLN_SECRET_ACCESS_KEY or --access-key-file FILE, or listen on 127.0.0.1.")),
        _ => Ok(()),
    }
}

fn tls(certificate: Option<PathBuf>, key: Option<PathBuf>) -> Result<Option<Arc<Tls>>, Failure> {
    match (certificate, key) {
        (None, None) => Ok(None),
        (Some(certificate), Some(key)) => match Tls::load(&certificate, &key) {
            Ok(tls) => Ok(Some(Arc::new(tls))),
            Err(why) => {
                Err(Failure::usage(why.to_string()).next("Both files must be in PEM and belong together."))
            }
        },
        _ => Err(Failure::usage("a certificate and its key belong together: give --tls-cert and --tls-key.")),
    }
}

/// `$XDG_DATA_HOME/moln`, `~/.local/share/moln`, or `./moln-data` for a user without a home.
pub(crate) fn default_data() -> PathBuf {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    variable("XDG_DATA_HOME")
        .or_else(|| variable("HOME").map(|home| home.join(".local/share")))
        .map_or_else(|| PathBuf::from("moln-data"), |base| base.join("moln"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn serve(listen: &[&str]) -> Serve {
        Serve { listen: listen.iter().map(|text| text.parse().unwrap()).collect(), ..Serve::default() }
    }

    fn key() -> (String, String) {
        ("AKIA".into(), "longsecret".into())
    }

    #[test]
    fn outside_addresses_need_a_key() {
        for address in ["0.0.0.0:0", "192.0.2.1:80", "[::]:0"] {
            let failure = Config::new(serve(&[address]), None).err().unwrap().to_string();
            assert!(failure.contains("no default key") && failure.contains("MOLN_ACCESS_KEY"), "{failure}");
            let config = Config::new(serve(&[address]), Some(&key())).ok().unwrap();
            assert_eq!(config.listen[0].access, Access::Required);
        }
    }

    #[test]
    fn loopback_is_for_development_unless_asked() {
        let config = Config::new(serve(&["127.0.0.1:0", "[::1]:0"]), None).ok().unwrap();
        assert!(config.listen.iter().all(|listen| listen.access == Access::Development));
        let mut strict = serve(&["127.0.0.1:0"]);
        strict.auth = Some(Auth::Required);
        assert_eq!(Config::new(strict, Some(&key())).ok().unwrap().listen[0].access, Access::Required);
        let config = Config::new(serve(&[]), None).ok().unwrap();
        assert_eq!(config.listen.len(), 2);
        assert!(config.listen[1].optional && !config.listen[0].optional);
    }

    #[test]
    fn a_file_is_read_and_its_mistakes_are_named() {
        let good: File =
            toml::from_str("region = 'eu-north-1'\nlisten = ['127.0.0.1:1']\nlog-format = 'json'").unwrap();
        assert_eq!((good.region.as_deref(), good.listen.len()), (Some("eu-north-1"), 1));
        let bad = toml::from_str::<File>("regoin = 'x'").unwrap_err().to_string();
        assert!(bad.contains("regoin"), "{bad}");
    }
}
