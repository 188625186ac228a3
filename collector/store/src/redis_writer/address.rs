//! What the address of a Redis says: what kind it is, where it begins, who we are there.
use crate::StoreError;
use crate::limits::REDIS_SEEDS_MAX;
use redis::{
    Client, ClientTlsConfig, ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _,
    ProtocolVersion, RedisConnectionInfo, RedisResult, TlsCertificates,
};
use std::path::Path;

/// The port of a Redis that names none.
const PORT: u16 = 6379;
/// The port of a Sentinel that names none.
const SENTINEL_PORT: u16 = 26379;

/// How many servers there are, and who says which of them to write to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RedisTopology {
    /// One server.
    #[default]
    Single,
    /// One server at a time, which Sentinels name.
    Sentinel,
    /// A Redis Cluster.
    Cluster,
}

impl RedisTopology {
    /// A word for metrics and answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Single => "single",
            Self::Sentinel => "sentinel",
            Self::Cluster => "cluster",
        }
    }
}

/// Files in PEM that a connection with TLS needs; empty paths for none.
#[derive(Debug, Clone, Copy, Default)]
pub struct RedisTls<'a> {
    /// Who signed the server's certificate; the system's authorities if empty.
    pub ca: &'a str,
    /// Our certificate, if the server asks for one.
    pub cert: &'a str,
    /// The key of that certificate.
    pub key: &'a str,
}

/// Where a Redis is and how to speak to it, understood and checked.
#[derive(Debug, Clone)]
pub struct RedisAddress {
    pub(super) place: Place,
    login: RedisConnectionInfo,
    security: Security,
}

#[derive(Debug, Clone)]
pub(super) enum Place {
    /// All that is known of the one server.
    Single(ConnectionAddr),
    Sentinel {
        seeds: Vec<Host>,
        master: String,
        login: RedisConnectionInfo,
    },
    Cluster {
        seeds: Vec<Host>,
    },
}

#[derive(Debug, Clone)]
enum Security {
    Plain,
    Tls(TlsCertificates),
}

/// A server's name or address, and its port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Host {
    pub(super) name: String,
    pub(super) port: u16,
}

impl std::fmt::Display for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.name, self.port)
    }
}

impl RedisAddress {
    /// Reads an address and the files of `tls`:
    ///
    /// - `redis://[user:password@]host[:port][/db]`, `redis+unix:///path`
    /// - `redis+sentinel://[user:password@]host[:port],…/master[/db]`; with the parameters
    ///   `sentinel_user` and `sentinel_password` if the Sentinels ask for them
    /// - `redis+cluster://[user:password@]host[:port],…`
    ///
    /// each also with `rediss` for TLS, and with `?protocol=resp3`.
    ///
    /// # Errors
    /// [`StoreError::RedisAddress`] says what is wrong, never a password.
    pub fn parse(url: &str, tls: RedisTls<'_>) -> Result<Self, StoreError> {
        Self::read(url, tls).map_err(|message| StoreError::RedisAddress(message.into()))
    }

    fn read(url: &str, tls: RedisTls<'_>) -> Result<Self, String> {
        let (scheme, rest) = url.split_once("://").ok_or("it has no `redis://` in front")?;
        let (transport, kind) = scheme.split_once('+').unwrap_or((scheme, ""));
        let spread = matches!(kind, "sentinel" | "cluster");
        if spread && !matches!(transport, "redis" | "rediss") {
            return Err(format!("`{scheme}://` is none of the known forms"));
        }
        let security = security(transport == "rediss", tls)?;
        if spread {
            return Spread::read(rest, kind).map(|spread| spread.into_address(security));
        }
        if url.ends_with("#insecure") {
            return Err("name the authority in redis.ca instead of `#insecure`".to_owned());
        }
        let info = url.into_connection_info().map_err(|error| error.to_string())?;
        let (place, login) = (Place::Single(info.addr().clone()), info.redis_settings().clone());
        Ok(Self { place, login, security })
    }

    /// What kind of Redis it leads to.
    #[must_use]
    pub fn topology(&self) -> RedisTopology {
        match &self.place {
            Place::Single(_) => RedisTopology::Single,
            Place::Sentinel { .. } => RedisTopology::Sentinel,
            Place::Cluster { .. } => RedisTopology::Cluster,
        }
    }

    pub(super) fn is_cluster(&self) -> bool {
        self.topology() == RedisTopology::Cluster
    }

    /// A client for a server with our keys.
    pub(super) fn client(&self, host: &Host) -> RedisResult<Client> {
        self.client_at(self.security.address(host), &self.login)
    }

    /// A client for the single server, of whatever kind its socket is.
    pub(super) fn client_of(&self, server: &ConnectionAddr) -> RedisResult<Client> {
        self.client_at(server.clone(), &self.login)
    }

    /// A client for a Sentinel, where we may be known by another name.
    pub(super) fn sentinel(&self, host: &Host, login: &RedisConnectionInfo) -> RedisResult<Client> {
        self.client_at(self.security.address(host), login)
    }

    fn client_at(&self, at: ConnectionAddr, login: &RedisConnectionInfo) -> RedisResult<Client> {
        let info: ConnectionInfo = at.into_connection_info()?;
        // A pipeline's last segment must not wait for the acknowledgement of the one before.
        let tcp = info.tcp_settings().clone().set_nodelay(true);
        let info = info.set_tcp_settings(tcp).set_redis_settings(login.clone());
        match &self.security {
            Security::Plain => Client::open(info),
            Security::Tls(certificates) => Client::build_with_tls(info, certificates.clone()),
        }
    }
}

impl Security {
    fn address(&self, host: &Host) -> ConnectionAddr {
        let (name, port) = (host.name.clone(), host.port);
        match self {
            Self::Plain => ConnectionAddr::Tcp(name, port),
            Self::Tls(_) => {
                ConnectionAddr::TcpTls { host: name, port, insecure: false, tls_params: None }
            }
        }
    }
}

fn security(encrypted: bool, tls: RedisTls<'_>) -> Result<Security, String> {
    if !encrypted {
        let files = [tls.ca, tls.cert, tls.key];
        return match files.iter().all(|path| path.is_empty()) {
            true => Ok(Security::Plain),
            false => Err("redis.ca, cert and key are for `rediss` addresses only".to_owned()),
        };
    }
    // Whichever other provider is in the program, this one is meant; a second call changes nothing.
    drop(tokio_rustls::rustls::crypto::ring::default_provider().install_default());
    let read = |path: &str| {
        std::fs::read(Path::new(path)).map_err(|error| format!("cannot read {path}: {error}"))
    };
    let root_cert = if tls.ca.is_empty() { None } else { Some(read(tls.ca)?) };
    let client_tls = match (tls.cert, tls.key) {
        ("", "") => None,
        ("", _) | (_, "") => return Err("redis.cert and redis.key go together".to_owned()),
        (cert, key) => Some(ClientTlsConfig { client_cert: read(cert)?, client_key: read(key)? }),
    };
    Ok(Security::Tls(TlsCertificates { client_tls, root_cert }))
}

/// An address with several hosts, which the general form of addresses does not have.
struct Spread {
    seeds: Vec<Host>,
    path: Vec<String>,
    login: RedisConnectionInfo,
    sentinel: RedisConnectionInfo,
}

impl Spread {
    fn read(rest: &str, kind: &str) -> Result<Self, String> {
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
        let port = if kind == "sentinel" { SENTINEL_PORT } else { PORT };
        let seeds = hosts.split(',').map(|host| Host::read(host, port));
        let seeds: Vec<Host> = seeds.collect::<Result<_, _>>()?;
        if seeds.len() > REDIS_SEEDS_MAX {
            return Err(format!("it names more than {REDIS_SEEDS_MAX} hosts"));
        }
        let path = path.split('/').filter(|part| !part.is_empty());
        let path: Vec<String> = path.map(decoded).collect::<Result<_, _>>()?;
        let (name, password) = user.split_once(':').unwrap_or((user, ""));
        let mut login = named(RedisConnectionInfo::default(), &decoded(name)?);
        login = with_password(login, &decoded(password)?);
        let mut sentinel = RedisConnectionInfo::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            match (kind, key, decoded(value)?.as_str()) {
                (_, "protocol", "resp2" | "2") => {}
                (_, "protocol", "resp3" | "3") => {
                    login = login.set_protocol(ProtocolVersion::RESP3);
                }
                ("sentinel", "sentinel_user", user) => sentinel = named(sentinel, user),
                ("sentinel", "sentinel_password", password) => {
                    sentinel = with_password(sentinel, password);
                }
                _ => return Err(format!("the parameter `{key}` is not known here")),
            }
        }
        let spread = Self { seeds, path, login, sentinel };
        spread.check(kind)
    }

    fn check(mut self, kind: &str) -> Result<Self, String> {
        let db = match (kind, self.path.as_slice()) {
            ("cluster", []) | ("sentinel", [_]) => 0,
            ("cluster", [db]) if db == "0" => 0,
            ("cluster", _) => return Err("a cluster has the database 0 only".to_owned()),
            ("sentinel", [_, db]) => {
                db.parse().map_err(|_| format!("`{db}` is no number of a database"))?
            }
            _ => return Err("after the hosts comes `/` and the name of the master".to_owned()),
        };
        self.login = self.login.set_db(db);
        Ok(self)
    }

    fn into_address(self, security: Security) -> RedisAddress {
        let (seeds, login) = (self.seeds, self.login);
        let place = match self.path.into_iter().next() {
            Some(master) if master != "0" => {
                Place::Sentinel { seeds, master, login: self.sentinel }
            }
            Some(_) | None => Place::Cluster { seeds },
        };
        RedisAddress { place, login, security }
    }
}

fn named(login: RedisConnectionInfo, user: &str) -> RedisConnectionInfo {
    if user.is_empty() { login } else { login.set_username(user) }
}

fn with_password(login: RedisConnectionInfo, password: &str) -> RedisConnectionInfo {
    if password.is_empty() { login } else { login.set_password(password) }
}

impl Host {
    fn read(text: &str, otherwise: u16) -> Result<Self, String> {
        let (name, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((name, port)) => (name, port.strip_prefix(':')),
            None => text.rsplit_once(':').map_or((text, None), |(name, port)| (name, Some(port))),
        };
        let port = port.map_or(Ok(otherwise), str::parse);
        match port {
            Ok(port) if !name.is_empty() => Ok(Self { name: decoded(name)?, port }),
            Ok(_) | Err(_) => Err(format!("`{text}` is no host and port")),
        }
    }
}

/// Undoes `%2F` and the like.
fn decoded(text: &str) -> Result<String, String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
        let (high, low) = (digit(bytes.next()), digit(bytes.next()));
        let code = high.zip(low).and_then(|(high, low)| u8::try_from(high * 16 + low).ok());
        out.push(code.ok_or("a `%` is followed by two hexadecimal digits, or written `%25`")?);
    }
    String::from_utf8(out).map_err(|_| "it is not UTF-8".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str) -> Result<RedisAddress, String> {
        RedisAddress::read(url, RedisTls::default())
    }

    #[test]
    fn every_form_is_understood() {
        let table = [
            ("redis://127.0.0.1", RedisTopology::Single),
            ("redis://u:p@host:7000/3?protocol=resp3", RedisTopology::Single),
            ("rediss://host", RedisTopology::Single),
            ("redis+unix:///run/redis.sock", RedisTopology::Single),
            ("redis+sentinel://a,b:1,[::1]:2/shop", RedisTopology::Sentinel),
            ("rediss+sentinel://u:p@a/shop/2?sentinel_password=x", RedisTopology::Sentinel),
            ("redis+cluster://a:1,b:2", RedisTopology::Cluster),
            ("rediss+cluster://:p@a:1/0?protocol=resp3", RedisTopology::Cluster),
        ];
        for (url, topology) in table {
            assert_eq!(read(url).expect(url).topology(), topology, "{url}");
        }
    }

    #[test]
    fn hosts_and_names_are_read_whole() {
        let address = read("redis+sentinel://us%40er:p%3Aw@[::1]:2,b/ma%2Fster/2").unwrap();
        let Place::Sentinel { seeds, master, .. } = &address.place else { panic!("Sentinels") };
        let hosts: Vec<String> = seeds.iter().map(Host::to_string).collect();
        assert_eq!(hosts, ["::1:2", "b:26379"]);
        assert_eq!(master, "ma/ster");
        assert_eq!(address.login.username(), Some("us@er"));
        assert_eq!(address.login.password(), Some("p:w"));
        assert_eq!(address.login.db(), 2);
    }

    #[test]
    fn what_cannot_be_meant_is_refused_and_no_password_is_told() {
        for (url, said) in [
            ("127.0.0.1:6379", "no `redis://`"),
            ("http://host", "did not parse"),
            ("http+cluster://host", "none of the known"),
            ("redis+sentinel://u:secret@a:1", "name of the master"),
            ("redis+sentinel://u:secret@a:1/m/x", "no number"),
            ("redis+cluster://u:secret@a:1/2", "database 0"),
            ("redis+cluster://u:secret@a:no", "no host and port"),
            ("redis+cluster://u:secret@", "no host and port"),
            ("redis+cluster://u:secret@a?timeout=1", "`timeout` is not known"),
            ("redis+cluster://u:secret%@a", "hexadecimal"),
            ("rediss://u:secret@a/#insecure", "redis.ca"),
        ] {
            let error = read(url).expect_err(url);
            assert!(error.contains(said), "{url}: {error}");
            assert!(!error.contains("secret"), "{error}");
        }
        let files = RedisTls { ca: "/none.pem", ..RedisTls::default() };
        let error = RedisAddress::read("rediss://a", files).expect_err("no such file");
        assert!(error.contains("/none.pem"), "{error}");
        let error = RedisAddress::read("redis://a", files).expect_err("no TLS");
        assert!(error.contains("rediss"), "{error}");
    }
}
