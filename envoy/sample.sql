-- The configuration that 'make up' shows. What is new for each run comes as settings of the session, so that it can also
-- be loaded by hand: PGOPTIONS="-c sample.echo_port=8080 ..." psql -f envoy/sample.sql

begin;

insert into upstreams (name, failures, open_for_ms) values
    ('echo', 5, 30000),
    ('catalog', 5, 30000),
    -- Three failures in a row, and nothing is sent there for five seconds.
    ('flaky', 3, 5000);

insert into endpoints (upstream, address, port) values
    ('echo', '127.0.0.1', current_setting('sample.echo_port')::integer),
    ('catalog', '127.0.0.1', current_setting('sample.catalog_port')::integer),
    ('flaky', '127.0.0.1', current_setting('sample.flaky_port')::integer);

insert into jwt_providers (name, issuer, audiences, jwks) values
    ('shared-secret', 'https://hs.example', '{ferrox}', current_setting('sample.hs256_jwks')::jsonb),
    ('key-pair', 'https://es.example', '{ferrox}', current_setting('sample.es256_jwks')::jsonb);

insert into consumers (name, scopes) values ('acme', '{partners:read}');

insert into api_keys (sha256, consumer) values
    (sha256(convert_to(current_setting('sample.api_key'), 'UTF8')), 'acme');

insert into routes (name, path_prefix) values
    ('public', '/public'),
    ('orders', '/orders'),
    ('partners', '/partners'),
    ('limited', '/limited'),
    ('cached', '/cached'),
    ('flaky', '/flaky');

insert into route_upstreams (route, upstream) values
    ('public', 'echo'),
    ('orders', 'echo'),
    ('partners', 'echo'),
    ('limited', 'echo'),
    ('cached', 'catalog'),
    ('flaky', 'flaky');

insert into route_policies (route, kind, policy) values
    ('orders', 'auth', '{"jwt": {}, "scopes": ["orders:read"]}'),
    ('partners', 'auth', '{"api_key": {}, "scopes": ["partners:read"]}'),
    ('limited', 'rate_limit',
        '{"limits": [{"name": "per-address", "by": "address", "requests": 5, "window_seconds": 30}]}'),
    ('cached', 'cache', '{}');

commit;
