//! The integration tests: one binary, so that it links once. Each module tests one thing that users notice, against
//! real processes; `testbed` starts them.

#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod account_rules;
mod accounts;
mod admission;
mod admission_policies;
mod alibaba;
mod applied_examples;
mod aws_account;
mod bad_input;
mod chart;
mod chart_rights;
mod cloud_roles;
mod cluster;
mod conditions;
mod console;
mod crashes;
mod credentials;
mod deploying;
mod docs;
mod drift;
mod evaluator;
mod examples;
mod federation;
mod keyless;
mod least_privilege;
mod letting_go;
mod modes;
mod namespaces;
mod notebooks;
mod nothing_lost;
mod orphans;
mod plan_command;
mod policies;
mod printed;
mod quotas;
mod reference;
mod rights;
mod roles_library;
mod rotation;
mod secrecy;
mod standing_still;
mod stopping;
mod support;
mod takeover;
mod teardown;
mod tenant;
mod testbed_itself;
mod told;
