//! A real world to test in, without containers and without root: etcd, kube-apiserver and kube-controller-manager
//! built from their own sources, moto with AWS's strictness, the emulator of Alibaba Cloud, and the operator's real binary,
//! each as its own process on 127.0.0.1 with its own port and directory.
//!
//! Integration tests, the benchmark and the demo share it. Everything here panics with a message for the person who
//! runs the tests; only what a test may want to look at comes back as a `Result`.
//!
//! ```no_run
//! # async fn example() {
//! let world = testbed::World::start(testbed::Launch::new("target/debug/tenantry")).await;
//! let client = world.control_plane.client();
//! # }
//! ```

pub mod alibaba;
pub mod apply;
pub mod audit;
pub mod aws;
pub mod certificates;
pub mod child;
pub mod control_plane;
pub mod http;
pub mod layout;
pub mod moto;
pub mod notebooks;
pub mod operator;
pub mod rights;
pub mod wait;
pub mod world;

pub use alibaba::Alibaba;
pub use control_plane::ControlPlane;
pub use moto::{Fault, Moto};
pub use operator::{Launch, Operator};
pub use rights::OperatorPolicy;
pub use wait::{gone, until};
pub use world::{Clouds, World};
