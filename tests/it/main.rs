//! The integration tests: one binary, so that it links once. Each module tests one thing that users notice, against
//! real processes; `testbed` starts them.

#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod accounts;
mod admission;
mod admission_policies;
mod aws_account;
mod bad_input;
mod chart;
mod chart_rights;
mod cluster;
mod conditions;
mod crashes;
mod docs;
mod drift;
mod evaluator;
mod examples;
mod namespaces;
mod nothing_lost;
mod plan_command;
mod printed;
mod rights;
mod secrecy;
mod support;
mod tenant;
mod testbed_itself;
