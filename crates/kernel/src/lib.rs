//! What every service shares: who calls ([`Context`]), what time it is ([`Clock`]), how it failed
//! ([`ApiError`]), how things are named ([`Arn`]) and where services meet ([`ports`]).
//! The kernel knows no service and does no I/O.

pub mod clock;
pub mod context;
pub mod error;
pub mod ports;

pub use clock::{Clock, ManualClock, MovableClock, SharedClock, SystemClock, Timestamp};
pub use context::{AccountId, Context, Endpoint, Lineage, Principal, Region, RequestId};
pub use error::{ApiError, Fault};
