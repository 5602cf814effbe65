//! Compressors as streams: what is written comes out packed.

use std::io::{self, Write};

use flate2::GzBuilder;
use flate2::write::GzEncoder;
use liblzma::stream::{Check, Filters, LzmaOptions, PRESET_EXTREME, Stream};
use liblzma::write::XzEncoder;
use zstd::zstd_safe::CParameter;

use super::lz4_legacy::LegacyEncoder;
use super::{Bcj, Compression, Settings, dictionary_bytes, mixing, window_log};

/// The largest level of libzstd (`ZSTD_MAX_CLEVEL`).
const ZSTD_LEVEL: i32 = 22;

/// Packs what is written to it; [`Encoder::finish`] completes the stream.
pub struct Encoder<W: Write> {
    codec: Codec<W>,
}

enum Codec<W: Write> {
    None(W),
    Gzip(GzEncoder<W>),
    Lzma(XzEncoder<W>),
    Zstd(zstd::Encoder<'static, W>),
    Lz4(LegacyEncoder<W>),
    Cm(mixing::Encoder<W>),
}

impl<W: Write> Encoder<W> {
    /// A compressor of this kind into `output`. `input_bytes` is how much will
    /// be written; the dictionary is chosen from it, and zstd insists on it.
    /// A BCJ filter of `settings` is used as it is, without comparing.
    ///
    /// # Errors
    /// When `output` fails or there isn't enough memory.
    pub fn new(
        kind: Compression,
        output: W,
        input_bytes: u64,
        settings: &Settings,
    ) -> io::Result<Self> {
        let codec = match kind {
            Compression::None => Codec::None(output),
            Compression::Gzip => {
                let level = flate2::Compression::best();
                Codec::Gzip(GzBuilder::new().mtime(0).write(output, level))
            }
            Compression::Xz => Codec::Lzma(XzEncoder::new_stream(
                output,
                xz_stream(input_bytes, settings)?,
            )),
            Compression::Lzma => {
                let stream = Stream::new_lzma_encoder(&lzma_options(input_bytes, settings)?)?;
                Codec::Lzma(XzEncoder::new_stream(output, stream))
            }
            Compression::Zstd => Codec::Zstd(zstd_encoder(output, input_bytes, settings)?),
            Compression::Lz4 => Codec::Lz4(LegacyEncoder::new(output)?),
            Compression::CmFast | Compression::Cm | Compression::CmBest => Codec::Cm(
                mixing::Encoder::new(output, kind.strength().unwrap_or_default(), settings),
            ),
        };
        Ok(Self { codec })
    }

    /// Completes the stream and gives the output back.
    ///
    /// # Errors
    /// When the output fails.
    pub fn finish(self) -> io::Result<W> {
        match self.codec {
            Codec::None(output) => Ok(output),
            Codec::Gzip(encoder) => encoder.finish(),
            Codec::Lzma(encoder) => encoder.finish(),
            Codec::Zstd(encoder) => encoder.finish(),
            Codec::Lz4(encoder) => encoder.finish(),
            Codec::Cm(encoder) => encoder.finish(),
        }
    }

    fn writer(&mut self) -> &mut dyn Write {
        match &mut self.codec {
            Codec::None(output) => output,
            Codec::Gzip(encoder) => encoder,
            Codec::Lzma(encoder) => encoder,
            Codec::Zstd(encoder) => encoder,
            Codec::Lz4(encoder) => encoder,
            Codec::Cm(encoder) => encoder,
        }
    }
}

impl<W: Write> Write for Encoder<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer().flush()
    }
}

/// `--lzma2=preset=9e` with the dictionary of the machine, in one block: a
/// second block would start with an empty dictionary.
fn xz_stream(input_bytes: u64, settings: &Settings) -> io::Result<Stream> {
    let mut filters = Filters::new();
    match settings.bcj {
        Some(Bcj::X86) => {
            filters.x86();
        }
        Some(Bcj::Arm) => {
            filters.arm();
        }
        None => {}
    }
    filters.lzma2(&lzma_options(input_bytes, settings)?);
    Ok(Stream::new_stream_encoder(&filters, Check::Crc32)?)
}

fn lzma_options(input_bytes: u64, settings: &Settings) -> io::Result<LzmaOptions> {
    let mut options = LzmaOptions::new_preset(9 | PRESET_EXTREME)?;
    options.dict_size(dictionary_bytes(input_bytes, settings.machine_ram));
    Ok(options)
}

fn zstd_encoder<W: Write>(
    output: W,
    input_bytes: u64,
    settings: &Settings,
) -> io::Result<zstd::Encoder<'static, W>> {
    let mut encoder = zstd::Encoder::new(output, ZSTD_LEVEL)?;
    // With the size in the frame, libzstd fits its tables to it and the
    // kernel's decoder takes no larger window than the content.
    encoder.set_pledged_src_size(Some(input_bytes))?;
    let window = window_log(input_bytes, settings.machine_ram);
    encoder.set_parameter(CParameter::WindowLog(window))?;
    encoder.set_parameter(CParameter::ChecksumFlag(true))?;
    Ok(encoder)
}
