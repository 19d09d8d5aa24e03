-- What has changed, so that the control plane reads only that. A row of any table belongs to a thing that has a name: a
-- gateway, an upstream, a route, a JWT provider or a consumer.

create table changes (
    xid xid8 not null default pg_current_xact_id(),
    kind text not null,
    name text
);
create index changes_xid on changes (xid);
comment on table changes is
    'Which things each transaction of the last hour or so changed; written by triggers, pruned by the control plane';
comment on column changes.xid is 'The transaction; a snapshot tells whether a reader has seen it';
comment on column changes.kind is
    'gateway, upstream, route, jwt_provider or consumer; pruned: changes of this and earlier transactions were here';
comment on column changes.name is 'Name of the thing; null: anything may have changed';

-- Its owner's rights, so that whoever may change a route needs none here; the schema comes from the table that fired, and
-- nothing is found by a path that a caller sets.
create function record_changes() returns trigger language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    things constant text := case tg_op
        when 'INSERT' then 'select distinct $1, %2$I from new_rows'
        when 'UPDATE' then 'select $1, %2$I from old_rows union select $1, %2$I from new_rows'
        when 'DELETE' then 'select distinct $1, %2$I from old_rows'
        when 'TRUNCATE' then 'select $1, null'
    end;
    recorded bigint;
begin
    execute format('insert into %1$I.changes (kind, name) ' || things, tg_table_schema, tg_argv[1]) using tg_argv[0];
    get diagnostics recorded = row_count;
    if recorded > 0 then
        -- One for a transaction: PostgreSQL drops equal notifications.
        perform pg_notify('ferrox_changes', '');
    end if;
    return null;
end
$$;
comment on function record_changes() is
    'Records what a statement changed, and tells the control plane. Arguments: kind of the thing, column with its name';
-- Or anyone could have it write, with its owner's rights, to a table of the same name.
revoke execute on function record_changes() from public;

do $$
declare
    of record;
begin
    for of in values
        ('gateways', 'gateway', 'name'),
        ('upstreams', 'upstream', 'name'),
        ('endpoints', 'upstream', 'upstream'),
        ('routes', 'route', 'name'),
        ('route_upstreams', 'route', 'route'),
        ('route_policies', 'route', 'route'),
        ('jwt_providers', 'jwt_provider', 'name'),
        ('consumers', 'consumer', 'name'),
        ('api_keys', 'consumer', 'consumer')
    loop
        execute format('drop trigger notify_changes on %I', of.column1);
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

drop function notify_changes();
