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
    functions: Vec<Function<'a>>,
    wide: usize,
}

struct Function<'a> {
    name: String,
    groups: [String; 1],
    tail: Tail<'a>,
}

impl<'a> Follow<'a> {
    /// From now on. Names are shown without what the stack's name says already.
    pub(crate) async fn new(aws: &'a Aws<'a>, stack: &str, names: &[String]) -> Result<Self, Failure> {
        let since = now(aws.server).await?.millis();
        let mut functions = Vec::new();
        for name in names {
            let shown = name.strip_prefix(stack).map_or(name.as_str(), |rest| rest.trim_start_matches('-'));
            functions.push(Function {
                name: shown.to_owned(),
                groups: [format!("/aws/lambda/{name}")],
                tail: Tail::new(aws, None, since),
            });
        }
        let wide = functions.iter().map(|function| function.name.len()).max().unwrap_or(0);
        Ok(Self { functions, wide })
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
