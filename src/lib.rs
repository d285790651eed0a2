//! Tenantry: a Kubernetes operator that gives teams their place in the cloud.
//!
//! The flow, one room each: `api` (manifests) → `desired` (what should exist) and `cloud` (the inventory of what does)
//! → `plan` (the steps between them) → `apply` (the only writer) → `status` (the answer). `controller/pass.rs` is that
//! line in code.

pub mod api;
pub mod apply;
pub mod cloud;
pub mod cluster;
pub mod command;
pub mod config;
pub mod controller;
pub mod desired;
pub mod lease;
pub mod metrics;
pub mod model;
pub mod names;
pub mod plan;
pub mod policy;
pub mod server;
pub mod status;
pub mod telemetry;
