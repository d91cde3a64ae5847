//! What holds of the settings, who has said so, and what of it outlives this image of the process.

use http::HeaderValue;
use serde::{Deserialize, Serialize};
use thrust_api::message::Push;
use thrust_api::settings::{SendfileHeader, Settings};

use crate::config::Config;

/// What holds: the settings, and where they come from.
#[derive(Debug)]
pub(crate) struct Held {
    /// As they were read at the start, and what was pushed.
    pub(super) settings: Settings,
    /// `None` until an app has pushed.
    pub(super) push: Option<Push>,
    /// What the app knows requests of ours by.
    pub(super) secret: String,
}

/// What the next image of this process needs to know of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Left {
    push: Option<Push>,
    secret: String,
}

impl Held {
    /// What holds at the start of a run with these settings; `left` is what another image of this process has left.
    pub(crate) fn new(settings: &Settings, left: Option<Left>) -> Self {
        let settings = settings.clone();
        let Some(Left { push, secret }) = left else {
            return Self {
                settings,
                push: None,
                secret: secret(),
            };
        };
        let pushed = push
            .as_ref()
            .map(|push| push.settings.clone())
            .unwrap_or_default();
        match settings.with_pushed(pushed) {
            Ok(settings) => Self {
                settings,
                push,
                secret,
            },
            // Of another version. The app cannot be asked for others, but it still knows the secret.
            Err(rejection) => {
                for fault in rejection.faults {
                    tracing::error!(%fault, "Failed to keep the settings that the app has pushed");
                }
                let app = push.map(|push| push.app).unwrap_or_default();
                Self {
                    settings,
                    push: Some(Push {
                        app,
                        ..Push::default()
                    }),
                    secret,
                }
            }
        }
    }

    /// The same for what comes after us.
    pub(super) fn left(&self) -> Left {
        Left {
            push: self.push.clone(),
            secret: self.secret.clone(),
        }
    }

    /// What follows from it.
    pub(crate) fn config(&self) -> Config {
        let config = Config::from(&self.settings);
        let announced = self.push.as_ref().is_some_and(|push| push.app.sendfile);
        // Else the app would name files to us that we do not send.
        let understood = config.x_sendfile_enabled && config.sendfile_header == SendfileHeader::XSendfile;
        Config {
            sendfile_secret: (announced && understood).then(|| {
                let mut value = HeaderValue::from_str(&self.secret).expect("it is made of digits");
                value.set_sensitive(true);
                value
            }),
            ..config
        }
    }
}

/// A secret that nobody guesses.
fn secret() -> String {
    format!("{:032x}", rand::random::<u128>())
}
