//! Keeps up a steady load on the example app behind a proxy, and says what became of every request.
//!
//! Workers of several kinds (`--load get=2,post=2@10`) send requests that carry an id each, and check that the answer
//! is the one to that request. At the end one line of JSON on stdout counts, by kind:
//!
//! | count | meaning |
//! | --- | --- |
//! | `sent` | requests, each counted once however often it had to be written |
//! | `right` | got their own answer, whole |
//! | `wrong` | got another answer, a damaged one, or one with a status below 500 that is not the expected one |
//! | `server_errors` | got a status from 500 on |
//! | `lost` | were written and got no whole answer |
//! | `refused` | found nobody to connect to; with `--until-refused` that ends the worker and is no failure |
//! | `repeated` | attempts written after the proxy had closed the connection, and written again on a new one |
//! | `closed` | WebSockets the other side closed; the message without an echo is repeated |
//! | `doubled` | ids the app has seen more than once, by its file (`--ids`) |
//! | `unseen` | answered right, but not in that file |
//!
//! Beside them stand statuses, new connections, the longest wait with its time, and the first failures of each kind.
//! The exit status is 0 only if nothing failed. It runs for `--seconds`, or until stdin ends or TERM or INT comes;
//! what is under way is finished. When every worker has had its first right answer, stderr says `steady`.
//!
//! Meant for loopback: whether a request was written after the proxy's FIN is only known where nothing is in flight.

mod answer;
mod ask;
mod cable;
mod connection;
mod course;
mod http2;
mod ids;
mod plan;
mod request;
mod run;
mod tally;
mod websocket;

use std::error::Error;
use std::io::{self, Read, Write};
use std::process::ExitCode;
use std::thread;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::plan::Plan;

fn main() -> ExitCode {
    match Plan::from_arguments(std::env::args_os()) {
        Ok(plan) => load(plan).unwrap_or_else(|error| {
            eprintln!("load_client: {error}");
            ExitCode::FAILURE
        }),
        Err(error) => error.exit(),
    }
}

fn load(plan: Plan) -> Result<ExitCode, Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let report = runtime.block_on(async {
        let stop = CancellationToken::new();
        if plan.time.is_none() {
            stop_at_end_of_input(stop.clone());
        }
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let signalled = stop.clone();
        tokio::spawn(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            signalled.cancel();
        });
        io::Result::Ok(run::run(plan, stop, || eprintln!("load_client: steady")).await)
    })?;
    let mut line = serde_json::to_string(&report)?;
    line.push('\n');
    io::stdout().write_all(line.as_bytes())?;
    Ok(if report.ok {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// On a thread of its own, which ends with the process: a read of stdin cannot be given up.
fn stop_at_end_of_input(stop: CancellationToken) {
    thread::spawn(move || {
        let mut scratch = [0; 1024];
        while matches!(io::stdin().read(&mut scratch), Ok(length) if length > 0) {}
        stop.cancel();
    });
}
