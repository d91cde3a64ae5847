//! Watches what the proxy uses, and judges whether that stays flat.

use std::time::Duration;

use tokio::time::Instant;

use crate::proxy::{Proxy, Usage};
use crate::tally::Tally;

/// Between two samples at most; a short run takes more of them.
const PERIOD: Duration = Duration::from_secs(10);
const SAMPLES: u32 = 60;
/// How much more than in its middle third a run may use in its last: a tenth, and so many KiB.
const SLACK: u64 = 2 * 1024;
/// How long what the load has left behind may stay: idle connections to the app live for 15 s.
const AFTERMATH: Duration = Duration::from_secs(40);
const MOMENTS: u32 = 10;
const MOMENT: Duration = Duration::from_millis(20);
const PROGRESS: Duration = Duration::from_secs(60);

/// What was seen of the proxy.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    samples: Vec<Usage>,
}

/// What the proxy uses without load: the least of several moments, for the last connection may still be there.
pub(crate) async fn at_rest(proxy: &Proxy) -> std::io::Result<Usage> {
    let mut least = proxy.usage()?;
    for _ in 0..MOMENTS {
        tokio::time::sleep(MOMENT).await;
        let usage = proxy.usage()?;
        least.descriptors = least.descriptors.min(usage.descriptors);
        least.threads = least.threads.min(usage.threads);
    }
    Ok(least)
}

impl Watch {
    /// Takes samples until `end`; says once a minute how it goes.
    pub(crate) async fn until(&mut self, end: Instant, proxy: &mut Proxy, tally: &Tally) {
        let begun = Instant::now();
        let period = PERIOD.min((end - begun) / SAMPLES);
        let mut next_progress = begun + PROGRESS;
        while Instant::now() < end {
            tokio::time::sleep(period).await;
            if let Some(status) = proxy.ended() {
                return tally.find(format!("thrust ended by itself: {status}"));
            }
            match proxy.usage() {
                Ok(usage) => self.samples.push(usage),
                Err(error) => tally.find(format!("thrust cannot be watched: {error}")),
            }
            proxy.heard().into_iter().for_each(|line| tally.find(line));
            if Instant::now() >= next_progress {
                next_progress += PROGRESS;
                self.say(begun, tally);
            }
        }
    }

    fn say(&self, begun: Instant, tally: &Tally) {
        let counts = tally.counts();
        if let Some(now) = self.samples.last() {
            eprintln!(
                "soak: {} min: {} requests, {} KiB, {} descriptors, {} findings",
                begun.elapsed().as_secs() / 60,
                counts.total(),
                now.memory,
                now.descriptors,
                counts.found
            );
        }
    }

    /// Average resident memory in KiB of the middle and of the last third.
    pub(crate) fn thirds(&self) -> (u64, u64) {
        let third = self.samples.len() / 3;
        let average = |samples: &[Usage]| {
            let sum: u64 = samples.iter().map(|sample| sample.memory).sum();
            sum / samples.len().max(1) as u64
        };
        (
            average(&self.samples[third..2 * third]),
            average(&self.samples[2 * third..]),
        )
    }

    /// The most resident memory in KiB.
    pub(crate) fn peak(&self) -> u64 {
        self.samples
            .iter()
            .map(|sample| sample.memory)
            .max()
            .unwrap_or_default()
    }

    /// Judges memory, and once the load is gone descriptors, threads and children against what there was `before`.
    pub(crate) async fn judge(&self, before: Usage, proxy: &mut Proxy, tally: &Tally) -> Option<Usage> {
        let (middle, last) = self.thirds();
        if last > middle + middle / 10 + SLACK {
            tally.find(format!("memory grew from {middle} to {last} KiB"));
        }
        let end = Instant::now() + AFTERMATH;
        let after = loop {
            let usage = proxy.usage().ok()?;
            if (usage.descriptors <= before.descriptors && usage.threads <= before.threads)
                || Instant::now() >= end
            {
                break usage;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        };
        if after.descriptors > before.descriptors {
            tally.find(format!(
                "{} descriptors, {} before",
                after.descriptors, before.descriptors
            ));
        }
        if after.threads > before.threads {
            tally.find(format!("{} threads, {} before", after.threads, before.threads));
        }
        if proxy.zombies() > 0 {
            tally.find(format!("{} children were not reaped", proxy.zombies()));
        }
        Some(after)
    }
}
