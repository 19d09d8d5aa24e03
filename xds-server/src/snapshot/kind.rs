//! The resource types of xDS.

/// A resource type that this server serves.
///
/// The order is that in which a change is sent, so that nothing refers to what is not there yet (xDS protocol,
/// "Eventual consistency considerations"): clusters, endpoints, secrets and filter configurations, listeners,
/// routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Clusters (CDS).
    Cluster,
    /// Endpoints of clusters (EDS).
    Endpoints,
    /// Certificates and keys (SDS).
    Secret,
    /// Configurations of filters (ECDS).
    ExtensionConfig,
    /// Listeners (LDS).
    Listener,
    /// Route configurations (RDS).
    RouteConfiguration,
    /// Route configurations for a part of the requests each (SRDS).
    ScopedRoutes,
}

impl Kind {
    /// Every kind, in the order in which a change is sent.
    pub const ALL: [Self; 7] = [
        Self::Cluster,
        Self::Endpoints,
        Self::Secret,
        Self::ExtensionConfig,
        Self::Listener,
        Self::RouteConfiguration,
        Self::ScopedRoutes,
    ];

    /// The kinds that lead requests to clusters.
    pub const ROUTES: [Self; 2] = [Self::RouteConfiguration, Self::ScopedRoutes];

    /// The type URL of the kind.
    #[must_use]
    pub fn type_url(self) -> &'static str {
        match self {
            Self::Cluster => "type.googleapis.com/envoy.config.cluster.v3.Cluster",
            Self::Endpoints => "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
            Self::Secret => "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
            Self::ExtensionConfig => "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
            Self::Listener => "type.googleapis.com/envoy.config.listener.v3.Listener",
            Self::RouteConfiguration => "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
            Self::ScopedRoutes => "type.googleapis.com/envoy.config.route.v3.ScopedRouteConfiguration",
        }
    }

    /// The kind of a type URL; `None` for one that is not served.
    #[must_use]
    pub fn of(type_url: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.type_url() == type_url)
    }

    /// Whether a response to a state-of-the-world subscription holds every resource that is subscribed to, so that
    /// an absent one counts as removed (xDS protocol, "Grouping resources into responses": LDS and CDS; Envoy takes SRDS so
    /// too).
    #[must_use]
    pub fn is_full_state(self) -> bool {
        matches!(self, Self::Cluster | Self::Listener | Self::ScopedRoutes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_url_leads_back_to_its_kind() {
        for kind in Kind::ALL {
            assert_eq!(Kind::of(kind.type_url()), Some(kind));
        }
        assert_eq!(Kind::of("type.googleapis.com/envoy.config.core.v3.Nothing"), None);
    }
}
