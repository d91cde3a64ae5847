//! Ids of requests: made so that no two runs share one, and counted in the file where the app notes what it has seen.

use std::collections::HashMap;
use std::path::Path;
use std::{fs, io};

use crate::plan::Kind;

/// Makes the ids of one run: `RUN-KIND-WORKER-NUMBER`.
#[derive(Clone, Debug)]
pub(crate) struct Run(String);

impl Run {
    pub(crate) fn new() -> Self {
        Self(format!("{:08x}", rand::random::<u32>()))
    }

    pub(crate) fn id(&self, kind: Kind, worker: u32, number: u64) -> String {
        format!("{}-{}-{worker}-{number}", self.0, kind.name())
    }

    fn kind(&self, id: &str) -> Option<Kind> {
        let name = id.strip_prefix(&self.0)?.split('-').nth(1)?;
        Kind::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// How often the app has seen each id of this run.
#[derive(Debug)]
pub(crate) struct Seen(HashMap<String, (Kind, u32)>);

impl Seen {
    /// Reads the app's file: one id a line. Lines of other clients are left out, and so is what a killed process of
    /// the app wrote half.
    ///
    /// # Errors
    ///
    /// When the file cannot be read.
    pub(crate) fn read(path: &Path, run: &Run) -> io::Result<Self> {
        let mut seen: HashMap<_, (Kind, u32)> = HashMap::new();
        for id in fs::read_to_string(path)?.lines() {
            if let Some(kind) = run.kind(id) {
                seen.entry(id.to_owned()).or_insert((kind, 0)).1 += 1;
            }
        }
        Ok(Self(seen))
    }

    /// For a file that is not there: nothing of what was answered was noted.
    pub(crate) fn nothing() -> Self {
        Self(HashMap::new())
    }

    pub(crate) fn has(&self, id: &str) -> bool {
        self.0.contains_key(id)
    }

    /// What was seen more than once, and how often.
    pub(crate) fn doubled(&self) -> impl Iterator<Item = (Kind, &str, u32)> {
        let all = self
            .0
            .iter()
            .map(|(id, (kind, times))| (*kind, id.as_str(), *times));
        all.filter(|(_, _, times)| *times > 1)
    }
}
