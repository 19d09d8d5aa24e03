-- What becomes of the requests of a route, besides being forwarded.

alter table routes
    add column enabled boolean not null default true,
    add column maintenance jsonb check (jsonb_typeof(maintenance) = 'object'),
    add column redirect jsonb check (jsonb_typeof(redirect) = 'object'),
    add column response jsonb check (jsonb_typeof(response) = 'object'),
    add column rewrite jsonb check (jsonb_typeof(rewrite) = 'object'),
    add column idle_timeout_ms integer check (idle_timeout_ms between 0 and 86400000),
    add column max_stream_duration_ms integer check (max_stream_duration_ms between 1 and 86400000),
    add column retry jsonb check (jsonb_typeof(retry) = 'object'),
    add column request_headers jsonb check (jsonb_typeof(request_headers) = 'object'),
    add column response_headers jsonb check (jsonb_typeof(response_headers) = 'object'),
    add column cors jsonb check (jsonb_typeof(cors) = 'object'),
    add column compression jsonb check (jsonb_typeof(compression) = 'object'),
    add column max_request_bytes integer check (max_request_bytes between 1 and 104857600),
    add column upgrades text[] not null default '{}'
        check (coalesce(array_ndims(upgrades), 1) = 1 and upgrades <@ '{websocket}'),
    add column hash_on jsonb check (jsonb_typeof(hash_on) = 'array'),
    add constraint routes_one_answer check (num_nonnulls(redirect, response) <= 1),
    drop constraint routes_timeout_ms_check,
    add constraint routes_timeout_ms_check check (timeout_ms between 0 and 3600000);
comment on table routes is
    'Which requests go where. The first that matches is taken: by priority, the most specific host, the path (exact, '
    'template, regular expression, prefix), named methods before any, more conditions before fewer. A route has rows in route_upstreams, a redirect, or a '
    'response';
comment on column routes.timeout_ms is
    'How long a whole answer may take after the whole request, in milliseconds: 1 to 3600000; 0: without end';
comment on column routes.enabled is 'False: as if the route were not there';
comment on column routes.maintenance is
    'While set, Envoy answers this to every request, before any policy: {"status", "body", "content_type", '
    '"retry_after_seconds"}; {} is a 503';
comment on column routes.redirect is
    'The client is sent elsewhere: {"scheme", "host", "port", "path" or "prefix", "status", "strip_query"}';
comment on column routes.response is 'Envoy answers by itself: {"status", "body", "content_type"}';
comment on column routes.rewrite is
    'What the upstream sees as path and host: {"prefix", one of "host", "host_from_header", "host_of_endpoint"}';
comment on column routes.idle_timeout_ms is
    'How long a stream may be silent, in milliseconds: 1 to 86400000; 0: without end; null: as the listener says, 300 s';
comment on column routes.max_stream_duration_ms is
    'How long a stream may last in all, in milliseconds: 1 to 86400000; null: without end';
comment on column routes.retry is 'When a request is sent again: {"on", "statuses", "attempts", ...}; null: never';
comment on column routes.request_headers is
    'Changes of the headers that the upstream gets: {"set": {}, "add": {}, "remove": []}';
comment on column routes.response_headers is
    'Changes of the headers that the client gets: {"set": {}, "add": {}, "remove": []}';
comment on column routes.cors is 'Which pages of other origins may read answers: {"origins": [], ...}; null: none';
comment on column routes.compression is 'Answers are compressed for clients that take it: {"algorithms": []}';
comment on column routes.max_request_bytes is
    'Largest request body in bytes, 1 to 104857600, above which there is a 413; Envoy holds whole bodies back to count '
    'them, so not for streams. Null: no limit';
comment on column routes.upgrades is 'Protocols that a connection may change to: websocket';
comment on column routes.hash_on is
    'What of a request chooses its endpoint, where the upstream balances by hash, the first that the request has: a list '
    'of {"header"}, {"cookie"}, {"query"} and {"address": true}';

create table route_mirrors (
    route text not null references routes on update cascade on delete cascade,
    upstream text not null references upstreams on update cascade on delete restrict,
    percent integer not null default 100 check (percent between 1 and 100),
    primary key (route, upstream)
);
comment on table route_mirrors is
    'Upstreams that get a copy of the requests of a route; what they answer is thrown away';
comment on column route_mirrors.route is 'The route';
comment on column route_mirrors.upstream is 'The upstream that gets the copies';
comment on column route_mirrors.percent is 'How many of a hundred requests are copied: 1 to 100';

create trigger record_insert after insert on route_mirrors referencing new table as new_rows
    for each statement execute function record_changes('route', 'route');
create trigger record_update after update on route_mirrors referencing old table as old_rows new table as new_rows
    for each statement execute function record_changes('route', 'route');
create trigger record_delete after delete on route_mirrors referencing old table as old_rows
    for each statement execute function record_changes('route', 'route');
create trigger record_truncate after truncate on route_mirrors
    for each statement execute function record_changes('route', 'route');
