//! To be replaced.
/// x
pub struct Outbox;
/// x
pub struct Delivery;
/// x
pub trait Target {}
