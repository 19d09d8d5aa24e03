//! One resource, encoded once for all streams.

use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};
use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint, key_len, string};
use sha2::{Digest, Sha256};

use super::Kind;

/// An encoded resource, in the forms in which responses carry it. All of them share the same bytes.
#[derive(Clone)]
pub struct Resource {
    kind: Kind,
    listed: bool,
    name: String,
    version: String,
    delta: Bytes,
    any: Bytes,
    encoded: Bytes,
}

// Field numbers: google.protobuf.Any, and envoy.service.discovery.v3.Resource.
const ANY_TYPE_URL: u32 = 1;
const ANY_VALUE: u32 = 2;
const DELTA_VERSION: u32 = 1;
const DELTA_RESOURCE: u32 = 2;
const DELTA_NAME: u32 = 3;

impl Resource {
    /// A resource from its canonical encoding: the same content always gives the same bytes. prost encodes maps in
    /// a random order, so whoever encodes a message with a map of several entries has to order it.
    #[must_use]
    pub fn new(kind: Kind, name: impl Into<String>, encoded: impl Into<Bytes>) -> Self {
        let (name, encoded) = (name.into(), encoded.into());
        let version = short_hex(&Sha256::digest(&encoded));
        let type_url = kind.type_url().to_owned();
        let any_length = string::encoded_len(ANY_TYPE_URL, &type_url) + length_of(ANY_VALUE, encoded.len());
        // What is nested stands last, so that each form ends the next larger one. Fields may come in any order
        // (protobuf encoding, "Field Order").
        let mut bytes = BytesMut::new();
        string::encode(DELTA_NAME, &name, &mut bytes);
        string::encode(DELTA_VERSION, &version, &mut bytes);
        begin(DELTA_RESOURCE, any_length, &mut bytes);
        let any_begins = bytes.len();
        string::encode(ANY_TYPE_URL, &type_url, &mut bytes);
        begin(ANY_VALUE, encoded.len(), &mut bytes);
        let encoded_begins = bytes.len();
        bytes.put(encoded);
        let delta = bytes.freeze();
        let (any, encoded) = (delta.slice(any_begins..), delta.slice(encoded_begins..));
        Self { kind, listed: true, name, version, delta, any, encoded }
    }

    /// The same resource for those only who ask for it by name: a wildcard does not bring it.
    #[must_use]
    pub fn unlisted(self) -> Self {
        Self { listed: false, ..self }
    }

    /// Whether a wildcard brings it.
    #[must_use]
    pub fn is_listed(&self) -> bool {
        self.listed
    }

    /// Its type.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Its name, unique in its kind.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What identifies its content.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The encoded message, without its type URL.
    #[must_use]
    pub fn encoded(&self) -> &Bytes {
        &self.encoded
    }

    /// The encoded `google.protobuf.Any` of it, as a state-of-the-world response carries it.
    #[must_use]
    pub fn any(&self) -> &Bytes {
        &self.any
    }

    /// The encoded `envoy.service.discovery.v3.Resource` of it, as a delta response carries it.
    #[must_use]
    pub fn delta(&self) -> &Bytes {
        &self.delta
    }
}

/// The first eight bytes of a digest in hex: enough to tell versions apart, short enough to read.
pub(super) fn short_hex(digest: &[u8]) -> String {
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn begin(field: u32, length: usize, bytes: &mut BytesMut) {
    encode_key(field, WireType::LengthDelimited, bytes);
    encode_varint(to_u64(length), bytes);
}

fn length_of(field: u32, length: usize) -> usize {
    key_len(field) + encoded_len_varint(to_u64(length)) + length
}

fn to_u64(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

impl PartialEq for Resource {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind && self.listed == other.listed && self.delta == other.delta
    }
}

impl Eq for Resource {}

impl fmt::Debug for Resource {
    /// Without the content, which may hold secrets.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?} {}@{}", self.kind, self.name, self.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use envoy_types::pb::{envoy::service::discovery::v3 as discovery, google::protobuf::Any};
    use prost::Message;

    #[test]
    fn every_form_is_the_message_that_responses_carry() {
        let resource = Resource::new(Kind::Cluster, "a", vec![7; 300]);
        let any = Any { type_url: Kind::Cluster.type_url().to_owned(), value: vec![7; 300] };
        assert_eq!(Any::decode(resource.any().clone()).unwrap(), any);
        let delta = discovery::Resource {
            name: "a".to_owned(),
            version: resource.version().to_owned(),
            resource: Some(any),
            ..discovery::Resource::default()
        };
        assert_eq!(discovery::Resource::decode(resource.delta().clone()).unwrap(), delta);
        assert_eq!(resource.encoded().as_ref(), [7; 300]);
    }
}
