//! The integration tests: one binary, so that it links once. Each module tests one thing that users notice, against
//! real processes; `testbed` starts them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod aws_account;
mod cluster;
mod testbed_itself;
