//! Who a request comes from, in the forms in which the upstream and the later filters get it.

use ferrox_host::{Host, Side};
use ferrox_policy::identity::{CONSUMER_STATE, FILTER_STATE, Identity, header};

/// An identity with all that is written of it. One that is remembered with its token is written once for many requests.
#[derive(Debug, Clone)]
pub(crate) struct Badge {
    identity: Identity,
    json: Vec<u8>,
    scopes: String,
}

impl Badge {
    pub(crate) fn new(identity: Identity) -> Self {
        Self { json: identity.to_json(), scopes: identity.scopes.join(" "), identity }
    }

    pub(crate) fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Tells the upstream, and the later filters where no client can reach.
    pub(crate) fn show(&self, host: &dyn Host) {
        let headers = [
            (header::CONSUMER, self.identity.consumer.as_deref()),
            (header::SUBJECT, self.identity.subject.as_deref()),
            (header::ISSUER, self.identity.issuer.as_deref()),
            (header::SCOPES, Some(self.scopes.as_str()).filter(|scopes| !scopes.is_empty())),
        ];
        for (name, value) in headers {
            if let Some(value) = value {
                host.set_header(Side::Request, name, value.as_bytes());
            }
        }
        host.set_filter_state(FILTER_STATE, &self.json);
        if let Some(consumer) = &self.identity.consumer {
            host.set_filter_state(CONSUMER_STATE, consumer.as_bytes());
        }
    }
}
