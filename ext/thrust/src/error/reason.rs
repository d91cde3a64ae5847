//! What went wrong, by a short name: the same in metrics, in Proxy-Status and in the documentation.

/// Makes the enum, the list of its values, their names and those of RFC 9209 section 2.3 from one table.
macro_rules! reasons {
    ($($reason:ident => $name:literal, $proxy_error_type:literal;)+) => {
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
    RequestLine => "request_line", "http_request_error";
    LineEnd => "line_end", "http_request_error";
    Version => "version", "http_request_error";
    Target => "target", "http_request_error";
    TargetTooLong => "target_too_long", "http_request_error";
    Method => "method", "http_request_error";
    Field => "field", "http_request_error";
    HeadTooLarge => "head_too_large", "http_request_error";
    Host => "host", "http_request_error";
    Framing => "framing", "http_request_error";
    TransferCoding => "transfer_coding", "http_request_error";
    Expect => "expect", "http_request_error";
    HeadSlow => "head_timeout", "http_request_error";
    // Of its body, and of who sends it.
    BodyMalformed => "body_malformed", "http_request_error";
    BodySlow => "body_timeout", "http_request_error";
    BodyTooLarge => "body_too_large", "http_request_error";
    ClientGone => "client_gone", "http_request_error";
    // Of an app that is not there.
    BootQueueFull => "boot_queue_full", "destination_unavailable";
    NotAccepting => "not_accepting", "destination_unavailable";
    Booting => "booting", "destination_unavailable";
    Stopping => "stopping", "destination_unavailable";
    // Of an app that is.
    Connect => "connect", "connection_refused";
    ConnectSlow => "connect_timeout", "connection_timeout";
    TargetSlow => "target_timeout", "http_response_timeout";
    TargetClosed => "target_closed", "connection_terminated";
    TargetBroke => "target_broke", "connection_terminated";
    AnswerMalformed => "answer_malformed", "http_protocol_error";
    AnswerCut => "answer_cut", "http_response_incomplete";
    AnswerStalled => "answer_stalled", "connection_read_timeout";
    Upgrade => "upgrade", "http_upgrade_failed";
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
