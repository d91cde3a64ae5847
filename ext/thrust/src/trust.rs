//! Whom we believe about where a request comes from.

use thrust_api::network::Networks;

/// The proxies before us whose word about a request counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedProxies {
    /// Where they are.
    pub networks: Networks,
    /// Whether somebody chose them. If not, the app is told what FORWARD_HEADERS lets through.
    pub chosen: bool,
}
