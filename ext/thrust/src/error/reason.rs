//! What went wrong, by a short name: the same in metrics, in Proxy-Status and in the documentation.

/// Makes the enum, the list of its values, their names, sides and names in RFC 9209 section 2.3 from one table.
macro_rules! reasons {
    ($($reason:ident => $name:literal, $side:ident, $proxy_error_type:literal;)+) => {
        /// Why a request, or a connection, did not get the app's whole answer.
        ///
        /// The names are few and fixed, so that each can be a series of its own.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Reason {
            $($reason,)+
        }

        impl Reason {
            /// Every reason, in the order of their numbers.
            pub(crate) const ALL: &[Self] = &[$(Self::$reason,)+];

            /// Its name.
            pub(crate) fn name(self) -> &'static str {
                match self {
                    $(Self::$reason => $name,)+
                }
            }

            /// On whose side it lies.
            pub(crate) fn side(self) -> Side {
                match self {
                    $(Self::$reason => Side::$side,)+
                }
            }

            /// The value of a `Proxy-Status` field that says so.
            pub(crate) fn proxy_status(self) -> &'static str {
                match self {
                    $(Self::$reason => concat!("thrust; error=", $proxy_error_type),)+
                }
            }
        }
    };
}

reasons! {
    // Of a request's head.
    RequestLine => "request_line", Clients, "http_request_error";
    LineEnd => "line_end", Clients, "http_request_error";
    Version => "version", Clients, "http_request_error";
    Target => "target", Clients, "http_request_error";
    TargetTooLong => "target_too_long", Clients, "http_request_error";
    Method => "method", Clients, "http_request_error";
    Field => "field", Clients, "http_request_error";
    HeadTooLarge => "head_too_large", Clients, "http_request_error";
    Host => "host", Clients, "http_request_error";
    Framing => "framing", Clients, "http_request_error";
    TransferCoding => "transfer_coding", Clients, "http_request_error";
    Expect => "expect", Clients, "http_request_error";
    HeadSlow => "head_timeout", Clients, "http_request_error";
    // Of an HTTP/2 connection.
    Http2Flood => "http2_flood", Clients, "http_request_error";
    Http2Protocol => "http2_protocol", Clients, "http_request_error";
    // Of its body, and of who sends it.
    BodyMalformed => "body_malformed", Clients, "http_request_error";
    BodySlow => "body_timeout", Clients, "http_request_error";
    BodyTooLarge => "body_too_large", Clients, "http_request_error";
    AddressConnections => "address_connections", Clients, "connection_limit_reached";
    AnswerUntaken => "answer_untaken", Clients, "connection_write_timeout";
    ClientGone => "client_gone", Gone, "http_request_error";
    // Of an app that is not there.
    BootQueueFull => "boot_queue_full", Clients, "destination_unavailable";
    NotAccepting => "not_accepting", Targets, "destination_unavailable";
    Booting => "booting", Targets, "destination_unavailable";
    Stopping => "stopping", Clients, "destination_unavailable";
    // Of one that is busy.
    QueueFull => "queue_full", Clients, "destination_unavailable";
    QueueSlow => "queue_timeout", Clients, "destination_unavailable";
    // Of an app that is.
    Connect => "connect", Targets, "connection_refused";
    ConnectSlow => "connect_timeout", Targets, "connection_timeout";
    TargetSlow => "target_timeout", Targets, "http_response_timeout";
    TargetClosed => "target_closed", Targets, "connection_terminated";
    TargetBroke => "target_broke", Targets, "connection_terminated";
    AnswerMalformed => "answer_malformed", Targets, "http_protocol_error";
    AnswerCut => "answer_cut", Targets, "http_response_incomplete";
    AnswerStalled => "answer_stalled", Targets, "connection_read_timeout";
    Upgrade => "upgrade", Targets, "http_upgrade_failed";
    // Of a file that it names.
    FileMissing => "file_missing", Targets, "destination_not_found";
    FileRefused => "file_refused", Targets, "proxy_configuration_error";
    FileCut => "file_cut", Targets, "http_response_incomplete";
    FileBroke => "file_broke", Targets, "proxy_internal_error";
}

/// On whose side a reason lies, and so who is to look into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// What clients send, or fail to send, and the limits that we set them.
    Clients,
    /// The client left, which needs no looking into.
    Gone,
    /// The app, or the way to it.
    Targets,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_reason_has_a_name_of_its_own() {
        let names: BTreeSet<_> = Reason::ALL.iter().map(|reason| reason.name()).collect();

        assert_eq!(names.len(), Reason::ALL.len());
    }
}
