//! To be replaced.
/// x
pub struct Advance;
/// x
pub trait DueSource {}
