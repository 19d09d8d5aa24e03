-- What an API key is good for, and how much it is used.

alter table api_keys
    add column name text check (length(name) between 1 and 200),
    add column scopes text[]
        check (cardinality(scopes) = 0 or array_ndims(scopes) = 1 and array_position(scopes, null) is null),
    add column routes text[] not null default '{}'
        check (cardinality(routes) = 0 or array_ndims(routes) = 1 and array_position(routes, null) is null),
    add column not_before timestamptz(0) check (not_before between '1970-01-01Z' and '2106-02-07 06:28:14Z'),
    add column expires_at timestamptz(0) check (expires_at between '1970-01-01Z' and '2106-02-07 06:28:14Z'),
    add column disabled boolean not null default false,
    add constraint api_keys_expires_after_not_before check (expires_at > not_before);
comment on table api_keys is
    'API keys; a consumer may have any number, to replace one without a gap. Live: a key holds as soon as its row says so, '
    'also while other rows make no sense, and no release brings back what was revoked';
comment on column api_keys.name is 'What people call the key, in 1 to 200 characters; null: nothing';
comment on column api_keys.scopes is
    'Those of its consumer''s scopes that the key has, and no others; empty: none; null: all of them';
comment on column api_keys.routes is 'Names of the routes that the key is good for, which must be there; empty: any';
comment on column api_keys.not_before is
    'The first second that the key is good for, to February 2106; null: from the beginning';
comment on column api_keys.expires_at is
    'The first second that the key is no longer good for, after not_before, to February 2106; null: it does not expire';
comment on column api_keys.disabled is 'Whether the key is switched off; default: false';

-- A key is a thing of its own, so that one of a hundred thousand is read alone. Its name is its digest, as bytea is written.
alter function record_changes() set bytea_output = 'hex';
do $$
declare
    event record;
begin
    for event in values
        ('insert', 'referencing new table as new_rows'),
        ('update', 'referencing old table as old_rows new table as new_rows'),
        ('delete', 'referencing old table as old_rows'),
        ('truncate', '')
    loop
        execute format('drop trigger record_%s on api_keys', event.column1);
        execute format(
            'create trigger record_%1$s after %1$s on api_keys %2$s
                for each statement execute function record_changes(''api_key'', ''sha256'')', event.column1, event.column2);
    end loop;
end
$$;
comment on column changes.kind is
    'gateway, upstream, route, jwt_provider, consumer, listener, certificate, api_key, jwks_set or revocation; pruned: '
    'changes of this and earlier transactions were here';
comment on column changes.name is
    'Name of the thing, of an API key its sha256; null: anything may have changed';

-- No change of configuration: no trigger records it.
create table api_key_usage (
    sha256 bytea primary key references api_keys on update cascade on delete cascade,
    last_used_at timestamptz(0) not null,
    requests bigint not null check (requests >= 0)
);
comment on table api_key_usage is
    'How much each API key is used; written every few seconds by the control plane from what Envoys report. A key that was '
    'never used has no row';
comment on column api_key_usage.sha256 is 'The key';
comment on column api_key_usage.last_used_at is 'When the last request came that passed with the key, to the second';
comment on column api_key_usage.requests is
    'Requests that passed with the key, from 0; what an Envoy that ended had not reported yet is missing';

comment on table releases is
    'Configurations that passed every check, the newest 100; a return to an earlier one is a new release. Live tables '
    '(api_keys, jwks_sets, revocations) are in none: a release is served with what they hold now';
comment on column releases.rows is
    'The rows of all tables but the live ones; as secret as jwt_providers.jwks';
