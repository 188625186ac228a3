//! `lookup [--cluster] [--now MS] [--page FILE] [--measure N] URL PROJECT [PERSON…]`
//!
//! Prints which hero each person sees, a line of JSON for each; without persons, reads them from
//! the standard input. With `--measure`, what N lookups of the first one took.
mod decide;
mod hero;

use hero::Hero;
use std::error::Error;
use std::io::{BufRead, Write, stdin, stdout};
use std::time::Instant;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let (mut cluster, mut now, mut lookups) = (false, None, None);
    let mut file = "examples/personalize/hero.json".to_owned();
    let mut rest = Vec::new();
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--cluster" => cluster = true,
            "--now" => now = Some(args.next().ok_or("--now MS")?.parse()?),
            "--page" => file = args.next().ok_or("--page FILE")?,
            "--measure" => lookups = Some(args.next().ok_or("--measure N")?.parse()?),
            _ => rest.push(arg),
        }
    }
    let [url, project, persons @ ..] = rest.as_slice() else {
        return Err("URL PROJECT [PERSON…]".into());
    };
    let page = serde_json::from_str(&std::fs::read_to_string(file)?)?;
    let hero = Hero::open(url, project, page, cluster)?;
    hero.warm().await;

    let mut out = stdout();
    if let (Some(lookups), [person, ..]) = (lookups, persons) {
        writeln!(out, "{}", measure(&hero, person, lookups).await)?;
        return Ok(());
    }
    for person in persons {
        writeln!(out, "{}", serde_json::to_string(&hero.choose(person, now).await)?)?;
    }
    if persons.is_empty() {
        for person in stdin().lock().lines() {
            writeln!(out, "{}", serde_json::to_string(&hero.choose(&person?, now).await)?)?;
        }
    }
    Ok(())
}

#[allow(clippy::disallowed_methods, reason = "it measures")]
async fn measure(hero: &Hero, person: &str, lookups: usize) -> String {
    let (mut took, mut unavailable) = (Vec::with_capacity(lookups), 0);
    for _ in 0..lookups {
        let started = Instant::now();
        let answer = hero.choose(person, None).await;
        took.push(started.elapsed().as_micros());
        unavailable += usize::from(answer.reason == "unavailable");
    }
    took.sort_unstable();
    let at = |index: usize| took.get(index).copied().unwrap_or_default();
    let (p50, p99) = (at(lookups / 2), at(lookups * 99 / 100));
    let most = at(lookups.saturating_sub(1));
    format!(
        r#"{{"lookups":{lookups},"p50_us":{p50},"p99_us":{p99},"max_us":{most},"unavailable":{unavailable}}}"#
    )
}
