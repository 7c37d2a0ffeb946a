//! What the replicas of one server say to each other, and to the sidecar.

pub mod local;

pub use local::LocalCluster;
