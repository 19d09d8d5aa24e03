//! The result, as tables in Markdown.

use crate::variant::{BARE, REMEMBERED, Variant};

/// Costs of one variant, for each round.
type Costs = Vec<f64>;

/// The variants beside each other.
pub(crate) fn comparison(variants: &[Variant], measured: &[Costs]) -> String {
    let costs = |name: &str| variants.iter().zip(measured).find(|(variant, _)| variant.name == name);
    let ratio_to = |name: &str, own: &Costs| costs(name).map(|(_, other)| ratios(own, other));
    let headings = ["variant", "CPU us", "x bare", "beside", "times", "10 % to 90 %", "aim", "met"];
    let rows = variants.iter().zip(measured).map(|(variant, own)| {
        let beside = variant.beside.as_ref();
        let times = beside.and_then(|beside| ratio_to(beside.name, own));
        let met = beside.zip(times.as_ref()).map(|(beside, times)| median(times) <= beside.aim);
        [
            variant.name.clone(),
            format!("{:.1}", median(own)),
            ratio_to(BARE, own).map_or_else(String::new, |ratios| format!("{:.2}", median(&ratios))),
            beside.map_or_else(String::new, |beside| beside.name.to_owned()),
            times.as_ref().map_or_else(String::new, |times| format!("{:.2}", median(times))),
            times
                .as_ref()
                .map_or_else(String::new, |times| format!("{:.2} to {:.2}", at(times, 0.1), at(times, 0.9))),
            beside.map_or_else(String::new, |beside| format!("{:.2}", beside.aim)),
            met.map_or("", |met| if met { "yes" } else { "no" }).to_owned(),
        ]
    });
    table(&headings, rows)
}

/// What a token of each algorithm costs above one that is remembered.
pub(crate) fn algorithms(variants: &[Variant], measured: &[Costs]) -> String {
    let cost = |name: &str| {
        variants.iter().zip(measured).find(|(variant, _)| variant.name == name).map(|(_, own)| median(own))
    };
    let remembered = cost(REMEMBERED).unwrap_or_default();
    let headings = ["variant", "CPU us", "above remembered"];
    let rows = variants.iter().zip(measured).map(|(variant, own)| {
        [variant.name.clone(), format!("{:.1}", median(own)), format!("{:.1}", median(own) - remembered)]
    });
    table(&headings, rows)
}

fn ratios(own: &Costs, other: &Costs) -> Costs {
    own.iter().zip(other).map(|(own, other)| own / other.max(f64::MIN_POSITIVE)).collect()
}

fn median(values: &Costs) -> f64 {
    at(values, 0.5)
}

/// The value which this share of all does not exceed: nearest rank.
fn at(values: &Costs, share: f64) -> f64 {
    let mut sorted = values.clone();
    sorted.sort_by(f64::total_cmp);
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}

/// Numbers stand at the right.
fn table<const N: usize>(headings: &[&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let line = |cells: Vec<&str>| format!("| {} |", cells.join(" | "));
    let rules = (0..N).map(|column| if column == 0 { "---" } else { "--:" }).collect();
    let rows: Vec<_> = rows.collect();
    let lines = rows.iter().map(|row| line(row.iter().map(String::as_str).collect()));
    [line(headings.to_vec()), line(rules)].into_iter().chain(lines).collect::<Vec<_>>().join("\n")
}
