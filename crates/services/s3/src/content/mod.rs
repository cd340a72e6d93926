//! The bytes of objects: how they come in, where they are put, how they are read, and what is proven of them on the way.

pub(crate) mod checksum;
pub(crate) mod cipher;
pub(crate) mod claims;
pub(crate) mod receive;

pub(crate) use moln_kernel::encoding::hex;
