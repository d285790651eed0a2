//! Outcome of steps → the next status of every manifest. Pure; transition times are kept, nothing in a status is a clock
//! that moves by itself, so that an unchanged world writes nothing.

mod conditions;
mod drift;
mod manifests;
mod max_compute;
mod notebooks;
mod verdict;
mod workspaces;

pub use conditions::{mark_drifted, set_verdict};
pub use manifests::{role_status, tenant_status, user_status};
pub use notebooks::{notebook_status, notebook_words};
pub use verdict::{AccountView, Report, Tally, Verdict};
