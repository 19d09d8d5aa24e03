//! Where Redis is, in one URL: alone, watched by Sentinels, or as a Cluster.

use redis::{
    Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, TlsCertificates, io::tcp::TcpSettings,
};

const SENTINEL_PORT: u16 = 26_379;
const REDIS_PORT: u16 = 6_379;

/// How Redis is set up.
#[derive(Debug)]
pub(crate) enum Deployment {
    /// One server, or whatever answers at one address.
    Alone(ConnectionInfo),
    /// The primary of this name, wherever the Sentinels say it is.
    Sentinel { sentinels: Vec<ConnectionInfo>, name: String, primary: ConnectionInfo },
    /// A Cluster, some of whose nodes are these.
    Cluster(Vec<ConnectionInfo>),
}

/// What is wrong with a URL. No message holds a part of it: any part may be a misplaced password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// It has another scheme than those that are known, or none.
    #[error(
        "its scheme must be redis, rediss (TLS), unix, redis+sentinel, rediss+sentinel, redis+cluster or rediss+cluster"
    )]
    Scheme,
    /// It does not name a server.
    #[error("it must look like redis://[user:password@]host[:port][/db]")]
    Server,
    /// It does not name a socket.
    #[error("it must look like unix:///path[?db=0&user=name&pass=password]")]
    Socket,
    /// It does not name Sentinels and a primary.
    #[error(
        "it must look like redis+sentinel://[user:password@]host[:port][,host[:port]...]/name-of-primary[/db]\
         [?sentinel_user=name&sentinel_password=password]"
    )]
    Sentinel,
    /// It does not name nodes of a Cluster.
    #[error(
        "it must look like redis+cluster://[user:password@]host[:port][,host[:port]...]; a Cluster has no databases"
    )]
    Cluster,
    /// TLS files, and a URL without TLS.
    #[error("it must begin with rediss where --redis-ca, --redis-cert or --redis-key is set")]
    FilesWithoutTls,
}

impl Deployment {
    /// Reads the URL; `files` are for connections with TLS and have been checked.
    pub(crate) fn parse(url: &str, files: Option<&TlsCertificates>) -> Result<Self, UrlError> {
        let (scheme, rest) = url.split_once("://").ok_or(UrlError::Scheme)?;
        let tls = scheme.starts_with("rediss");
        if files.is_some() && !tls {
            return Err(UrlError::FilesWithoutTls);
        }
        let open = |url: &str| open(url, files);
        match scheme {
            "redis" | "rediss" => Ok(Self::Alone(open(url).ok_or(UrlError::Server)?)),
            "unix" | "redis+unix" => Ok(Self::Alone(open(url).ok_or(UrlError::Socket)?)),
            "redis+sentinel" | "rediss+sentinel" => {
                let (server, name) = Several::parse(rest).and_then(sentinels).ok_or(UrlError::Sentinel)?;
                server.open(tls, &open, name).ok_or(UrlError::Sentinel)
            }
            "redis+cluster" | "rediss+cluster" => {
                let nodes =
                    Several::parse(rest).filter(|nodes| nodes.path.is_empty() && nodes.query.is_empty());
                let nodes = nodes.ok_or(UrlError::Cluster)?;
                let urls = nodes.hosts.iter().map(|host| nodes.url(tls, nodes.user, host, REDIS_PORT));
                let nodes: Option<_> = urls.map(|url| open(&url)).collect();
                nodes.map(Self::Cluster).ok_or(UrlError::Cluster)
            }
            _ => Err(UrlError::Scheme),
        }
    }
}

/// A connection as the redis crate reads it from a URL of one server. Its errors are not shown: they may quote the URL.
fn open(url: &str, files: Option<&TlsCertificates>) -> Option<ConnectionInfo> {
    let info = url.into_connection_info().ok()?;
    if let ConnectionAddr::TcpTls { insecure: true, .. } = info.addr() {
        return None;
    }
    let info = match files {
        Some(files) => Client::build_with_tls(info, files.clone()).ok()?.get_connection_info().clone(),
        None => info,
    };
    Some(info.set_tcp_settings(TcpSettings::default().set_nodelay(true)))
}

/// The same connection to another server.
pub(crate) fn to(info: &ConnectionInfo, host: &str, port: u16) -> ConnectionInfo {
    let mut addr = info.addr().clone();
    match &mut addr {
        ConnectionAddr::TcpTls { host: old_host, port: old_port, .. } => {
            host.clone_into(old_host);
            *old_port = port;
        }
        other => *other = ConnectionAddr::Tcp(host.to_owned(), port),
    }
    info.clone().set_addr(addr)
}

/// A URL with several hosts, which no parser of URLs reads: `[user@]host[:port][,host[:port]...][/path][?query]`.
struct Several<'a> {
    /// `user:password`, percent-encoded.
    user: &'a str,
    hosts: Vec<&'a str>,
    path: &'a str,
    query: &'a str,
}

impl<'a> Several<'a> {
    fn parse(rest: &'a str) -> Option<Self> {
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
        let hosts: Vec<_> = hosts.split(',').collect();
        if hosts.iter().any(|host| host.is_empty()) {
            return None;
        }
        Some(Self { user, hosts, path, query })
    }

    /// The URL of one of the hosts.
    fn url(&self, tls: bool, user: &str, host: &str, default_port: u16) -> String {
        let scheme = if tls { "rediss" } else { "redis" };
        let at = if user.is_empty() { "" } else { "@" };
        // The colons of an IPv6 address are within brackets.
        let has_port = host.rsplit(']').next().is_some_and(|rest| rest.contains(':'));
        let port = if has_port { String::new() } else { format!(":{default_port}") };
        format!("{scheme}://{user}{at}{host}{port}")
    }
}

/// What a URL of Sentinels says.
struct Watched<'a> {
    servers: Several<'a>,
    sentinel_user: String,
    db: &'a str,
}

fn sentinels(servers: Several<'_>) -> Option<(Watched<'_>, &str)> {
    let (name, db) = servers.path.split_once('/').unwrap_or((servers.path, "0"));
    let (mut user, mut password) = ("", None);
    for pair in servers.query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=')? {
            ("sentinel_user", value) => user = value,
            ("sentinel_password", value) => password = Some(value),
            _ => return None,
        }
    }
    let sentinel_user = match password {
        Some(password) => format!("{user}:{password}"),
        None if user.is_empty() => String::new(),
        None => return None,
    };
    (!name.is_empty()).then_some((Watched { servers, sentinel_user, db }, name))
}

impl Watched<'_> {
    fn open(
        &self,
        tls: bool,
        open: &impl Fn(&str) -> Option<ConnectionInfo>,
        name: &str,
    ) -> Option<Deployment> {
        let urls = self
            .servers
            .hosts
            .iter()
            .map(|host| self.servers.url(tls, &self.sentinel_user, host, SENTINEL_PORT));
        let sentinels: Option<Vec<_>> = urls.map(|url| open(&url)).collect();
        // Its host is another one each time that the Sentinels are asked.
        let host = self.servers.hosts.first()?;
        let primary =
            open(&format!("{}/{}", self.servers.url(tls, self.servers.user, host, REDIS_PORT), self.db))?;
        Some(Deployment::Sentinel { sentinels: sentinels?, name: name.to_owned(), primary })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Deployment {
        Deployment::parse(url, None).unwrap()
    }

    fn address(info: &ConnectionInfo) -> String {
        info.addr().to_string()
    }

    fn addresses(infos: &[ConnectionInfo]) -> Vec<String> {
        infos.iter().map(address).collect()
    }

    #[test]
    fn one_server_is_read_as_ever() {
        let Deployment::Alone(info) = parse("redis://u:p%40@[::1]:7000/3") else { panic!() };
        assert_eq!((address(&info).as_str(), info.redis_settings().db()), ("::1:7000", 3));
        assert_eq!(info.redis_settings().password(), Some("p@"));
        let Deployment::Alone(info) = parse("unix:///run/redis.sock?db=2&pass=p") else { panic!() };
        assert_eq!((address(&info).as_str(), info.redis_settings().db()), ("/run/redis.sock", 2));
    }

    #[test]
    fn sentinels_have_a_port_and_a_password_of_their_own() {
        let url = "redis+sentinel://u:p@a,b:7000,[::1]/main/4?sentinel_password=s%26&sentinel_user=w";
        let Deployment::Sentinel { sentinels, name, primary } = parse(url) else { panic!() };
        assert_eq!(addresses(&sentinels), ["a:26379", "b:7000", "::1:26379"]);
        assert_eq!((name.as_str(), primary.redis_settings().db()), ("main", 4));
        assert_eq!(primary.redis_settings().password(), Some("p"));
        let own = sentinels[0].redis_settings();
        assert_eq!((own.username(), own.password()), (Some("w"), Some("s&")));
        let Deployment::Sentinel { sentinels, .. } = parse("redis+sentinel://:p@a/main") else { panic!() };
        assert_eq!(sentinels[0].redis_settings().password(), None, "the primary's is not shown to Sentinels");
    }

    #[test]
    fn a_cluster_has_nodes_with_one_password_and_with_tls_if_wanted() {
        let Deployment::Cluster(nodes) = parse("rediss+cluster://:p@a,b:7000") else { panic!() };
        assert_eq!(addresses(&nodes), ["a:6379", "b:7000"]);
        assert!(nodes.iter().all(|node| node.redis_settings().password() == Some("p")));
        assert!(
            nodes.iter().all(|node| matches!(node.addr(), ConnectionAddr::TcpTls { insecure: false, .. }))
        );
    }

    #[test]
    fn another_server_keeps_tls_and_password() {
        let Deployment::Alone(info) = parse("rediss://:p@a/2") else { panic!() };
        let other = to(&info, "b", 1);
        assert_eq!((address(&other).as_str(), other.redis_settings().password()), ("b:1", Some("p")));
        assert!(matches!(other.addr(), ConnectionAddr::TcpTls { .. }));
    }

    #[test]
    fn each_mistake_is_told_by_the_form_that_was_meant() {
        let mistake = |url| Deployment::parse(url, None).unwrap_err();
        for url in ["", "hush", "http://hush", "redis+hush://a", "://a"] {
            assert_eq!(mistake(url), UrlError::Scheme, "{url}");
        }
        for url in ["redis://", "redis://:hush@", "redis://a/x", "redis://a:99999", "rediss://a#insecure"] {
            assert_eq!(mistake(url), UrlError::Server, "{url}");
        }
        for url in [
            "redis+sentinel://a",
            "redis+sentinel://a/",
            "redis+sentinel://a,/main",
            "redis+sentinel://a/main/x",
            "redis+sentinel://a/main?hush=1",
            "redis+sentinel://a/main?sentinel_user=u",
        ] {
            assert_eq!(mistake(url), UrlError::Sentinel, "{url}");
        }
        for url in
            ["redis+cluster://", "redis+cluster://a/1", "redis+cluster://a,,b", "redis+cluster://a?x=1"]
        {
            assert_eq!(mistake(url), UrlError::Cluster, "{url}");
        }
    }
}
