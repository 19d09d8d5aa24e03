-- What an upstream is, beyond a list of addresses that speak HTTP/1.1 in clear text.

alter table endpoints drop constraint endpoints_address_check;
alter table endpoints
    alter column address type text using host(address),
    add constraint endpoints_address_check check (address ~ '^[0-9a-z_.:-]{1,253}$'),
    add column weight integer not null default 1 check (weight between 1 and 1000),
    add column zone text not null default '' check (zone ~ '^[\x21-\x7e]{0,63}$'),
    add column priority integer not null default 0 check (priority between 0 and 15);
comment on column endpoints.address is
    'An IP address in its shortest form, in lower case and without a netmask, or, where the upstream is found by DNS, a name';
comment on column endpoints.weight is 'Share of the requests relative to the other weights of its priority: 1 to 1000, default 1';
comment on column endpoints.zone is 'Where it is, in up to 63 visible ASCII characters; default: none';
comment on column endpoints.priority is
    'Endpoints of the lowest number are used first, the next ones as those fail: 0 to 15, default 0';

alter table upstreams
    add column discovery text not null default 'static' check (discovery in ('static', 'strict_dns', 'logical_dns')),
    add column dns_refresh_ms integer not null default 5000 check (dns_refresh_ms between 1000 and 3600000),
    add column load_balancing text not null default 'round_robin'
        check (load_balancing in ('round_robin', 'least_request', 'random', 'ring_hash', 'maglev')),
    add column slow_start_ms integer check (slow_start_ms between 1 and 3600000),
    add column protocol text not null default 'http1' check (protocol in ('http1', 'http2', 'auto')),
    add column tls jsonb check (jsonb_typeof(tls) = 'object'),
    add column idle_timeout_ms integer not null default 3600000 check (idle_timeout_ms between 1 and 86400000),
    add column max_requests_per_connection integer check (max_requests_per_connection >= 1),
    add column tcp_keepalive jsonb check (jsonb_typeof(tcp_keepalive) = 'object'),
    add column health_check jsonb check (jsonb_typeof(health_check) = 'object'),
    add constraint upstreams_slow_start
        check (slow_start_ms is null or load_balancing in ('round_robin', 'least_request')),
    add constraint upstreams_auto_by_tls check (protocol <> 'auto' or tls is not null),
    add constraint upstreams_one_check check (num_nonnulls(probe, health_check) < 2);

comment on column upstreams.discovery is
    'How Envoy finds its endpoints: static (IP addresses), strict_dns (every address of each name), logical_dns (one name, '
    'of which any address will do). Default: static';
comment on column upstreams.dns_refresh_ms is
    'How often Envoy asks DNS, in milliseconds: 1000 to 3600000, default 5000';
comment on column upstreams.load_balancing is
    'How an endpoint is chosen: round_robin (default), least_request, random (without weights), ring_hash or maglev (by '
    'what a route hashes on)';
comment on column upstreams.slow_start_ms is
    'For how long the share of a new endpoint grows, in milliseconds: 1 to 3600000, with round_robin and least_request; '
    'null: it has all of it at once';
comment on column upstreams.protocol is 'http1 (default), http2, or auto: what TLS agrees on (ALPN), which needs tls';
comment on column upstreams.tls is 'TLS to the endpoints: {"sni", "ca", "verify"}; null: clear text';
comment on column upstreams.idle_timeout_ms is
    'How long a connection without a request is kept, in milliseconds: 1 to 86400000, default 3600000';
comment on column upstreams.max_requests_per_connection is 'After so many requests a connection is closed: from 1; null: never';
comment on column upstreams.tcp_keepalive is
    'How dead connections are found: {"idle_seconds", "interval_seconds", "probes"}; null: not';
comment on column upstreams.health_check is
    'A check that takes endpoints out and in: {"http" or "grpc" or "tcp", "interval_ms", "timeout_ms", '
    '"healthy_threshold", "unhealthy_threshold"}; null: none. Not together with a probe';
