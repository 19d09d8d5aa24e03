//! A configuration that has something of everything, as rows.

use ferrox_xds_server::store::Rows;

pub(crate) fn rows() -> Rows {
    serde_json::from_str(include_str!("rows.json")).expect("the sample is JSON of rows")
}
