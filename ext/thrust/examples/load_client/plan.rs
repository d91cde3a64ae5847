//! What the command line asks for: where to, which workers, how fast, for how long.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Arg, ArgAction, Command, value_parser};
use serde::Serialize;

/// What a worker does again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// GET on a kept connection.
    Get,
    /// POST of a JSON document, which the app echoes.
    Post,
    /// POST of some hundred KiB in pieces, whose digest the app tells.
    Upload,
    /// A stream of events that ends by itself.
    Events,
    /// A message through Action Cable, which comes back.
    Websocket,
    /// GET on a connection of its own.
    Fresh,
    /// GET on a stream of an HTTP/2 connection that all workers share.
    H2Get,
    /// POST on such a stream.
    H2Post,
}

impl Kind {
    /// Every kind, in the order of the report.
    pub(crate) const ALL: [Self; 8] = [
        Self::Get,
        Self::Post,
        Self::Upload,
        Self::Events,
        Self::Websocket,
        Self::Fresh,
        Self::H2Get,
        Self::H2Post,
    ];

    /// Its name in options, ids and the report.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Post => "post",
            Self::Upload => "upload",
            Self::Events => "events",
            Self::Websocket => "websocket",
            Self::Fresh => "fresh",
            Self::H2Get => "h2_get",
            Self::H2Post => "h2_post",
        }
    }

    /// Whether the app must see each request once: a proxy may repeat a GET, but never these.
    pub(crate) fn is_counted_by_app(self) -> bool {
        matches!(self, Self::Post | Self::Upload | Self::H2Post)
    }
}

/// Workers of one kind.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Share {
    pub(crate) kind: Kind,
    pub(crate) workers: u32,
    /// Requests per second of each worker, at most: it waits for one answer before it sends the next request.
    pub(crate) rate: Option<f64>,
}

/// Everything a run needs to know.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) address: SocketAddr,
    pub(crate) shares: Vec<Share>,
    /// For shares without their own.
    pub(crate) rate: f64,
    /// `None`: until it is stopped from outside.
    pub(crate) time: Option<Duration>,
    /// For a connect, and for a whole request with its repeats.
    pub(crate) deadline: Duration,
    /// In bytes.
    pub(crate) upload_size: usize,
    /// Where the app writes the ids that it has seen.
    pub(crate) ids: Option<PathBuf>,
    pub(crate) until_refused: bool,
}

/// Little enough for an app and a proxy that share two cores with this client.
const USUAL_LOAD: &str = "get=2,post=2,upload=1,events=1,websocket=1,fresh=1,h2_get=1,h2_post=1";

impl Plan {
    /// # Errors
    ///
    /// When an argument is unknown or malformed, and for `--help`: clap's error knows how to end the program.
    pub(crate) fn from_arguments(
        arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>,
    ) -> Result<Self, clap::Error> {
        let mut given = command().try_get_matches_from(arguments)?;
        let seconds =
            |given: &mut clap::ArgMatches, name| given.remove_one::<f64>(name).map(Duration::from_secs_f64);
        Ok(Self {
            time: seconds(&mut given, "seconds"),
            deadline: seconds(&mut given, "deadline").expect("it has a default"),
            address: given.remove_one("url").expect("it is required"),
            shares: given
                .remove_many::<Share>("load")
                .expect("it has a default")
                .collect(),
            rate: given.remove_one("rate").expect("it has a default"),
            upload_size: given.remove_one("upload-size").expect("it has a default"),
            ids: given.remove_one("ids"),
            until_refused: given.get_flag("until-refused"),
        })
    }
}

fn command() -> Command {
    let option = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help)
    };
    Command::new("load_client")
        .about("Keeps up a steady load on the example app and says what became of every request")
        .arg(
            Arg::new("url")
                .value_name("URL")
                .required(true)
                .value_parser(address)
                .help("http://ADDRESS:PORT"),
        )
        .arg(
            option(
                "load",
                "KIND=WORKERS[@RATE]",
                "which workers, separated by commas",
            )
            .value_delimiter(',')
            .value_parser(share)
            .default_value(USUAL_LOAD),
        )
        .arg(
            option("rate", "N", "requests per second of each worker, at most")
                .value_parser(positive)
                .default_value("5"),
        )
        .arg(option("seconds", "N", "end after so long; otherwise when stdin ends").value_parser(positive))
        .arg(
            option(
                "deadline",
                "SECONDS",
                "a request without an answer for so long is lost",
            )
            .value_parser(positive)
            .default_value("30"),
        )
        .arg(
            option("upload-size", "BYTES", "size of an upload")
                .value_parser(value_parser!(usize))
                .default_value("400000"),
        )
        .arg(
            option("ids", "FILE", "where the app writes the ids it has seen")
                .value_parser(value_parser!(PathBuf)),
        )
        .arg(
            Arg::new("until-refused")
                .long("until-refused")
                .action(ArgAction::SetTrue)
                .help("a refused connection ends its worker and is no failure"),
        )
}

fn address(url: &str) -> Result<SocketAddr, String> {
    let address = url.strip_prefix("http://").map(|rest| rest.trim_end_matches('/'));
    address
        .and_then(|address| address.parse().ok())
        .ok_or_else(|| "a URL is http://ADDRESS:PORT with a numeric address".to_owned())
}

fn share(text: &str) -> Result<Share, String> {
    let fault = || {
        format!(
            "a share is KIND=WORKERS or KIND=WORKERS@RATE, with KIND one of {}",
            names()
        )
    };
    let (name, rest) = text.split_once('=').ok_or_else(fault)?;
    let (workers, rate) = match rest.split_once('@') {
        Some((workers, rate)) => (workers, Some(positive(rate)?)),
        None => (rest, None),
    };
    Ok(Share {
        kind: Kind::ALL
            .into_iter()
            .find(|kind| kind.name() == name)
            .ok_or_else(fault)?,
        workers: workers.parse().map_err(|_| fault())?,
        rate,
    })
}

fn names() -> String {
    Kind::ALL.map(Kind::name).join(", ")
}

/// The upper bound keeps what is made of it a duration: a day, and a request every 10 µs.
fn positive(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(number) if number > 0.0 && number <= 86_400.0 => Ok(number),
        _ => Err("it must be a number above 0 and up to 86400".to_owned()),
    }
}
