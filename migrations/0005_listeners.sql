-- Where the Envoys of a gateway listen, and the certificates that they show there.

create table certificates (
    name text primary key check (name ~ '^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$'),
    chain text not null check (chain like '-----BEGIN CERTIFICATE-----%' and chain not like '%PRIVATE KEY%'),
    private_key bytea not null check (octet_length(private_key) > 33),
    not_after timestamptz not null check (date_trunc('second', not_after) = not_after)
);
comment on table certificates is 'Certificates for listeners with TLS; written by "ferrox certificate put", which encrypts the key';
comment on column certificates.name is '1 to 63 of a-z, 0-9, "." and "-"; the key can be decrypted under this name only';
comment on column certificates.chain is 'PEM: the certificate itself, then what leads from it to a root';
comment on column certificates.private_key is
    'The key, encrypted: version (1 byte, 1), id of the encryption key (4), nonce (12), AES-256-GCM of the PEM text';
comment on column certificates.not_after is
    'When the certificate expires, as it says itself; one that has is refused, but stays where it is already';

-- A row that was good must not block every later change once it expires, so this is judged when it is written. A key is
-- encrypted anew without a look at the clock.
create function refuse_expired_certificate() returns trigger language plpgsql as $$
begin
    if new.not_after <= now() then
        raise exception 'certificate "%" expired at %', new.name, new.not_after
            using errcode = 'check_violation', table = tg_table_name, column = 'not_after';
    end if;
    return new;
end
$$;
comment on function refuse_expired_certificate() is 'Refuses to write a certificate that has expired';
create trigger refuse_expired before insert or update of chain, not_after on certificates
    for each row execute function refuse_expired_certificate();

create table listeners (
    name text primary key check (name ~ '^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$'),
    gateways text[] not null default '{ferrox}'
        check (array_ndims(gateways) = 1 and cardinality(gateways) > 0 and array_position(gateways, null) is null),
    address inet not null default '0.0.0.0'
        check (masklen(address) = case family(address) when 4 then 32 else 128 end),
    port integer not null check (port between 1 and 65535),
    protocol text not null check (protocol in ('http', 'https')),
    http2 boolean not null default true,
    certificates text[] not null default '{}'
        check (array_ndims(certificates) = 1 and array_position(certificates, null) is null),
    default_certificate text,
    redirect_https_port integer check (redirect_https_port between 1 and 65535),
    trusted_hops integer not null default 0 check (trusted_hops between 0 and 16),
    proxy_protocol boolean not null default false,
    trusted_proxies cidr[] not null default '{}'
        check (array_ndims(trusted_proxies) = 1 and array_position(trusted_proxies, null) is null),
    idle_timeout_ms integer not null default 3600000 check (idle_timeout_ms between 1 and 86400000),
    stream_idle_timeout_ms integer not null default 300000 check (stream_idle_timeout_ms between 1 and 86400000),
    request_headers_timeout_ms integer not null default 10000
        check (request_headers_timeout_ms between 1 and 600000),
    request_timeout_ms integer not null default 0 check (request_timeout_ms between 0 and 86400000),
    max_request_headers_kb integer not null default 60 check (max_request_headers_kb between 1 and 8192),
    max_connections integer check (max_connections >= 1),
    constraint listeners_certificates_are_for_https check ((protocol = 'https') = (cardinality(certificates) > 0)),
    constraint listeners_default_is_one_of_the_certificates
        check (default_certificate is null or default_certificate = any (certificates)),
    constraint listeners_redirect_is_for_http check (redirect_https_port is null or protocol = 'http'),
    constraint listeners_one_source_of_addresses check (trusted_hops = 0 or not proxy_protocol),
    constraint listeners_trust_names_proxies
        check ((trusted_hops = 0 and not proxy_protocol) or cardinality(trusted_proxies) > 0)
);
comment on table listeners is
    'Where the Envoys of a gateway listen; a gateway without a row listens where the control plane''s --listener says';
comment on column listeners.name is '1 to 63 of a-z, 0-9, "." and "-"';
comment on column listeners.gateways is 'The gateways that listen there; each is a row of gateways';
comment on column listeners.address is 'One IP address of the Envoys; 0.0.0.0 is every IPv4 address, :: every IPv6 address';
comment on column listeners.port is 'TCP port: 1 to 65535';
comment on column listeners.protocol is 'http: clear text; https: TLS, 1.2 at least';
comment on column listeners.http2 is
    'Whether clients may speak HTTP/2 as well as HTTP/1.1: on http those that begin with it, on https by ALPN';
comment on column listeners.certificates is
    'https: rows of certificates, at least one. Each is shown to the clients that ask for one of its DNS names (SNI)';
comment on column listeners.default_certificate is
    'https: the one of them for clients that ask for no name or another one; null: these are refused';
comment on column listeners.redirect_https_port is
    'http: every request is answered by a 308 to https at this port, 1 to 65535; null: requests are served';
comment on column listeners.trusted_hops is
    'So many proxies in front each add the address of who connected to them to X-Forwarded-For: 0 to 16. The address of '
    'the client is the so-manyth from its end; 0: the address of who connects. Not together with proxy_protocol';
comment on column listeners.proxy_protocol is
    'Whether each connection must begin with a PROXY header, version 1 or 2, from which the address of the client is taken';
comment on column listeners.trusted_proxies is
    'The networks that connections may come from, others are closed; empty: anywhere. Needed where trusted_hops or '
    'proxy_protocol believe what a proxy says';
comment on column listeners.idle_timeout_ms is
    'A connection without requests is closed after so many milliseconds: 1 to 86400000';
comment on column listeners.stream_idle_timeout_ms is
    'A request is given up after so many milliseconds in which nothing of it or its answer moves: 1 to 86400000';
comment on column listeners.request_headers_timeout_ms is
    'How long the headers of a request may take to come, in milliseconds: 1 to 600000';
comment on column listeners.request_timeout_ms is
    'How long a whole request may take to come, in milliseconds: 1 to 86400000; 0: as long as it likes';
comment on column listeners.max_request_headers_kb is
    'Largest headers of a request, in KiB: 1 to 8192; larger ones are answered by 431';
comment on column listeners.max_connections is
    'Connections at once to each Envoy, on https for each certificate: from 1; null: no limit';

comment on column changes.kind is
    'gateway, upstream, route, jwt_provider, consumer, listener or certificate; pruned: changes of this and earlier '
    'transactions were here';

do $$
declare
    of record;
begin
    for of in values ('listeners', 'listener'), ('certificates', 'certificate') loop
        execute format(
            'create trigger record_insert after insert on %I referencing new table as new_rows
                for each statement execute function record_changes(%L, ''name'')', of.column1, of.column2);
        execute format(
            'create trigger record_update after update on %I referencing old table as old_rows new table as new_rows
                for each statement execute function record_changes(%L, ''name'')', of.column1, of.column2);
        execute format(
            'create trigger record_delete after delete on %I referencing old table as old_rows
                for each statement execute function record_changes(%L, ''name'')', of.column1, of.column2);
        execute format(
            'create trigger record_truncate after truncate on %I
                for each statement execute function record_changes(%L, ''name'')', of.column1, of.column2);
    end loop;
end
$$;
