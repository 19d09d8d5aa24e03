-- Which requests a route matches: paths by regular expression and by template, and what else a request must have.

alter table routes
    add column path_regex text check (path_regex <> '' and octet_length(path_regex) <= 1024),
    add column path_template text check (path_template like '/%' and length(path_template) <= 256),
    add column conditions jsonb check (jsonb_typeof(conditions) = 'object'),
    drop constraint routes_one_path,
    add constraint routes_one_path check (
        num_nonnulls(path_exact, path_prefix, path_regex, path_template)
            + coalesce(jsonb_typeof(conditions -> 'grpc') = 'object', false)::integer = 1
    );

comment on column routes.path_exact is
    'The whole path, normalised; one of path_exact, path_prefix, path_regex, path_template and conditions.grpc is set';
comment on column routes.path_regex is
    'A regular expression (RE2) for the whole path without its query: up to 1024 bytes and 100 instructions';
comment on column routes.path_template is
    'Segments of the path, of which up to 5 are captured: /users/{id}, and last {rest=**} for all that follow; up to 256 '
    'characters';
comment on column routes.conditions is
    'What else a request must have: headers, query, grpc, percent; null: nothing';
