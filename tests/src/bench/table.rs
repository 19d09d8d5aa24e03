//! The result, as tables in Markdown.

/// Costs of one variant, for each round.
pub type Costs = [f64];

/// Another variant by its name, and how many times its cost is the aim.
#[derive(Debug, Clone, PartialEq)]
pub struct Beside {
    /// The name.
    pub name: &'static str,
    /// The aim: at most so many times.
    pub aim: f64,
}

/// One variant of a comparison.
#[derive(Debug)]
pub struct Row<'a> {
    /// Its name.
    pub name: &'a str,
    /// CPU microseconds for a request, for each round.
    pub costs: &'a Costs,
    /// What it is compared with.
    pub beside: Option<&'a Beside>,
}

/// The variants beside each other, and all beside the one of this name.
#[must_use]
pub fn comparison(rows: &[Row<'_>], base: (&str, &str)) -> String {
    let (base, times_base) = base;
    let costs = |name: &str| rows.iter().find(|row| row.name == name).map(|row| row.costs);
    let headings = ["variant", "CPU us", times_base, "beside", "times", "10 % to 90 %", "aim", "met"];
    let cells = rows.iter().map(|row| {
        let ratio_to = |name: &str| costs(name).map(|other| ratios(row.costs, other));
        let times = row.beside.and_then(|beside| ratio_to(beside.name));
        let met = row.beside.zip(times.as_ref()).map(|(beside, times)| median(times) <= beside.aim);
        let spread = |times: &Vec<f64>| format!("{:.2} to {:.2}", at(times, 0.1), at(times, 0.9));
        [
            row.name.to_owned(),
            format!("{:.1}", median(row.costs)),
            ratio_to(base).map_or_else(String::new, |ratios| format!("{:.2}", median(&ratios))),
            row.beside.map_or_else(String::new, |beside| beside.name.to_owned()),
            times.as_ref().map_or_else(String::new, |times| format!("{:.2}", median(times))),
            times.as_ref().map_or_else(String::new, spread),
            row.beside.map_or_else(String::new, |beside| format!("{:.2}", beside.aim)),
            met.map_or("", yes_or_no).to_owned(),
        ]
    });
    table(&headings, cells)
}

/// Whether an aim is met.
#[must_use]
pub const fn yes_or_no(met: bool) -> &'static str {
    if met { "yes" } else { "no" }
}

/// How many times the other each is, round by round.
#[must_use]
pub fn ratios(own: &Costs, other: &Costs) -> Vec<f64> {
    own.iter().zip(other).map(|(own, other)| own / other.max(f64::MIN_POSITIVE)).collect()
}

/// The value that half of all do not exceed.
#[must_use]
pub fn median(values: &Costs) -> f64 {
    at(values, 0.5)
}

/// The value which this share of all does not exceed: nearest rank. Not a number where there are none.
#[must_use]
pub fn at(values: &Costs, share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}

/// Numbers stand at the right.
#[must_use]
pub fn table<const N: usize>(headings: &[&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let line = |cells: Vec<&str>| format!("| {} |", cells.join(" | "));
    let rules = (0..N).map(|column| if column == 0 { "---" } else { "--:" }).collect();
    let rows: Vec<_> = rows.collect();
    let lines = rows.iter().map(|row| line(row.iter().map(String::as_str).collect()));
    [line(headings.to_vec()), line(rules)].into_iter().chain(lines).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_counts_is_the_median_of_the_ratios_and_an_aim_includes_its_bound() {
        let beside = Beside { name: "other", aim: 2.0 };
        let (own, other) = ([8.0, 1.0, 6.0], [4.0, 1.0, 2.0]);
        let rows = [
            Row { name: "other", costs: &other, beside: None },
            Row { name: "own", costs: &own, beside: Some(&beside) },
        ];
        let lines = comparison(&rows, ("other", "x other"));
        let last = lines.lines().last().unwrap();
        assert_eq!(last, "| own | 6.0 | 2.00 | other | 2.00 | 1.00 to 3.00 | 2.00 | yes |");
        assert!(lines.contains("| other | 2.0 | 1.00 |  |  |  |  |  |"), "{lines}");
    }
}
