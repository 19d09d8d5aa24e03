-- With all routes in one resource, each Envoy builds all of them anew for each that changes.

alter table gateways add column sharding text not null default 'none' check (sharding in ('none', 'host'));
comment on column gateways.sharding is
    'How routes are cut into resources: none, or host, for thousands of routes whose hosts are all exact';
