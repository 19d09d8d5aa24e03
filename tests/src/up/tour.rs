//! What `up` prints: the addresses, and lines to paste with what each shows.

use crate::{Error, gateway::Gateway};

use super::{UpOptions, control::ControlServer, sample::Sample};

pub(super) fn text(
    gateway: &Gateway,
    sample: &Sample,
    control: &ControlServer,
    options: &UpOptions,
) -> Result<String, Error> {
    let url = |path: &str| gateway.url(path);
    let (status, envoy) = (gateway.control_plane.url("/status"), gateway.envoy_url("/")?);
    let (sidecar, database) = (gateway.sidecar.url("/metrics"), gateway.database_url());
    let (hs256, es256) = (sample.hs256_token()?, sample.es256_token()?);
    let (unscoped, api_key) = (sample.token_without_scope()?, sample.api_key());
    let (public, orders, partners) = (url("/public"), url("/orders"), url("/partners"));
    let (limited, cached, flaky, moved) = (url("/limited"), url("/cached"), url("/flaky"), url("/moved"));
    let (cached_requests, fail, heal) =
        (control.url("/catalog/requests"), control.url("/flaky/fail"), control.url("/flaky/heal"));
    let breakers = gateway.control_plane.url("/breakers");
    let folder = options.folder.display();
    Ok(format!(
        r#"
Ferrox is up.

  gateway        {gateway}
  control plane  {status}
  Envoy          {envoy}
  sidecar        {sidecar}
  PostgreSQL     {database}
  logs           {folder}

A public route: 200, with what the upstream received
  curl -i {public}

A route for tokens with the scope orders:read: 401 without one, 200 with one (HS256, then ES256), 403 without the scope
  curl -i {orders}
  curl -i {orders} -H 'Authorization: Bearer {hs256}'
  curl -i {orders} -H 'Authorization: Bearer {es256}'
  curl -i {orders} -H 'Authorization: Bearer {unscoped}'

A route for API keys: 401 without one, 200 with one; the upstream sees x-ferrox-consumer, never the key
  curl -i {partners}
  curl -i {partners} -H 'X-Api-Key: {api_key}'

Five requests in 30 s: 200 five times, then 429 with Retry-After
  for i in 1 2 3 4 5 6; do curl -s -o /dev/null -D - {limited} | grep -iE '^(HTTP|retry-after|ratelimit)'; done

An answer that may be kept for 60 s: the second comes with Age and Cache-Status, and the upstream's count stays
  curl -i {cached}; sleep 2; curl -i {cached}
  curl {cached_requests}

An upstream that fails: 500 three times, then 503 at once from Envoy, as the breaker is open
  curl -X POST {fail}
  for i in 1 2 3 4 5 6; do curl -s -o /dev/null -w '%{{http_code}} after %{{time_total}} s\n' {flaky}; done
  curl {breakers}
It works again: 200 once the breaker's five seconds are over
  curl -X POST {heal}
  for i in 1 2 3 4 5 6 7; do curl -s -o /dev/null -w '%{{http_code}}\n' {flaky}; sleep 1; done

A route changed by one statement, live within a second and without a restart: 404, then 200
  curl -i {moved}
  psql '{database}' -c "update routes set path_prefix = '/moved' where name = 'public'"
  curl -i {moved}

Ctrl-C here, or 'make down' elsewhere, stops everything.
"#,
        gateway = url(""),
    ))
}
