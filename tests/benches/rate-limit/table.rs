//! The results, as tables in Markdown.

use ferrox_testbed::bench::table::{Row, comparison, median, table, yes_or_no};

use crate::{
    alone::Alone,
    rounds::Costs,
    variant::{BARE, NATIVE, Variant},
};

/// Decisions a second that one core of the sidecar is to make.
const ON_ONE_CORE: f64 = 40_000.0;
/// Milliseconds that 99 of 100 decisions may take at half of that.
const P99_MS: f64 = 2.0;

/// Envoy's time, that of what it asks, and how the latter is made up.
pub(crate) fn in_envoy(variants: &[Variant], measured: &[Costs]) -> String {
    let both = || variants.iter().zip(measured);
    let behind = || both().filter(|(_, costs)| !costs.behind.is_empty());
    let envoy: Vec<_> = both()
        .map(|(variant, costs)| Row {
            name: variant.name,
            costs: &costs.envoy,
            beside: variant.envoy.as_ref(),
        })
        .collect();
    let service: Vec<_> = behind()
        .map(|(variant, costs)| Row {
            name: variant.name,
            costs: &costs.behind,
            beside: variant.service.as_ref(),
        })
        .collect();
    let parts = behind().map(|(variant, costs)| {
        [
            variant.name.to_owned(),
            format!("{:.1}", median(&costs.service)),
            format!("{:.1}", median(&costs.redis)),
        ]
    });
    format!(
        "Envoy:\n\n{}\n\nSidecar and Redis, limitador and Redis:\n\n{}\n\nEach:\n\n{}\n",
        comparison(&envoy, (BARE, "x bare")),
        comparison(&service, (NATIVE, "x limitador")),
        table(&["variant", "service CPU us", "Redis CPU us"], parts),
    )
}

/// The sidecar by each way to it.
pub(crate) fn alone(measured: &[Alone]) -> String {
    let headings = [
        "the sidecar alone, by",
        "CPU us",
        "Redis CPU us",
        "decisions/s of a core",
        "aim",
        "met",
        "reached/s",
        "steady/s",
        "p50 ms",
        "p99 ms",
        "aim ms",
        "met ",
    ];
    let rows = measured.iter().map(|alone| {
        let p99 = median(&alone.p99);
        [
            alone.way.to_owned(),
            format!("{:.1}", median(&alone.sidecar)),
            format!("{:.1}", median(&alone.redis)),
            format!("{:.0}", alone.on_one_core()),
            format!("{ON_ONE_CORE:.0}"),
            yes_or_no(alone.on_one_core() >= ON_ONE_CORE).to_owned(),
            format!("{:.0}", median(&alone.reached)),
            format!("{:.0}", median(&alone.steady)),
            format!("{:.2}", median(&alone.p50)),
            format!("{p99:.2}"),
            format!("{P99_MS:.0}"),
            yes_or_no(p99 < P99_MS).to_owned(),
        ]
    });
    table(&headings, rows)
}
