//! Where requests go, and how.

use std::{collections::BTreeMap, num::NonZeroU32};

use envoy_types::pb::{
    envoy::{
        config::{
            core::v3::{RuntimeFractionalPercent, TypedExtensionConfig},
            route::v3::{
                RouteAction, WeightedCluster,
                route_action::{
                    ClusterSpecifier, HostRewriteSpecifier, MaxStreamDuration, RequestMirrorPolicy,
                    UpgradeConfig,
                },
                weighted_cluster::ClusterWeight,
            },
        },
        extensions::path::rewrite::uri_template::v3::UriTemplateRewriteConfig,
        r#type::{
            matcher::v3::RegexMatchAndSubstitute,
            v3::{FractionalPercent, fractional_percent::DenominatorType},
        },
    },
    google::protobuf::BoolValue,
};

use super::{
    hash,
    prefix::{self, Replacement},
    retry,
};
use crate::{
    model::{Forward, HostRewrite, PathMatch, PathRewrite, Upgrade, UpstreamName},
    translate::proto,
};

/// They go to an upstream. `path` is what the route matches.
pub(super) fn to(forward: &Forward, path: &PathMatch) -> RouteAction {
    let mut action = RouteAction {
        cluster_specifier: Some(clusters(&forward.targets)),
        timeout: proto::duration(forward.timeout),
        idle_timeout: forward.idle_timeout.and_then(proto::duration),
        max_stream_duration: forward.max_stream_duration.map(|longest| MaxStreamDuration {
            max_stream_duration: proto::duration(longest),
            ..MaxStreamDuration::default()
        }),
        host_rewrite_specifier: forward.rewrite.host.as_ref().map(host),
        retry_policy: forward.retry.as_ref().map(retry::policy),
        request_mirror_policies: forward.mirrors.iter().map(mirror).collect(),
        upgrade_configs: forward.upgrades.iter().map(upgrade).collect(),
        hash_policy: forward.hash_on.iter().map(hash::policy).collect(),
        ..RouteAction::default()
    };
    match &forward.rewrite.path {
        None => {}
        Some(PathRewrite::Prefix(with)) => match prefix::replace(path, with) {
            Replacement::Prefix(with) => action.prefix_rewrite = with,
            Replacement::Regex(regex) => action.regex_rewrite = Some(regex),
        },
        Some(PathRewrite::Template(template)) => action.path_rewrite_policy = Some(uri_template(template)),
        Some(PathRewrite::Regex { pattern, substitution }) => {
            action.regex_rewrite = Some(RegexMatchAndSubstitute {
                pattern: Some(proto::regex(pattern.as_str())),
                substitution: substitution.clone(),
            });
        }
    }
    action
}

fn uri_template(template: &str) -> TypedExtensionConfig {
    let config = UriTemplateRewriteConfig { path_template_rewrite: template.to_owned() };
    TypedExtensionConfig {
        name: "envoy.path.rewrite.uri_template.uri_template_rewriter".to_owned(),
        typed_config: Some(proto::any(&config)),
    }
}

fn clusters(targets: &BTreeMap<UpstreamName, NonZeroU32>) -> ClusterSpecifier {
    let mut names = targets.keys();
    if let (Some(only), None) = (names.next(), names.next()) {
        return ClusterSpecifier::Cluster(only.to_string());
    }
    let weight = |(name, weight): (&UpstreamName, &NonZeroU32)| ClusterWeight {
        name: name.to_string(),
        weight: proto::number(weight.get()),
        ..ClusterWeight::default()
    };
    ClusterSpecifier::WeightedClusters(WeightedCluster {
        clusters: targets.iter().map(weight).collect(),
        ..WeightedCluster::default()
    })
}

fn host(host: &HostRewrite) -> HostRewriteSpecifier {
    match host {
        HostRewrite::Literal(host) => HostRewriteSpecifier::HostRewriteLiteral(host.clone()),
        HostRewrite::Header(name) => HostRewriteSpecifier::HostRewriteHeader(name.clone()),
        HostRewrite::Endpoint => HostRewriteSpecifier::AutoHostRewrite(BoolValue { value: true }),
    }
}

fn mirror((upstream, percent): (&UpstreamName, &u32)) -> RequestMirrorPolicy {
    let percent = FractionalPercent { numerator: *percent, denominator: DenominatorType::Hundred.into() };
    RequestMirrorPolicy {
        cluster: upstream.to_string(),
        runtime_fraction: Some(RuntimeFractionalPercent {
            default_value: Some(percent),
            ..RuntimeFractionalPercent::default()
        }),
        // Or the copy would be for another host, which the upstream may not serve.
        disable_shadow_host_suffix_append: true,
        ..RequestMirrorPolicy::default()
    }
}

fn upgrade(upgrade: &Upgrade) -> UpgradeConfig {
    let name = match upgrade {
        Upgrade::Websocket => "websocket",
    };
    UpgradeConfig { upgrade_type: name.to_owned(), enabled: proto::yes(), ..UpgradeConfig::default() }
}
