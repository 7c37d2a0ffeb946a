//! What the replicas of one server say to each other, and to the sidecar.
//!
//! ```text
//!   Replicas   who there is and where: a fixed list, or leases in Redis
//!   Seal       signs what one replica asks of another over the internal listener
//! ```

pub mod leases;
pub mod local;
pub mod registry;
pub mod seal;

pub use self::{
    leases::{JoinError, Leases},
    local::LocalCluster,
    registry::{FixedReplicas, Replica, Replicas},
    seal::{BadSeal, Seal},
};
