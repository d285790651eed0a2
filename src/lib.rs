//! Tenantry: teams, their cloud identities and their namespaces, from manifests.

pub mod api;
pub mod command;
