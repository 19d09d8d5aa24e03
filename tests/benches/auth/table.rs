//! The result, as tables in Markdown.

use ferrox_testbed::bench::table::{self, Row, median};

use crate::variant::{BARE, REMEMBERED, Variant};

/// The variants beside each other.
pub(crate) fn comparison(variants: &[Variant], measured: &[Vec<f64>]) -> String {
    let both = variants.iter().zip(measured);
    let rows: Vec<_> = both
        .map(|(variant, costs)| Row { name: &variant.name, costs, beside: variant.beside.as_ref() })
        .collect();
    table::comparison(&rows, (BARE, "x bare"))
}

/// What a token of each algorithm costs above one that is remembered.
pub(crate) fn algorithms(variants: &[Variant], measured: &[Vec<f64>]) -> String {
    let cost = |name: &str| {
        variants.iter().zip(measured).find(|(variant, _)| variant.name == name).map(|(_, own)| median(own))
    };
    let remembered = cost(REMEMBERED).unwrap_or_default();
    let headings = ["variant", "CPU us", "above remembered"];
    let rows = variants.iter().zip(measured).map(|(variant, own)| {
        [variant.name.clone(), format!("{:.1}", median(own)), format!("{:.1}", median(own) - remembered)]
    });
    table::table(&headings, rows)
}
