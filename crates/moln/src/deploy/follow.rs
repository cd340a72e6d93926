//! The logs of all functions of a stack, each in a colour of its own.

use super::progress::Progress;
use crate::{
    aws::Aws,
    failure::Failure,
    tail::{Tail, clock_time, now},
};

/// ANSI colours that are read well on dark and light.
const COLOURS: [u8; 6] = [36, 35, 34, 33, 32, 31];

/// Several functions' logs.
pub(crate) struct Follow<'a> {
    aws: &'a Aws<'a>,
    /// Where what was not followed before begins, in milliseconds.
    since: u64,
    functions: Vec<Function<'a>>,
    wide: usize,
}

struct Function<'a> {
    name: String,
    groups: [String; 1],
    tail: Tail<'a>,
}

impl<'a> Follow<'a> {
    /// From now on; nothing yet.
    pub(crate) async fn new(aws: &'a Aws<'a>) -> Result<Self, Failure> {
        let since = now(aws.server).await?.millis();
        Ok(Self { aws, since, functions: Vec::new(), wide: 0 })
    }

    /// Follows these functions. Of those that were followed before nothing is left out. Names are shown without what the
    /// stack's name says already.
    pub(crate) fn turn_to(&mut self, stack: &str, names: &[String]) {
        let mut before = std::mem::take(&mut self.functions);
        self.functions.extend(names.iter().map(|name| {
            let groups = [format!("/aws/lambda/{name}")];
            if let Some(at) = before.iter().position(|function| function.groups == groups) {
                return before.swap_remove(at);
            }
            let shown = name.strip_prefix(stack).map_or(name.as_str(), |rest| rest.trim_start_matches('-'));
            Function { name: shown.to_owned(), groups, tail: Tail::new(self.aws, None, self.since) }
        }));
        self.wide = self.functions.iter().map(|function| function.name.len()).max().unwrap_or(0);
    }

    /// Shows what came in since the last look.
    pub(crate) async fn look(&mut self, progress: &Progress) -> Result<(), Failure> {
        let wide = self.wide;
        for (function, colour) in self.functions.iter_mut().zip(COLOURS.iter().cycle()) {
            if !function.tail.find(&function.groups).await? {
                continue;
            }
            let name = progress.paint(*colour, &format!("{:wide$}", function.name));
            function
                .tail
                .show(|time, text| {
                    progress.say(&format!("{} {name} {text}", clock_time(time)));
                    progress
                        .tell(&serde_json::json!({ "function": function.name, "time": time, "log": text }));
                })
                .await?;
        }
        Ok(())
    }
}
