//! AWS.
use super::Cloud;
use crate::model::*;
use parking_lot::Mutex;
use std::collections::BTreeMap;
/// An AWS account.
#[derive(Debug)]
pub struct Aws;
impl Cloud for Aws {
    async fn sweep(&self) -> Result<Sweep, Fault> {
        Ok(Sweep::default())
    }
    async fn read(&self, _: &Read, _: &Mutex<Inventory>) -> Result<Finding, Fault> {
        Ok(Finding::Absent)
    }
    async fn execute(&self, _: &CloudAction, _: &Mutex<Inventory>) -> Result<Effect, Fault> {
        Ok(Effect::Done)
    }
    async fn quotas(&self) -> Result<BTreeMap<String, Quota>, Fault> {
        Ok(BTreeMap::new())
    }
    async fn answers(&self, _: &NewKey) -> Result<bool, Fault> {
        Ok(false)
    }
}
