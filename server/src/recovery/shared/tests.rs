//! Replicas on a channel that loses, repeats and ends, and a stream that forgets.

mod fake;
mod lives;
mod losses;
mod order;
