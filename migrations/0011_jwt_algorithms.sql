-- Which algorithms an issuer may use, where its keys do not say it or say too much.

alter table jwt_providers add column algorithms text[] not null default '{}'
    check (cardinality(algorithms) = 0 or array_ndims(algorithms) = 1 and array_position(algorithms, null) is null);
comment on column jwt_providers.algorithms is
    'HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384 or EdDSA; none: for each key its alg, or, '
    'where it has none, HS256, RS256, ES256, ES384 or EdDSA by its type';
