//! Which variants are measured.

use super::Failure;

/// Something to measure.
pub trait Variant {
    /// Its name in the table.
    fn name(&self) -> &str;
    /// The names of those that it is compared with.
    fn beside(&self) -> Vec<&'static str>;
}

/// Those whose name contains one of the texts, what they are compared with, and the first; all where there is no text.
///
/// # Errors
/// When there is none: what names there are.
pub fn chosen<V: Variant>(all: Vec<V>, only: &[String]) -> Result<Vec<V>, Failure> {
    if only.is_empty() {
        return Ok(all);
    }
    let is_named = |variant: &V| only.iter().any(|text| variant.name().contains(text.as_str()));
    if !all.iter().any(is_named) {
        let names: Vec<_> = all.iter().map(Variant::name).collect();
        return Err(format!("no variant has such a name; there are: {}", names.join("; ")).into());
    }
    let beside: Vec<_> = all.iter().filter(|variant| is_named(variant)).flat_map(Variant::beside).collect();
    let is_chosen =
        |(index, variant): &(usize, V)| *index == 0 || is_named(variant) || beside.contains(&variant.name());
    Ok(all.into_iter().enumerate().filter(is_chosen).map(|(_, variant)| variant).collect())
}
