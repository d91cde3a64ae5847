//! The encodings of siblings, each at its best quality: they are made once and sent often.

use std::io::{self, Read, Write};

use brotli::enc::BrotliEncoderParams;
use flate2::Compression;
use flate2::write::GzEncoder;

/// The best that there is.
const BROTLI_QUALITY: i32 = 11;

/// The best whose window stays within the 8 MiB that clients have to offer (RFC 9659).
const ZSTD_LEVEL: i32 = 19;

/// How a sibling is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Brotli,
    Zstd,
    Gzip,
}

impl Encoding {
    pub(super) const ALL: [Self; 3] = [Self::Brotli, Self::Zstd, Self::Gzip];

    /// Its name: what the sibling's name ends in, after a dot.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Zstd => "zst",
            Self::Gzip => "gz",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|encoding| encoding.name() == name)
    }

    /// Encodes so many bytes. The same bytes always give the same result: no name and no time goes in.
    ///
    /// # Errors
    ///
    /// Those of either side; also if there are more or fewer bytes, for zstd.
    pub(super) fn encode(self, size: u64, mut from: impl Read, mut to: impl Write) -> io::Result<()> {
        match self {
            Self::Brotli => {
                let parameters = BrotliEncoderParams {
                    quality: BROTLI_QUALITY,
                    size_hint: usize::try_from(size).unwrap_or(usize::MAX),
                    ..BrotliEncoderParams::default()
                };
                brotli::BrotliCompress(&mut from, &mut to, &parameters)?;
            }
            Self::Zstd => {
                let mut encoder = zstd::Encoder::new(to, ZSTD_LEVEL)?;
                // So that a small file gets a small window, here and at the client's.
                encoder.set_pledged_src_size(Some(size))?;
                io::copy(&mut from, &mut encoder)?;
                encoder.finish()?;
            }
            Self::Gzip => {
                let mut encoder = GzEncoder::new(to, Compression::best());
                io::copy(&mut from, &mut encoder)?;
                encoder.finish()?;
            }
        }
        Ok(())
    }
}
