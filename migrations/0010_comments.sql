-- Comments are the reference (docs/reference/tables.md): each column says what it holds, its unit and its range.

comment on column gateways.sharding is
    'How routes are cut into resources. none: all are one. host: the routes of each host are one, so that a change among '
    'thousands costs an Envoy little; for exact hosts only, and a request that writes its host in capitals gets 404';

comment on column upstreams.max_connections is 'Connections at once from each Envoy, from 0; 0 forces the breaker open';
comment on column upstreams.max_pending_requests is
    'Requests of each Envoy that wait for a connection, from 0; 0 forces the breaker open';
comment on column upstreams.max_requests is 'Requests at once from each Envoy, from 0; 0 forces the breaker open';
comment on column upstreams.max_retries is 'Retries at once from each Envoy, from 0; 0: none';

comment on column endpoints.upstream is 'The upstream that listens there';

comment on column routes.gateways is 'The gateways that the route is part of, at least one; each is a row of gateways';
comment on column routes.priority is 'Routes of higher priority are tried first: -2147483648 to 2147483647';

comment on column route_upstreams.route is 'The route whose requests are shared';
comment on column route_upstreams.upstream is 'The upstream that gets the share';

comment on column route_policies.route is 'The route for whose requests the policy holds';
comment on column route_policies.kind is 'The filter whose policy it is';
comment on column route_policies.policy is 'The policy, by its kind';

comment on column jwt_providers.name is 'The name that policies use; not empty';

comment on column api_keys.consumer is 'Who holds the key';
comment on column api_keys.created_at is 'When the key was inserted';

comment on column releases.id is 'Rises with each release, from 1';
comment on column releases.created_at is 'When the release was recorded';
