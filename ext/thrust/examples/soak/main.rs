//! Mixed load with resets from both sides, for as long as one likes: every answer right, nothing left behind.
//!
//! It starts thrust before an app that is this program too. Every request has an id and says in its target what the app
//! is to do: answer, answer and break the connection, or break it first. Clients leave at any time as well. What a
//! client may then see is known: the whole answer, a 502, or an answer that visibly broke off. Everything else is a
//! finding, and so are, in thrust, memory that grows, descriptors or threads that stay, children that are not reaped and
//! panics; in the app a POST that comes twice and a body that is not its client's.
//!
//! The summary goes to stdout as Markdown; the exit status is 0 only if nothing was found. `bin/soak` builds and runs it.

mod app;
mod content;
mod http1;
mod http2;
mod judge;
mod order;
mod patience;
mod proxy;
mod run;
mod sending;
mod tally;
mod tunnel;
mod watch;
mod wire;

use std::error::Error;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Arg, Command, value_parser};
use tokio::time::Instant;

use crate::proxy::{Proxy, Usage};
use crate::run::Shared;
use crate::tally::{CROSSED, ENDS};
use crate::watch::Watch;

/// What the command line asks for.
struct Plan {
    thrust: PathBuf,
    time: Duration,
    seed: u64,
    workers: u64,
}

fn main() -> ExitCode {
    let ended = match std::env::args().nth(1).as_deref() {
        Some("app") => serve_app(),
        _ => soak(&Plan::read()),
    };
    ended.unwrap_or_else(|error| {
        eprintln!("soak: {error}");
        ExitCode::FAILURE
    })
}

impl Plan {
    fn read() -> Self {
        let mut given = command().get_matches();
        let minutes: f64 = given.remove_one("minutes").expect("it has a default");
        Self {
            thrust: given.remove_one("thrust").expect("it is required"),
            time: Duration::from_secs_f64(minutes * 60.0),
            seed: given.remove_one("seed").unwrap_or_else(rand::random),
            workers: given.remove_one("workers").expect("it has a default"),
        }
    }
}

fn command() -> Command {
    let option = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help)
    };
    Command::new("soak")
        .about("Mixed load with resets from both sides; says whether every answer was right and nothing was left behind")
        .arg(
            Arg::new("thrust")
                .value_name("THRUST")
                .required(true)
                .value_parser(value_parser!(PathBuf))
                .help("the binary"),
        )
        .arg(
            option("minutes", "N", "how long")
                .value_parser(minutes)
                .default_value("30"),
        )
        .arg(option("seed", "N", "which requests; without it, others each time").value_parser(value_parser!(u64)))
        .arg(
            option("workers", "N", "connections at a time")
                .value_parser(value_parser!(u64).range(1..10_000))
                .default_value("24"),
        )
}

/// The upper bound keeps what is made of it a duration.
fn minutes(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(number) if number > 0.0 && number <= 100_000.0 => Ok(number),
        _ => Err("it must be a number above 0 and up to 100000".to_owned()),
    }
}

fn serve_app() -> Result<ExitCode, Box<dyn Error>> {
    let port = std::env::var("PORT")?.parse()?;
    runtime()?.block_on(app::serve(port))?;
    Ok(ExitCode::SUCCESS)
}

fn soak(plan: &Plan) -> Result<ExitCode, Box<dyn Error>> {
    let mut proxy = Proxy::start(&plan.thrust)?;
    eprintln!(
        "soak: seed {}, {:?}, {} workers",
        plan.seed, plan.time, plan.workers
    );
    let shared = Shared::new(proxy.port);
    let mut watch = Watch::default();
    let (before, after) = runtime()?.block_on(async {
        http1::say_hello(&shared).await;
        let before = watch::at_rest(&proxy).await?;
        let end = Instant::now() + plan.time;
        tokio::join!(
            run::run(&shared, plan.workers, plan.seed, end),
            watch.until(end, &mut proxy, &shared.tally),
        );
        io::Result::Ok((before, watch.judge(before, &mut proxy, &shared.tally).await))
    })?;
    if proxy.stop().is_none() {
        shared
            .tally
            .find("thrust did not end when it was told to".to_owned());
    }
    proxy.heard().into_iter().for_each(|line| shared.tally.find(line));
    let counts = shared.tally.counts();
    if counts.of(CROSSED) > counts.total() / 100 {
        shared.tally.find(format!(
            "{} POSTs met the end of a connection",
            counts.of(CROSSED)
        ));
    }

    let summary = summary(plan, &shared, &watch, before, after)?;
    io::stdout().write_all(summary.as_bytes())?;
    Ok(if shared.tally.counts().found == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

fn summary(
    plan: &Plan,
    shared: &Shared,
    watch: &Watch,
    before: Usage,
    after: Option<Usage>,
) -> Result<String, std::fmt::Error> {
    let counts = shared.tally.counts();
    let (middle, last) = watch.thirds();
    let mut text = String::new();
    writeln!(
        text,
        "{:.1} minutes, {} connections at a time, seed {}: {} requests, {} findings.\n",
        plan.time.as_secs_f64() / 60.0,
        plan.workers,
        plan.seed,
        counts.total() + counts.found,
        counts.found
    )?;
    writeln!(text, "| end of a request | count |\n| --- | --- |")?;
    for name in ENDS {
        writeln!(text, "| {name} | {} |", counts.of(name))?;
    }
    writeln!(text, "\n| thrust | |\n| --- | --- |")?;
    writeln!(text, "| memory, middle third | {middle} KiB |")?;
    writeln!(text, "| memory, last third | {last} KiB |")?;
    writeln!(text, "| memory, peak | {} KiB |", watch.peak())?;
    writeln!(
        text,
        "| memory before and after | {} KiB, {} KiB |",
        before.memory,
        after.map_or(0, |after| after.memory)
    )?;
    writeln!(
        text,
        "| descriptors before and after | {}, {} |",
        before.descriptors,
        after.map_or(0, |after| after.descriptors)
    )?;
    writeln!(
        text,
        "| threads before and after | {}, {} |",
        before.threads,
        after.map_or(0, |after| after.threads)
    )?;
    for finding in &counts.findings {
        writeln!(text, "\n- {finding}")?;
    }
    Ok(text)
}
