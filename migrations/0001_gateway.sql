-- What the gateway is configured with. Each table refuses what it can judge by itself; what takes knowledge of other
-- rows or of policies is judged by the control plane, which keeps the last good release when it refuses.

create table upstreams (
    name text primary key check (name ~ '^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$'),
    connect_timeout_ms integer not null default 1000 check (connect_timeout_ms between 1 and 60000),
    failures integer not null default 5 check (failures between 1 and 1000),
    open_for_ms integer not null default 30000 check (open_for_ms between 100 and 3600000),
    max_connections integer not null default 1024 check (max_connections >= 0),
    max_pending_requests integer not null default 1024 check (max_pending_requests >= 0),
    max_requests integer not null default 1024 check (max_requests >= 0),
    max_retries integer not null default 3 check (max_retries >= 0)
);
comment on table upstreams is 'Services behind the gateway';
comment on column upstreams.name is '1 to 63 of a-z, 0-9, "." and "-"; also the name of the cluster in Envoy';
comment on column upstreams.connect_timeout_ms is 'How long a connection may take to be made, in milliseconds: 1 to 60000';
comment on column upstreams.failures is
    'Breaker: failures in a row (5xx, refused, reset, timed out) of an endpoint that open it: 1 to 1000';
comment on column upstreams.open_for_ms is
    'Breaker: how long an endpoint then gets no traffic, in milliseconds: 100 to 3600000; up to a tenth is added';
comment on column upstreams.max_connections is 'Connections at once from each Envoy; 0 forces the breaker open';
comment on column upstreams.max_pending_requests is
    'Requests of each Envoy that wait for a connection; 0 forces the breaker open';
comment on column upstreams.max_requests is 'Requests at once from each Envoy; 0 forces the breaker open';
comment on column upstreams.max_retries is 'Retries at once from each Envoy';

create table endpoints (
    upstream text not null references upstreams on update cascade on delete cascade,
    address inet not null check (masklen(address) = case family(address) when 4 then 32 else 128 end),
    port integer not null check (port between 1 and 65535),
    primary key (upstream, address, port)
);
comment on table endpoints is 'Where upstreams listen; an upstream without endpoints answers 503';
comment on column endpoints.address is 'One IP address, without a netmask';
comment on column endpoints.port is 'TCP port: 1 to 65535';

create table routes (
    name text primary key check (name ~ '^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$'),
    hosts text[] not null default '{*}'
        check (array_ndims(hosts) = 1 and cardinality(hosts) > 0 and array_position(hosts, null) is null),
    path_exact text check (path_exact like '/%'),
    path_prefix text check (path_prefix like '/%'),
    methods text[] not null default '{}'
        check (array_ndims(methods) = 1 and array_position(methods, null) is null),
    timeout_ms integer not null default 15000 check (timeout_ms between 1 and 3600000),
    priority integer not null default 0,
    constraint routes_one_path check (num_nonnulls(path_exact, path_prefix) = 1)
);
comment on table routes is
    'Which requests go where. The first that matches is taken: by priority, the most specific host, an exact path '
    'before a prefix, the longer path, named methods before any';
comment on column routes.name is '1 to 63 of a-z, 0-9, "." and "-"';
comment on column routes.hosts is 'Hosts without port: a name or address, "*." and a name for its subdomains, or "*" for any';
comment on column routes.path_exact is 'The whole path, normalised; either this or path_prefix is set';
comment on column routes.path_prefix is 'First segments of the path, normalised: /api matches /api and /api/x, not /apis';
comment on column routes.methods is 'Request methods in upper case; empty: any';
comment on column routes.timeout_ms is 'How long a whole answer may take, in milliseconds: 1 to 3600000';
comment on column routes.priority is 'Routes of higher priority are tried first';

create table route_upstreams (
    route text not null references routes on update cascade on delete cascade,
    upstream text not null references upstreams on update cascade on delete restrict,
    weight integer not null default 1 check (weight between 0 and 1000000),
    primary key (route, upstream)
);
comment on table route_upstreams is 'Where the requests of a route go: at least one upstream of a weight above 0';
comment on column route_upstreams.weight is 'Share of the requests relative to the other weights of the route: 0 to 1000000';

create table route_policies (
    route text not null references routes on update cascade on delete cascade,
    kind text not null check (kind in ('auth', 'rate_limit', 'cache')),
    policy jsonb not null check (jsonb_typeof(policy) = 'object'),
    primary key (route, kind)
);
comment on table route_policies is 'What holds for the requests of a route; a filter without a policy is switched off for it';
comment on column route_policies.policy is 'AuthPolicy, RateLimitPolicy or CachePolicy, by their JSON Schemas';

create table jwt_providers (
    name text primary key check (name <> ''),
    issuer text not null unique check (issuer <> ''),
    audiences text[] not null
        check (array_ndims(audiences) = 1 and cardinality(audiences) > 0 and array_position(audiences, null) is null),
    jwks jsonb not null check (coalesce(jsonb_typeof(jwks -> 'keys'), '') = 'array'),
    leeway_seconds integer not null default 60 check (leeway_seconds between 0 and 300)
);
comment on table jwt_providers is 'Who may issue tokens';
comment on column jwt_providers.issuer is 'The iss claim, compared byte for byte';
comment on column jwt_providers.audiences is 'Accepted aud values, one is enough';
comment on column jwt_providers.jwks is 'The keys as a JWK Set (RFC 7517 section 5). Symmetric keys are secrets';
comment on column jwt_providers.leeway_seconds is 'How far clocks may differ, in seconds: 0 to 300';

create table consumers (
    name text primary key check (name ~ '^[\x21-\x7e]+$'),
    scopes text[] not null default '{}' check (array_ndims(scopes) = 1 and array_position(scopes, null) is null)
);
comment on table consumers is 'Who holds API keys';
comment on column consumers.name is 'Printable ASCII without spaces; upstreams get it as a header';
comment on column consumers.scopes is 'What the consumer may do (RFC 6749 section 3.3)';

create table api_keys (
    sha256 bytea primary key check (octet_length(sha256) = 32),
    consumer text not null references consumers on update cascade on delete cascade,
    created_at timestamptz not null default now()
);
create index api_keys_consumer on api_keys (consumer);
comment on table api_keys is 'Live API keys; a consumer may have several, to replace one without a gap';
comment on column api_keys.sha256 is 'SHA-256 of the key; the key itself is stored nowhere';

create table releases (
    id bigint generated always as identity primary key,
    digest text not null,
    rows jsonb not null,
    created_at timestamptz not null default now()
);
comment on table releases is 'Configurations that passed every check, the newest 100; a return to an earlier one is a new release';
comment on column releases.digest is 'SHA-256 of the rows in hex';
comment on column releases.rows is 'The rows of all tables; as secret as jwt_providers.jwks';

create function notify_changes() returns trigger language plpgsql as $$
begin
    -- One for a transaction: PostgreSQL drops equal notifications.
    perform pg_notify('ferrox_changes', '');
    return null;
end
$$;
comment on function notify_changes() is 'Tells the control plane that rows changed';

create trigger notify_changes after insert or update or delete or truncate on upstreams
    for each statement execute function notify_changes();
create trigger notify_changes after insert or update or delete or truncate on endpoints
    for each statement execute function notify_changes();
create trigger notify_changes after insert or update or delete or truncate on routes
    for each statement execute function notify_changes();
create trigger notify_changes after insert or update or delete or truncate on route_upstreams
    for each statement execute function notify_changes();
create trigger notify_changes after insert or update or delete or truncate on route_policies
    for each statement execute function notify_changes();
create trigger notify_changes after insert or update or delete or truncate on jwt_providers
    for each statement execute function notify_changes();
create trigger notify_changes after insert or update or delete or truncate on consumers
    for each statement execute function notify_changes();
create trigger notify_changes after insert or update or delete or truncate on api_keys
    for each statement execute function notify_changes();
