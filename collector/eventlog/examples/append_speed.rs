//! Prints how fast a log takes appends of 100 records of 250 bytes from 16 tasks at once.
//!
//! `cargo run --release -p sillage-eventlog --example append_speed [seconds] [fsync|os] [directory]`
#![allow(clippy::print_stdout, reason = "printing is what it is for")]
use sillage_eventlog::{Append, AppendRecord, Durability, EventLog, FileLog, FileLogConfig};
use sillage_model::{EventId, Partition};
use std::sync::Arc;
use std::time::{Duration, Instant};

const TASKS: u64 = 16;
const RECORDS: u64 = 100;
const BODY_BYTES: u32 = 250;
/// Clock ticks a second in `/proc`, which Linux fixes for user space.
const TICKS_PER_S: f64 = 100.0;

/// Ids as a keyed hash would make them.
fn id(task: u64, n: u64) -> EventId {
    let mut x = u128::from(task) << 64 | u128::from(n);
    x = x.wrapping_mul(0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645);
    x ^= x >> 67;
    EventId(x.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835))
}

fn append(task: u64, batch: u64) -> Append {
    let mut append = Append { shared: vec![7; 400], ..Append::default() };
    append.bodies = vec![u8::try_from(task).unwrap_or(0); (RECORDS as usize) * BODY_BYTES as usize];
    for n in 0..RECORDS {
        let start = u32::try_from(n).unwrap_or(0) * BODY_BYTES;
        append.records.push(AppendRecord {
            id: id(task, batch * RECORDS + n),
            partition: Partition(u16::try_from(n % 64).unwrap_or(0)),
            body: (start, start + BODY_BYTES),
            companion: false,
        });
    }
    append
}

/// Seconds of processor time used so far by all threads.
fn cpu_s() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(") ").next().unwrap_or_default();
    let ticks = after_name.split(' ').skip(11).take(2);
    ticks.filter_map(|t| t.parse::<f64>().ok()).sum::<f64>() / TICKS_PER_S
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let seconds: u64 = arguments.next().map_or(Ok(5), |s| s.parse())?;
    let durability = match arguments.next().as_deref() {
        Some("os") => Durability::Os,
        _ => Durability::Fsync,
    };
    let parent = arguments.next().map_or_else(std::env::temp_dir, Into::into);
    let dir = parent.join(format!("sillage-append-speed-{}", std::process::id()));
    let mut config = FileLogConfig::new(dir.join("log"), dir.join("dedup"));
    config.durability = durability;
    config.retention_bytes = 1 << 30;
    let log = Arc::new(FileLog::open(config)?);
    log.set_keep_from(sillage_eventlog::Cursor(u64::MAX));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build()?;
    let (started, cpu) = (Instant::now(), cpu_s());
    let until = started + Duration::from_secs(seconds);
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let log = Arc::clone(&log);
            runtime.spawn(async move {
                let mut waits = Vec::new();
                for batch in 0.. {
                    if Instant::now() >= until {
                        break;
                    }
                    let append = append(task, batch);
                    let asked = Instant::now();
                    log.append(append).await?;
                    waits.push(asked.elapsed());
                }
                Ok::<_, sillage_eventlog::LogError>(waits)
            })
        })
        .collect();
    let mut waits = Vec::new();
    for task in tasks {
        waits.extend(runtime.block_on(task)??);
    }
    waits.sort_unstable();
    let (wall, cpu) = (started.elapsed().as_secs_f64(), cpu_s() - cpu);
    let stats = log.stats();
    let records = stats.records as f64;
    let at = |part: usize| waits[(waits.len() - 1) * part / 100];
    println!("{:.0} records/s ({:.0} MB/s)", records / wall, stats.bytes as f64 / wall / 1e6);
    println!("{:.0} ns of CPU a record, making the appends included", cpu / records * 1e9);
    println!("answers after p50 {:?}, p99 {:?}", at(50), at(99));
    println!(
        "{} flushes of {:.0} µs, {:.1} appends a group",
        stats.fsyncs,
        stats.fsync_micros as f64 / stats.fsyncs.max(1) as f64,
        stats.appends as f64 / stats.groups.max(1) as f64,
    );
    println!("{stats:?}");
    drop(log);
    std::fs::remove_dir_all(dir)?;
    Ok(())
}
