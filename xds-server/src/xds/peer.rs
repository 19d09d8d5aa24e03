//! Which nodes a client may introduce itself as.
//!
//! With TLS a client shows a certificate that the configured authority signed; the handshake has checked that. A DNS
//! name among the subject alternative names of the certificate must equal, byte for byte,
//!
//! * `node.cluster`: the certificate is for any node of that gateway; or
//! * `<node.id>.<node.cluster>`: the certificate is for that node of that gateway.
//!
//! Either way it binds the client to a gateway. A wildcard name stands for nothing but itself, and the common name of the
//! subject counts for nothing. Other kinds of alternative names (addresses, URIs) are not looked at.

use rustls_pki_types::CertificateDer;
use tonic::{
    Extensions,
    transport::server::{TcpConnectInfo, TlsConnectInfo},
};
use webpki::EndEntityCert;

use super::observer::Node;

/// What is known of the client at the other end of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Peer {
    /// Without TLS everybody is whom he says he is.
    Anyone,
    /// The DNS names in the client's certificate.
    Certified(Vec<String>),
}

/// The certificate is for somebody else. Says nothing of the certificate, nor of who asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the client certificate names neither node.cluster nor node.id.node.cluster")]
pub(super) struct NotCertified;

impl Peer {
    /// Who sent a request, by its extensions. A connection with TLS of which no certificate is known is certified for
    /// nothing.
    pub(crate) fn of(extensions: &Extensions) -> Self {
        match extensions.get::<TlsConnectInfo<TcpConnectInfo>>() {
            None => Self::Anyone,
            Some(connection) => {
                let chain = connection.peer_certs();
                Self::Certified(chain.and_then(|chain| chain.first().map(dns_names)).unwrap_or_default())
            }
        }
    }

    /// Whether the client may be a node of a gateway, of which `knows` tells whether there is one.
    pub(crate) fn is_of(&self, knows: impl Fn(&str) -> bool) -> bool {
        let Self::Certified(names) = self else { return true };
        // The gateway is what the name ends with; the id of the node before it may have dots of its own.
        let ends =
            |name: &str| name.match_indices('.').any(|(dot, _)| name.get(dot + 1..).is_some_and(&knows));
        names.iter().any(|name| knows(name) || ends(name))
    }

    /// Whether the client may be this node.
    pub(super) fn admit(&self, node: &Node) -> Result<(), NotCertified> {
        let Self::Certified(names) = self else { return Ok(()) };
        let of_node = format!("{}.{}", node.id, node.cluster);
        let certified = names.iter().any(|name| *name == node.cluster || *name == of_node);
        certified.then_some(()).ok_or(NotCertified)
    }
}

fn dns_names(leaf: &CertificateDer<'_>) -> Vec<String> {
    // The handshake has parsed it already; what could not be parsed has no names.
    let Ok(certificate) = EndEntityCert::try_from(leaf) else { return Vec::new() };
    certificate.valid_dns_names().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admits(names: &[&str], id: &str, cluster: &str) -> bool {
        let names = names.iter().map(ToString::to_string).collect();
        let node = Node { id: id.to_owned(), cluster: cluster.to_owned(), ..Node::default() };
        Peer::Certified(names).admit(&node).is_ok()
    }

    #[test]
    fn a_certificate_admits_the_node_or_the_gateway_that_it_names() {
        assert!(admits(&["envoy-1.edge"], "envoy-1", "edge"));
        assert!(admits(&["other", "edge"], "envoy-1", "edge"));
    }

    #[test]
    fn a_certificate_admits_nobody_else() {
        for names in
            [&["envoy-2.edge"][..], &["envoy-1"], &["envoy-1.internal"], &["EDGE"], &["*"], &["*.edge"], &[]]
        {
            assert!(!admits(names, "envoy-1", "edge"), "{names:?}");
        }
        assert!(!admits(&["edge"], "", ""), "a node that names nothing");
    }

    #[test]
    fn a_certificate_of_a_node_or_a_gateway_is_of_that_gateway() {
        let is_of = |name: &str| Peer::Certified(vec![name.to_owned()]).is_of(|gateway| gateway == "my.edge");
        for name in ["my.edge", "envoy-1.my.edge", "envoy.1.my.edge"] {
            assert!(is_of(name), "{name}");
        }
        for name in ["edge", "my.edge.x", "notmy.edge", "my-edge", "MY.EDGE", ""] {
            assert!(!is_of(name), "{name}");
        }
        assert!(!Peer::Certified(Vec::new()).is_of(|_| true));
        assert!(Peer::Anyone.is_of(|_| false));
    }

    #[test]
    fn without_tls_anyone_is_admitted() {
        assert_eq!(Peer::of(&Extensions::new()), Peer::Anyone);
        assert_eq!(Peer::Anyone.admit(&Node::default()), Ok(()));
    }

    #[test]
    fn only_the_dns_names_of_a_certificate_count() {
        let mut params =
            rcgen::CertificateParams::new(["a".to_owned(), "10.0.0.1".to_owned(), "b.c".to_owned()]).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, "edge");
        let key = rcgen::KeyPair::generate().unwrap();
        assert_eq!(dns_names(params.self_signed(&key).unwrap().der()), ["a", "b.c"]);
        assert!(dns_names(&CertificateDer::from(&b"junk"[..])).is_empty());
    }
}
