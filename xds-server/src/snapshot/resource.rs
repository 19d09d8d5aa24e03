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
    sotw: Bytes,
    encoded: Bytes,
}

// Field numbers: google.protobuf.Any, and envoy.service.discovery.v3.Resource.
const ANY_TYPE_URL: u32 = 1;
const ANY_VALUE: u32 = 2;
const DELTA_VERSION: u32 = 1;
const DELTA_RESOURCE: u32 = 2;
const DELTA_NAME: u32 = 3;
/// Field `resources` of the responses of both variants. That it has the number of the nested `resource` too lets the
/// variants share their bytes.
const RESOURCES: u32 = DELTA_RESOURCE;

impl Resource {
    /// A resource from its canonical encoding: the same content always gives the same bytes. prost encodes maps in
    /// a random order, so whoever encodes a message with a map of several entries has to order it.
    #[must_use]
    pub fn new(kind: Kind, name: impl Into<String>, encoded: impl Into<Bytes>) -> Self {
        let (name, encoded) = (name.into(), encoded.into());
        let version = short_hex(&Sha256::digest(&encoded));
        let type_url = kind.type_url().to_owned();
        let any_length = string::encoded_len(ANY_TYPE_URL, &type_url) + length_of(ANY_VALUE, encoded.len());
        let delta_length = string::encoded_len(DELTA_NAME, &name)
            + string::encoded_len(DELTA_VERSION, &version)
            + length_of(DELTA_RESOURCE, any_length);
        // What is nested stands last, so that each form ends the next larger one. Fields may come in any order
        // (protobuf encoding, "Field Order").
        let mut bytes = BytesMut::with_capacity(length_of(RESOURCES, delta_length));
        begin(RESOURCES, delta_length, &mut bytes);
        string::encode(DELTA_NAME, &name, &mut bytes);
        string::encode(DELTA_VERSION, &version, &mut bytes);
        let sotw_begins = bytes.len();
        begin(DELTA_RESOURCE, any_length, &mut bytes);
        string::encode(ANY_TYPE_URL, &type_url, &mut bytes);
        begin(ANY_VALUE, encoded.len(), &mut bytes);
        let encoded_begins = bytes.len();
        bytes.put(encoded);
        let delta = bytes.freeze();
        let (sotw, encoded) = (delta.slice(sotw_begins..), delta.slice(encoded_begins..));
        Self { kind, listed: true, name, version, delta, sotw, encoded }
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

    /// It as field `resources` of an encoded `envoy.service.discovery.v3.DeltaDiscoveryResponse`.
    #[must_use]
    pub fn delta(&self) -> &Bytes {
        &self.delta
    }

    /// It as field `resources` of an encoded `envoy.service.discovery.v3.DiscoveryResponse`.
    #[must_use]
    pub fn sotw(&self) -> &Bytes {
        &self.sotw
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
    use envoy_types::pb::{
        envoy::service::discovery::v3::{self as discovery, DeltaDiscoveryResponse, DiscoveryResponse},
        google::protobuf::Any,
    };
    use prost::Message;

    #[test]
    fn every_form_is_part_of_a_message_that_holds_the_resource() {
        for size in [0, 1, 300, 70_000] {
            let content = vec![7; size];
            let resource = Resource::new(Kind::Cluster, "a", content.clone());
            let any = Any { type_url: Kind::Cluster.type_url().to_owned(), value: content.clone() };
            let sotw = DiscoveryResponse::decode(resource.sotw().clone()).unwrap();
            assert_eq!(
                sotw,
                DiscoveryResponse { resources: vec![any.clone()], ..DiscoveryResponse::default() }
            );
            let delta = DeltaDiscoveryResponse::decode(resource.delta().clone()).unwrap();
            let with_version = discovery::Resource {
                name: "a".to_owned(),
                version: resource.version().to_owned(),
                resource: Some(any),
                ..discovery::Resource::default()
            };
            let resources = vec![with_version];
            assert_eq!(delta, DeltaDiscoveryResponse { resources, ..DeltaDiscoveryResponse::default() });
            assert_eq!(resource.encoded(), &content);
        }
    }

    #[test]
    fn all_forms_share_the_same_bytes() {
        let resource = Resource::new(Kind::Cluster, "a", vec![7; 300]);
        let ends =
            [resource.delta(), resource.sotw(), resource.encoded()].map(|form| form.as_ptr_range().end);
        assert_eq!(ends, [ends[0]; 3]);
    }
}
