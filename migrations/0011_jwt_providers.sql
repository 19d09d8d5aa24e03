-- What an issuer's tokens may be: by which algorithms, how long they live, what they say.

alter table jwt_providers
    add column algorithms text[] not null default '{}'
        check (cardinality(algorithms) = 0 or array_ndims(algorithms) = 1 and array_position(algorithms, null) is null),
    add column allow_missing_exp boolean not null default false,
    add column max_lifetime_seconds integer check (max_lifetime_seconds >= 1),
    add column claims jsonb not null default '[]' check (jsonb_typeof(claims) = 'array');
comment on column jwt_providers.algorithms is
    'HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384 or EdDSA; none: for each key its alg, or, '
    'where it has none, HS256, RS256, ES256, ES384 or EdDSA by its type';
comment on column jwt_providers.allow_missing_exp is 'Accept tokens without exp, which live until they are revoked';
comment on column jwt_providers.max_lifetime_seconds is
    'Longest time from iat to exp, in seconds: from 1; a token needs both then. Null: any';
comment on column jwt_providers.claims is 'What must hold for the claims of every token: a list of {claim, is}';
