-- One control plane for many groups of Envoys: each route says which of them it is part of.

create table gateways (
    name text primary key check (name ~ '^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$')
);
comment on table gateways is 'Groups of Envoys that run the same; an Envoy belongs to the one that its node.cluster names';
comment on column gateways.name is '1 to 63 of a-z, 0-9, "." and "-"';

insert into gateways values ('ferrox');

alter table routes add column gateways text[] not null default '{ferrox}'
    check (array_ndims(gateways) = 1 and cardinality(gateways) > 0 and array_position(gateways, null) is null);
comment on column routes.gateways is 'The gateways that the route is part of; each is a row of gateways';

create trigger notify_changes after insert or update or delete or truncate on gateways
    for each statement execute function notify_changes();
