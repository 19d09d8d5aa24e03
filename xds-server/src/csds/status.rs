//! The books on the nodes joined with what the nodes should run.

use std::collections::BTreeMap;

use envoy_types::pb::{
    envoy::{
        admin::v3::UpdateFailureState,
        config::core::v3::Node,
        service::status::v3::{ClientConfig, ConfigStatus, client_config::GenericXdsConfig},
    },
    google::protobuf::{Any, Timestamp},
};
use prost::Message;

use crate::{
    nodes::{KindStatus, NodeStatus, Refusal},
    snapshot::{Gateways, Kind, Resource},
};

/// The status of each node, by id and gateway; `None` if it would be larger than `max_bytes`.
pub(super) fn of(
    nodes: &[NodeStatus],
    release: &Gateways,
    with_contents: bool,
    max_bytes: usize,
) -> Option<Vec<ClientConfig>> {
    let mut left = max_bytes;
    by_node(nodes).into_iter().map(|streams| node(&streams, release, with_contents, &mut left)).collect()
}

/// The streams of each node: one that uses a service for each kind has several, and one that has just connected
/// again may have an old one that has not ended yet.
fn by_node(nodes: &[NodeStatus]) -> Vec<Vec<&NodeStatus>> {
    let mut streams: BTreeMap<(&str, &str), Vec<&NodeStatus>> = BTreeMap::new();
    for node in nodes {
        streams.entry((&node.id, &node.cluster)).or_default().push(node);
    }
    streams.into_values().collect()
}

fn node(
    streams: &[&NodeStatus],
    release: &Gateways,
    with_contents: bool,
    left: &mut usize,
) -> Option<ClientConfig> {
    let newest = streams.last()?;
    let mut config = ClientConfig {
        node: Some(Node { id: newest.id.clone(), cluster: newest.cluster.clone(), ..Node::default() }),
        ..ClientConfig::default()
    };
    take(left, config.encoded_len())?;
    let snapshot = release.snapshot(&newest.cluster);
    for kind in Kind::ALL {
        let known = streams.iter().rev().find_map(|stream| stream.resources.get(&kind));
        let state = State::of(known);
        for resource in snapshot.all(kind).filter(|resource| resource.is_listed()) {
            // Before the content is copied, as it may be large.
            let content = (with_contents && is_public(kind)).then_some(resource);
            take(left, content.map_or(0, |resource| resource.encoded().len()))?;
            let shown = state.show(resource, content.is_some());
            take(left, shown.encoded_len() - shown.xds_config.as_ref().map_or(0, |any| any.value.len()))?;
            config.generic_xds_configs.push(shown);
        }
    }
    Some(config)
}

fn take(left: &mut usize, bytes: usize) -> Option<()> {
    *left = left.checked_sub(bytes)?;
    Some(())
}

/// Whether resources of a kind hold no secrets. Configurations of filters hold consumers' credentials and keys.
fn is_public(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Cluster | Kind::Endpoints | Kind::Listener | Kind::RouteConfiguration | Kind::ScopedRoutes
    )
}

/// Where a node stands with one kind of resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State<'a> {
    NotSent,
    Stale,
    Synced,
    Refused(&'a Refusal),
}

impl<'a> State<'a> {
    fn of(known: Option<&'a KindStatus>) -> Self {
        let Some(KindStatus { sent, accepted, refused }) = known else { return Self::NotSent };
        match (sent, refused) {
            (Some(sent), Some(refused)) if refused.version == *sent => Self::Refused(refused),
            (Some(sent), _) if accepted.as_ref() == Some(sent) => Self::Synced,
            (Some(_), _) => Self::Stale,
            (None, _) => Self::NotSent,
        }
    }

    fn show(self, resource: &Resource, with_content: bool) -> GenericXdsConfig {
        let type_url = resource.kind().type_url();
        let xds_config =
            with_content.then(|| Any { type_url: type_url.to_owned(), value: resource.encoded().to_vec() });
        GenericXdsConfig {
            type_url: type_url.to_owned(),
            name: resource.name().to_owned(),
            version_info: resource.version().to_owned(),
            xds_config,
            config_status: self.config_status().into(),
            error_state: self.error_state(),
            ..GenericXdsConfig::default()
        }
    }

    fn config_status(self) -> ConfigStatus {
        match self {
            Self::NotSent => ConfigStatus::NotSent,
            Self::Stale => ConfigStatus::Stale,
            Self::Synced => ConfigStatus::Synced,
            Self::Refused(_) => ConfigStatus::Error,
        }
    }

    fn error_state(self) -> Option<UpdateFailureState> {
        let Self::Refused(refusal) = self else { return None };
        let at = Timestamp { seconds: i64::try_from(refusal.at).unwrap_or(i64::MAX), nanos: 0 };
        Some(UpdateFailureState {
            last_update_attempt: Some(at),
            details: refusal.message.clone(),
            version_info: refusal.version.clone(),
            ..UpdateFailureState::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(sent: Option<&str>, accepted: Option<&str>, refused: Option<&str>) -> ConfigStatus {
        let known = KindStatus {
            sent: sent.map(str::to_owned),
            accepted: accepted.map(str::to_owned),
            refused: refused.map(|version| Refusal {
                version: version.to_owned(),
                message: String::new(),
                at: 0,
            }),
        };
        State::of(Some(&known)).config_status()
    }

    #[test]
    fn a_kind_is_in_the_state_of_what_was_sent_last() {
        assert_eq!(State::of(None).config_status(), ConfigStatus::NotSent);
        assert_eq!(state(None, None, None), ConfigStatus::NotSent);
        assert_eq!(state(Some("1"), None, None), ConfigStatus::Stale);
        assert_eq!(state(Some("1"), Some("1"), None), ConfigStatus::Synced);
        assert_eq!(state(Some("2"), Some("1"), None), ConfigStatus::Stale);
        assert_eq!(state(Some("2"), Some("1"), Some("2")), ConfigStatus::Error);
        assert_eq!(state(Some("3"), Some("1"), Some("2")), ConfigStatus::Stale, "3 is not answered yet");
    }

    fn stream(kinds: impl IntoIterator<Item = Kind>) -> NodeStatus {
        let accepted =
            KindStatus { sent: Some("1".to_owned()), accepted: Some("1".to_owned()), refused: None };
        NodeStatus {
            id: "n".to_owned(),
            cluster: "g".to_owned(),
            agent: String::new(),
            variant: "delta",
            connected_at: 0,
            status_address: None,
            resources: kinds.into_iter().map(|kind| (kind, accepted.clone())).collect(),
        }
    }

    fn release(size: usize) -> Gateways {
        let resources = Kind::ALL.map(|kind| Resource::new(kind, "a", vec![7; size]));
        Gateways::default().succeeded_by([("g".to_owned(), resources.to_vec())].into())
    }

    #[test]
    fn a_node_with_a_stream_for_each_kind_is_one_node() {
        let streams = [stream([Kind::Cluster]), stream([Kind::Listener])];
        let shown = of(&streams, &release(1), true, 10_000).unwrap();
        assert_eq!(shown.len(), 1);
        let synced = shown[0].generic_xds_configs.iter();
        let synced: Vec<_> = synced
            .filter(|config| config.config_status() == ConfigStatus::Synced)
            .filter_map(|config| Kind::of(&config.type_url))
            .collect();
        assert_eq!(synced, [Kind::Cluster, Kind::Listener]);
    }

    #[test]
    fn an_answer_that_is_too_large_is_not_made() {
        let streams = [stream(Kind::ALL)];
        let size = of(&streams, &release(1000), true, 100_000).unwrap()[0].encoded_len();
        assert!(of(&streams, &release(1000), true, size + 100).is_some());
        assert_eq!(of(&streams, &release(1000), true, size - 100), None);
        assert!(of(&streams, &release(1000), false, size - 100).is_some(), "without contents it is small");
    }
}
