//! Tenantry.

pub mod policy;
