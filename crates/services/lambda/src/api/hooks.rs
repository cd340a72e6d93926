//! Where Lambda departs from the protocols' common ways.

use http::request::Parts;
use moln_kernel::Context;
use moln_wire::{ByteStream, Hooks, service::RawAnswer};

use crate::{Lambda, location};

impl Hooks for Lambda {
    fn raw<'a>(&'a self, _: &'a Context, head: &'a Parts, _: ByteStream) -> Option<RawAnswer<'a>> {
        location::is_link(head).then(|| Box::pin(self.download(head)) as RawAnswer<'a>)
    }
}
