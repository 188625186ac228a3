//! `sillage import`: history, through the same admission, log and fold as live events. Each event
//! counts as received when it happened, so sessions and exits are those of its own time.
//!
//! A file that was interrupted goes on where it stopped: its position is kept beside the project's
//! log, and the log recognises what it already has.
mod map;
mod rows;

use crate::cli;
use crate::project::Project;
use crate::running::intake;
use anyhow::{Context as _, bail};
use indicatif::{ProgressBar, ProgressStyle};
use rows::Rows;
use sillage_eventlog::{Clock, EventLog as _, FileLog, LogError};
use sillage_ingest::{Admission, AdmitScratch, Arrival, Intake, Visitor};
use sillage_model::{PARTITIONS_EMBEDDED, ReceiptMillis};
use sillage_wire::{Limits, decode_batch};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

/// Events brought in at once: one block of the log and one sync.
const CHUNK_EVENTS: usize = 2_000;
/// How often the position in a file is written down.
const MARK_EVERY: Duration = Duration::from_millis(500);
/// Pause before an overloaded log is asked again.
const RETRY_PAUSE: Duration = Duration::from_millis(20);

/// What became of the events brought in.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Brought {
    pub(crate) events: u64,
    pub(crate) accepted: u64,
    pub(crate) duplicates: u64,
    pub(crate) rejected: BTreeMap<String, u64>,
}

/// Brings events into one project.
pub(crate) struct Importer {
    intake: Intake<FileLog>,
    admission: Admission,
    limits: Limits,
    scratch: AdmitScratch,
    clock: Clock,
    runtime: Runtime,
    pub(crate) brought: Brought,
}

impl Importer {
    pub(crate) fn new(project: &Project) -> anyhow::Result<Self> {
        let intake = intake(project);
        let limits = Limits { batch_events_max: CHUNK_EVENTS, ..project.limits };
        Ok(Self {
            admission: Admission::new(&intake.project, limits, PARTITIONS_EMBEDDED),
            intake,
            limits,
            scratch: AdmitScratch::default(),
            clock: project.clock.clone(),
            runtime: tokio::runtime::Builder::new_current_thread().build()?,
            brought: Brought::default(),
        })
    }

    /// Brings in a batch (`{"batch":[…]}`); durable when this returns.
    pub(crate) fn bring(&mut self, body: &[u8]) -> anyhow::Result<()> {
        let batch = decode_batch(body, &self.limits).map_err(|e| anyhow::anyhow!("{e}"))?;
        let arrival = Arrival::History(ReceiptMillis(self.clock.now_ms()));
        let visitor = Visitor::default();
        let admitted = self
            .admission
            .admit(&batch, visitor, arrival, &mut self.scratch)
            .map_err(|refusal| anyhow::anyhow!("{}", refusal.face().code))?;
        for letter in admitted.dead_letters {
            self.runtime.block_on(self.intake.dead_letters.append(letter))?;
        }
        for rejected in &admitted.rejected {
            *self.brought.rejected.entry(rejected.code.to_owned()).or_default() += 1;
        }
        self.brought.events += admitted.events + admitted.rejected.len() as u64;
        if admitted.append.records.is_empty() {
            return Ok(());
        }
        loop {
            match self.runtime.block_on(self.intake.log.append(admitted.append.clone())) {
                Ok(appended) => {
                    let companions = &admitted.companions;
                    let again = appended.duplicates.iter();
                    let again = again.filter(|d| companions.binary_search(d).is_err()).count();
                    self.brought.duplicates += again as u64;
                    self.brought.accepted += admitted.events - again as u64;
                    return Ok(());
                }
                Err(LogError::Overloaded { .. }) => std::thread::sleep(RETRY_PAUSE),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Brings in a file from where it was left.
    fn file(&mut self, path: &Path, map: Option<&Path>, marks: &Path) -> anyhow::Result<()> {
        let bar = progress_bar(&path.file_name().unwrap_or_default().to_string_lossy());
        let mark = Mark::of(path, map, marks)?;
        let done = mark.read();
        let mut rows = Rows::open(path, map, &bar)?;
        let (mut chunk, mut marked) = (Chunk::new(), Instant::now());
        while let Some(line) = rows.next_into(&mut chunk.body)? {
            if line <= done {
                chunk.undo();
                continue;
            }
            chunk.keep(line);
            if chunk.events == CHUNK_EVENTS {
                self.bring(chunk.close())?;
                if marked.elapsed() > MARK_EVERY {
                    self.intake.log.flush()?;
                    mark.write(chunk.line)?;
                    marked = Instant::now();
                }
                chunk = Chunk::new();
            }
        }
        if chunk.events > 0 {
            self.bring(chunk.close())?;
        }
        self.intake.log.flush()?;
        mark.write(chunk.line.max(done))?;
        bar.finish();
        Ok(())
    }
}

/// A batch that is being filled.
struct Chunk {
    body: Vec<u8>,
    /// Where the events kept so far end.
    end: usize,
    events: usize,
    line: u64,
}

impl Chunk {
    fn new() -> Self {
        let body = b"{\"batch\":[".to_vec();
        Self { end: body.len(), body, events: 0, line: 0 }
    }

    fn keep(&mut self, line: u64) {
        self.body.push(b',');
        self.end = self.body.len();
        self.events += 1;
        self.line = line;
    }

    fn undo(&mut self) {
        self.body.truncate(self.end);
    }

    fn close(&mut self) -> &[u8] {
        self.body.truncate(self.end - usize::from(self.events > 0));
        self.body.extend_from_slice(b"]}");
        &self.body
    }
}

/// How far a file has been brought in: a small file named after what identifies it.
struct Mark(PathBuf);

impl Mark {
    fn of(path: &Path, map: Option<&Path>, marks: &Path) -> anyhow::Result<Self> {
        let length = std::fs::metadata(path)
            .with_context(|| format!("cannot open {}", path.display()))?
            .len();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let map = map.and_then(Path::file_stem).unwrap_or_default().to_string_lossy();
        std::fs::create_dir_all(marks)?;
        Ok(Self(marks.join(format!("{name}.{length}.{map}.line"))))
    }

    fn read(&self) -> u64 {
        let text = std::fs::read_to_string(&self.0).unwrap_or_default();
        text.trim().parse().unwrap_or(0)
    }

    fn write(&self, line: u64) -> anyhow::Result<()> {
        let aside = self.0.with_extension("tmp");
        std::fs::write(&aside, line.to_string())?;
        Ok(std::fs::rename(&aside, &self.0)?)
    }
}

/// A bar of bytes on a terminal, nothing elsewhere.
pub(crate) fn progress_bar(what: &str) -> ProgressBar {
    let style = "{msg} [{bar:32}] {bytes}/{total_bytes}, {eta} left";
    let style = ProgressStyle::with_template(style).expect("the template is a constant");
    let bar = ProgressBar::no_length().with_style(style.progress_chars("=> "));
    bar.with_message(what.to_owned())
}

/// The command.
pub(crate) fn run(args: &cli::Import) -> anyhow::Result<()> {
    let config = crate::commands::configuration(&args.file)?;
    let chosen = crate::commands::chosen(&config, Some(&args.project))?.clone();
    let started = Instant::now();
    let project = Project::open(&config, &chosen, &Clock::system())?;
    let mut importer = Importer::new(&project)?;
    let marks = config.server.data_dir.join(&chosen.name).join("import");
    for file in &args.files {
        importer
            .file(file, args.map.as_deref(), &marks)
            .with_context(|| format!("importing {}", file.display()))?;
    }
    let brought = importer.brought.clone();
    drop(importer);
    if !project.settle() {
        bail!("a worker failed; the log above says why");
    }
    let (summary, progress) = (project.shown.view().summary(), project.progress());
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "{} events read, {} new, {} known already, {} rejected, in {:.1} s",
        brought.events,
        brought.accepted,
        brought.duplicates,
        brought.rejected.values().sum::<u64>(),
        started.elapsed().as_secs_f64()
    )?;
    for (code, count) in &brought.rejected {
        writeln!(out, "  {count} rejected as {code}; they are in the dead letters")?;
    }
    writeln!(
        out,
        "{}: {} persons, {} devices, {} sessions",
        chosen.name,
        summary.persons,
        summary.devices,
        progress.sessions()
    )?;
    for (segment, members) in project.plan().segments().iter().zip(&summary.members) {
        writeln!(out, "  {members:>8}  {}  {}", segment.key, segment.name)?;
    }
    project.close()
}
