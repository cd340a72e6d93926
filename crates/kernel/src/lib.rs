//! What every service shares: who calls ([`Context`]), what time it is ([`Clock`]), how it failed
//! ([`ApiError`]), how things are named ([`Arn`]) and where services meet ([`ports`]).
//! The kernel knows no service and does no I/O.

pub mod arn;
mod carried;
pub mod clock;
pub mod context;
pub mod encoding;
pub mod error;
pub mod ids;
mod intern;
pub mod lineage;
pub mod pagination;
pub mod ports;
pub mod resources;
pub mod tags;

pub use arn::Arn;
pub use carried::Carried;
pub use clock::{Clock, ManualClock, MovableClock, SharedClock, SystemClock, Timestamp};
pub use context::{AccountId, Caller, Context, Endpoint, Principal, Region, RequestId, Session};
pub use error::{ApiError, Fault};
pub use lineage::{Lineage, LoopStopped, RecursiveLoop};
