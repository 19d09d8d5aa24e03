-- Breakers that operators can rely on: what counts, how much of a pool may be out, how they close, and by hand.

alter table upstreams
    add column failure_on text[] not null default '{5xx,no_answer}' check (
        array_ndims(failure_on) = 1 and cardinality(failure_on) > 0
        and failure_on <@ '{5xx,gateway_error,no_answer}' and not failure_on @> '{5xx,gateway_error}'
    ),
    add column max_out_percent integer not null default 100 check (max_out_percent between 1 and 100),
    add column probe jsonb check (jsonb_typeof(probe) = 'object'),
    add column force text check (force in ('open', 'closed')),
    add column retry_budget_percent integer check (retry_budget_percent between 0 and 100),
    add column retry_budget_min integer not null default 3 check (retry_budget_min >= 0);

comment on column upstreams.failures is
    'Breaker: failures in a row, of the kinds in failure_on, of an endpoint that open it: 1 to 1000';
comment on column upstreams.open_for_ms is
    'Breaker: how long an endpoint then gets no traffic, in milliseconds: 100 to 3600000; up to a tenth is added. With a '
    'probe: how often it is probed';
comment on column upstreams.failure_on is
    'Breaker: what counts as a failure: 5xx (any such answer) or gateway_error (502, 503, 504), and no_answer (refused, '
    'reset, timed out). At least one; any other answer ends the row. Default: 5xx and no_answer';
comment on column upstreams.max_out_percent is
    'Breaker: share of the endpoints that may be out at once, in percent, rounded down: 1 to 100, default 100';
comment on column upstreams.probe is
    'Breaker: the request whose success closes it, instead of time: {"path", "host", "timeout_ms", "statuses"}; null: none';
comment on column upstreams.force is
    'Breaker by hand: open (every request is answered with 503), closed (it never opens); null: by failures';
comment on column upstreams.retry_budget_percent is
    'Retries at once from each Envoy, in percent of the requests that are under way: 0 to 100; null: max_retries holds';
comment on column upstreams.retry_budget_min is
    'Retries at once that retry_budget_percent always allows: from 0, default 3';
