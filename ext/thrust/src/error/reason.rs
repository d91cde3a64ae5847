//! What went wrong, by a short name: the same in metrics, in Proxy-Status and in the documentation.

/// Makes the enum, the list of its values and their names from one table.
macro_rules! reasons {
    ($($reason:ident => $name:literal,)+) => {
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
        }
    };
}

reasons! {
    // Of a request's head.
    RequestLine => "request_line",
    LineEnd => "line_end",
    Version => "version",
    Target => "target",
    TargetTooLong => "target_too_long",
    Method => "method",
    Field => "field",
    HeadTooLarge => "head_too_large",
    Host => "host",
    Framing => "framing",
    TransferCoding => "transfer_coding",
    Expect => "expect",
    HeadSlow => "head_timeout",
    // Of its body, and of who sends it.
    BodyMalformed => "body_malformed",
    BodySlow => "body_timeout",
    ClientGone => "client_gone",
    // Of an app that is not there.
    BootQueueFull => "boot_queue_full",
    NotAccepting => "not_accepting",
    Booting => "booting",
    Stopping => "stopping",
    // Of an app that is.
    Connect => "connect",
    ConnectSlow => "connect_timeout",
    TargetSlow => "target_timeout",
    TargetClosed => "target_closed",
    TargetBroke => "target_broke",
    AnswerMalformed => "answer_malformed",
    AnswerCut => "answer_cut",
    AnswerStalled => "answer_stalled",
    Upgrade => "upgrade",
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
