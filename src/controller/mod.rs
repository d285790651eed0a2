//! The two controllers, what wakes them and the pass that they run.

mod settle;

pub use settle::{Settled, Stage, settle};
