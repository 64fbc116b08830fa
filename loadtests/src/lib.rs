//! Proof over HTTP: clients that write down what they saw, and a judge that knows what was promised.
//!
//! Nothing of the server is linked in. The same clients and the same judge serve the bounded tests
//! beside the server's own and the long runs of the binary.

pub mod client;
pub mod history;
pub mod verdict;
pub mod world;
