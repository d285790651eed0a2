//! To come.
pub mod model;
use crate::routes::Operation;
/// All tables of the service.
pub const TABLES: &[&[Operation]] = &[];
pub fn refused(refusal: &crate::refusal::Refusal, id: &str) -> serde_json::Value {
    refusal.body(id, "")
}
