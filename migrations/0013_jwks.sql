-- Keys of issuers that the control plane fetches itself, and tokens that are taken back.

alter table jwt_providers
    alter column jwks drop not null,
    drop constraint jwt_providers_jwks_check,
    add constraint jwt_providers_jwks_check check (jwks is null or coalesce(jsonb_typeof(jwks -> 'keys'), '') = 'array'),
    add column jwks_uri text check (jwks_uri ~ '^https?://[\x21-\x7e]+$' and octet_length(jwks_uri) <= 2048),
    add column discovery boolean not null default false,
    add column jwks_refresh_seconds integer not null default 300 check (jwks_refresh_seconds between 10 and 86400),
    add constraint jwt_providers_one_source_of_keys check (num_nonnulls(jwks, jwks_uri) + discovery::integer = 1);
comment on column jwt_providers.jwks is
    'The keys as a JWK Set (RFC 7517 section 5), 1 to 32. Symmetric keys are secrets. Null: jwks_uri or discovery';
comment on column jwt_providers.jwks_uri is
    'Where the control plane fetches the keys: https://...; http:// is for loopback and tests. Null: jwks or discovery';
comment on column jwt_providers.discovery is
    'Whether the control plane finds the keys by OpenID Connect Discovery: /.well-known/openid-configuration below the '
    'issuer names them, and the same issuer';
comment on column jwt_providers.jwks_refresh_seconds is
    'How often keys are fetched, in seconds: 10 to 86400, default 300. The answer''s Cache-Control max-age counts instead, but '
    'no less than half of this and no more than four times';

create table jwks_sets (
    provider text primary key references jwt_providers on update cascade on delete cascade,
    source text not null,
    jwks jsonb not null check (coalesce(jsonb_typeof(jwks -> 'keys'), '') = 'array'),
    changed_at timestamptz not null default now()
);
comment on table jwks_sets is
    'The last good keys of each issuer whose keys are fetched. Written by the control plane when they differ; no release has them';
comment on column jwks_sets.provider is 'The issuer';
comment on column jwks_sets.source is 'The URL that they are for; keys for another one than the provider''s count for nothing';
comment on column jwks_sets.jwks is 'The keys that can be used, sorted, with the members that matter, as a JWK Set';
comment on column jwks_sets.changed_at is 'When they were fetched first';

-- Beside the keys, and without triggers: that a fetch found nothing new is no change.
create table jwks_fetches (
    provider text primary key references jwt_providers on update cascade on delete cascade,
    source text not null,
    attempt bigint not null default 0,
    due_at timestamptz not null default now(),
    leased_until timestamptz not null default now(),
    fetched_at timestamptz,
    failures integer not null default 0 check (failures >= 0),
    error text,
    hastened_at timestamptz
);
comment on table jwks_fetches is 'How fetching keys goes, for each issuer: replicas take turns by it. Written by the control plane';
comment on column jwks_fetches.provider is 'The issuer';
comment on column jwks_fetches.source is 'The URL that is fetched first';
comment on column jwks_fetches.attempt is 'Counts attempts, from 0: one that was overtaken by a later one writes nothing';
comment on column jwks_fetches.due_at is 'When to fetch next';
comment on column jwks_fetches.leased_until is 'Until then the replica that has begun an attempt is waited for';
comment on column jwks_fetches.fetched_at is 'When good keys came last; null: never from this source';
comment on column jwks_fetches.failures is 'Attempts in a row that failed, from 0';
comment on column jwks_fetches.error is 'Why the last attempt failed; null: it did not';
comment on column jwks_fetches.hastened_at is 'When a token of an unknown key brought a fetch forward last';

create table revocations (
    id bigint generated always as identity primary key,
    provider text not null references jwt_providers on update cascade on delete cascade,
    jti text check (jti <> ''),
    subject text check (subject <> ''),
    before timestamptz check (before >= 'epoch' and before = date_trunc('second', before)),
    reason text not null default '',
    expires_at timestamptz not null,
    created_at timestamptz not null default now(),
    constraint revocations_token_or_subject check (num_nonnulls(jti, subject) = 1),
    constraint revocations_subject_until check ((subject is null) = (before is null)),
    unique (provider, jti),
    unique (provider, subject)
);
create index revocations_expires_at on revocations (expires_at);
comment on table revocations is
    'Tokens that are refused before they expire. No release has them: a return to an earlier one brings no token back';
comment on column revocations.id is 'Number, from 1';
comment on column revocations.provider is 'Whose tokens';
comment on column revocations.jti is 'The jti of one token; null: a subject''s';
comment on column revocations.subject is 'The sub of tokens; null: one token';
comment on column revocations.before is
    'The subject''s tokens whose iat is before this are refused, and those without one: whole seconds, from 1970';
comment on column revocations.reason is 'Why, for people';
comment on column revocations.expires_at is
    'When the last of the tokens has expired. The row has no meaning then, and is deleted some time after';

comment on column revocations.created_at is 'When they were taken back';

comment on column changes.kind is
    'gateway, upstream, route, jwt_provider, consumer, listener, certificate, jwks_set or revocation; pruned: changes of '
    'this and earlier transactions were here';

do $$
declare
    of record;
begin
    for of in values ('jwks_sets', 'jwks_set', 'provider'), ('revocations', 'revocation', 'id') loop
        execute format(
            'create trigger record_insert after insert on %I referencing new table as new_rows
                for each statement execute function record_changes(%L, %L)', of.column1, of.column2, of.column3);
        execute format(
            'create trigger record_update after update on %I referencing old table as old_rows new table as new_rows
                for each statement execute function record_changes(%L, %L)', of.column1, of.column2, of.column3);
        execute format(
            'create trigger record_delete after delete on %I referencing old table as old_rows
                for each statement execute function record_changes(%L, %L)', of.column1, of.column2, of.column3);
        execute format(
            'create trigger record_truncate after truncate on %I
                for each statement execute function record_changes(%L, %L)', of.column1, of.column2, of.column3);
    end loop;
end
$$;
