//! Running a query over what is stored.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use moln_store::{Store, StoreError};

use super::{
    Failed, Malformed, parse,
    pipeline::{Pipeline, ShownRow},
    row::{Origin, Row},
};
use crate::{
    limits::{QUERY_MS, QUERY_SLICE},
    read::{self, Direction, Merge, Source},
    tables::{
        chunk::{Event, Position},
        keys,
    },
};

/// A group that is searched.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) group: u64,
    /// `ACCOUNT:NAME`.
    pub(crate) log: Arc<str>,
    /// A function's: its lines have fields of their own.
    pub(crate) function: bool,
    /// Events before this are past the retention.
    pub(crate) cutoff: u64,
}

/// What is asked.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) targets: Vec<Target>,
    pub(crate) text: String,
    /// Milliseconds, inclusive.
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) limit: Option<usize>,
    pub(crate) now: u64,
}

/// What it cost.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Facts {
    pub(crate) matched: u64,
    pub(crate) scanned: u64,
    pub(crate) bytes: u64,
    pub(crate) groups: u64,
}

/// Names and values; of an event, its group and which one it is.
pub(crate) type ResultRow = (Vec<(Arc<str>, String)>, Option<(u64, Event)>);

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Rows of names and values; of an event, which one it is.
    pub(crate) rows: Vec<ResultRow>,
    pub(crate) facts: Facts,
}

impl Outcome {
    /// About how much memory it takes, bytes.
    pub(crate) fn size(&self) -> usize {
        let row = |(cells, _): &ResultRow| 160 + cells.iter().map(|(_, text)| text.len() + 40).sum::<usize>();
        self.rows.iter().map(row).sum()
    }
}

/// Whether a query can be read.
pub(crate) fn check(text: &str) -> Result<(), Malformed> {
    parse::query(text).map(drop)
}

/// The events of groups in order of time, as rows.
struct Rows<'a> {
    store: &'a Store,
    merge: Merge,
    targets: HashMap<u64, &'a Target>,
    groups: HashMap<u64, u64>,
    names: HashMap<u64, Option<Arc<str>>>,
}

impl<'a> Rows<'a> {
    fn new(
        store: &'a Store,
        targets: &'a [Target],
        (start, end): (u64, u64),
        direction: Direction,
    ) -> Result<Self, StoreError> {
        let (mut sources, mut groups) = (Vec::new(), HashMap::new());
        let snapshot = store.snapshot();
        for target in targets {
            for (stream, figures) in read::of_group(&*snapshot, target.group)? {
                groups.insert(stream, target.group);
                sources.push(Source { group: target.group, stream, figures });
            }
        }
        let bounds = (Position::at(start), Position { time: end, ..Position::END });
        let merge = Merge::new(store, sources, bounds, direction);
        let targets = targets.iter().map(|target| (target.group, target)).collect();
        Ok(Self { store, merge, targets, groups, names: HashMap::new() })
    }

    fn next(&mut self) -> Result<Option<(u64, Row, usize)>, StoreError> {
        while let Some(event) = self.merge.next()? {
            let size = event.size();
            let Some(group) = self.groups.get(&event.stream).copied() else { continue };
            let Some(target) = self.targets.get(&group) else { continue };
            if event.at.time < target.cutoff {
                continue;
            }
            let name = if let Some(name) = self.names.get(&event.stream) {
                name.clone()
            } else {
                let found = self.store.snapshot().get(&keys::name(group, event.stream))?;
                let name = found.and_then(|(name, _)| str::from_utf8(&name).ok().map(Arc::from));
                self.names.insert(event.stream, name.clone());
                name
            };
            // Deleted since the query began.
            let Some(stream) = name else { continue };
            let origin = Origin { log: Arc::clone(&target.log), stream, function: target.function };
            return Ok(Some((group, Row::of(event, origin), size)));
        }
        Ok(None)
    }
}

impl Job {
    /// Runs it; stops soon after `cancel` turns true. Takes as long as it takes: not for a thread that serves others.
    pub(crate) fn run(&self, store: &Store, cancel: &AtomicBool) -> Result<Outcome, Failed> {
        let commands = parse::query(&self.text).map_err(|_| Failed::Cancelled)?;
        #[allow(clippy::cast_precision_loss, reason = "a moment is far below 2^53")]
        let mut pipeline = Pipeline::new(commands, self.limit, self.now as f64);
        let mut rows = Rows::new(store, &self.targets, (self.start, self.end), pipeline.direction)?;
        let mut facts = Facts { groups: self.targets.len() as u64, ..Facts::default() };
        let begun = Instant::now();
        let mut groups: HashMap<u64, u64> = HashMap::new();
        while let Some((group, row, size)) = rows.next()? {
            facts.scanned += 1;
            facts.bytes += size as u64;
            if let Some((event, _)) = row.event.as_ref().filter(|_| pipeline.events) {
                groups.insert(event.stream, group);
            }
            pipeline.push(row)?;
            if pipeline.full && facts.scanned > 0 {
                break;
            }
            if facts.scanned.is_multiple_of(QUERY_SLICE as u64) {
                if cancel.load(Ordering::Relaxed) {
                    return Err(Failed::Cancelled);
                }
                if begun.elapsed() > Duration::from_millis(QUERY_MS) {
                    return Err(Failed::Timeout);
                }
            }
        }
        if cancel.load(Ordering::Relaxed) {
            return Err(Failed::Cancelled);
        }
        facts.matched = pipeline.matched;
        let events = pipeline.events;
        let with_group = |(cells, event): ShownRow| {
            let event = event.filter(|_| events);
            (cells, event.and_then(|event| Some((*groups.get(&event.stream)?, event))))
        };
        let rows = pipeline.finish()?.into_iter().map(with_group).collect();
        Ok(Outcome { rows, facts })
    }
}

/// The fields of events of a group within a time, and how many percent of the events have each.
pub(crate) fn discover(
    store: &Store,
    target: &Target,
    bounds: (u64, u64),
    most: usize,
) -> Result<Vec<(String, u32)>, StoreError> {
    let targets = [target.clone()];
    let mut rows = Rows::new(store, &targets, bounds, Direction::Backward)?;
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    let mut all = 0u64;
    while let Some((_, row, _)) = rows.next()? {
        all += 1;
        for name in row.discovered() {
            *counts.entry(name).or_default() += 1;
        }
        if all >= most as u64 {
            break;
        }
    }
    if all == 0 {
        return Ok(Vec::new());
    }
    for name in ["@ingestionTime", "@log", "@logStream", "@message", "@timestamp"] {
        counts.insert(name.to_owned(), all);
    }
    let percent = |count: u64| u32::try_from((count * 100).div_ceil(all).min(100)).unwrap_or(100);
    let mut fields: Vec<(String, u32)> = counts.into_iter().map(|(name, n)| (name, percent(n))).collect();
    fields.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    Ok(fields)
}

/// Every field of one event.
pub(crate) fn facts_of(event: Event, target: &Target, stream: Arc<str>) -> BTreeMap<String, String> {
    let (at, ingested) = (event.at.time, event.ingested);
    let origin = Origin { log: Arc::clone(&target.log), stream, function: target.function };
    let row = Row::of(event, origin);
    let mut names = row.discovered();
    names.extend(["@message", "@logStream", "@log"].map(str::to_owned));
    let mut all: BTreeMap<String, String> =
        names.into_iter().map(|name| (name.clone(), row.get(&name).to_string())).collect();
    all.insert("@timestamp".to_owned(), at.to_string());
    all.insert("@ingestionTime".to_owned(), ingested.to_string());
    all
}
