//! Opens an event file, packed or not, and gives its events one by one as JSON text.
use super::map::EventMap;
use anyhow::{Context as _, bail};
use indicatif::ProgressBar;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// The longest line of NDJSON that is read; an event may be 64 KiB.
const LINE_BYTES_MAX: u64 = 1 << 20;

/// The events of one file, with the number of the line each comes from.
pub(crate) struct Rows {
    inner: Inner,
    line: u64,
    origin: String,
}

enum Inner {
    Ndjson(Box<dyn BufRead>),
    Csv { reader: Box<csv::Reader<Box<dyn Read>>>, map: Box<EventMap> },
}

impl Rows {
    /// Opens `path`; `bar` follows the bytes read of the file as it lies on disk.
    pub(crate) fn open(path: &Path, map: Option<&Path>, bar: &ProgressBar) -> anyhow::Result<Self> {
        let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
        bar.set_length(file.metadata().map_or(0, |m| m.len()));
        let packed = BufReader::new(bar.wrap_read(file));
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let (plain, inner_name): (Box<dyn Read>, &str) =
            if let Some(inner) = name.strip_suffix(".gz") {
                (Box::new(flate2::bufread::MultiGzDecoder::new(packed)), inner)
            } else if let Some(inner) = name.strip_suffix(".zst") {
                (Box::new(zstd::stream::read::Decoder::with_buffer(packed)?), inner)
            } else {
                (Box::new(packed), &name)
            };
        let inner = if inner_name.ends_with(".csv") {
            let Some(map) = map else {
                bail!("{name} is CSV: say with --map how its columns become events");
            };
            let mut reader = csv::Reader::from_reader(plain);
            let headers = reader.headers().with_context(|| format!("the first line of {name}"))?;
            let columns: Vec<String> = headers.iter().map(str::to_owned).collect();
            Inner::Csv { map: Box::new(EventMap::read(map, &columns)?), reader: Box::new(reader) }
        } else if [".ndjson", ".jsonl", ".json"].iter().any(|end| inner_name.ends_with(end)) {
            Inner::Ndjson(Box::new(BufReader::new(plain)))
        } else {
            bail!("{name}: expected .ndjson, .jsonl, .json or .csv, perhaps with .gz or .zst");
        };
        Ok(Self { inner, line: 0, origin: name })
    }

    /// Appends the next event's JSON to `out`; gives its line, or `None` at the end.
    pub(crate) fn next_into(&mut self, out: &mut Vec<u8>) -> anyhow::Result<Option<u64>> {
        loop {
            self.line += 1;
            let at = out.len();
            match &mut self.inner {
                Inner::Ndjson(reader) => {
                    let read = reader.as_mut().take(LINE_BYTES_MAX).read_until(b'\n', out);
                    if read.with_context(|| self.place())? == 0 {
                        return Ok(None);
                    }
                    if out.len() - at == usize::try_from(LINE_BYTES_MAX).unwrap_or(usize::MAX) {
                        bail!("{}: a line is over 1 MiB", self.place());
                    }
                    out.truncate(at + out[at..].trim_ascii_end().len());
                }
                Inner::Csv { reader, map } => {
                    // Old exports are in other encodings: what is not UTF-8 is replaced, not refused.
                    let mut row = csv::ByteRecord::new();
                    let more = reader
                        .read_byte_record(&mut row)
                        .with_context(|| format!("{} line {}", self.origin, self.line))?;
                    if !more {
                        return Ok(None);
                    }
                    let row = csv::StringRecord::from_byte_record_lossy(row);
                    let event = map.event(&row, &self.origin, self.line);
                    serde_json::to_writer(&mut *out, &event)?;
                }
            }
            if out.len() > at {
                return Ok(Some(self.line));
            }
        }
    }

    fn place(&self) -> String {
        format!("{} line {}", self.origin, self.line)
    }
}
