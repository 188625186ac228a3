//! Writing to a cluster, where a person's keys are in different places and no step covers them all.
//!
//! Three steps for each batch: the hashes, each guarded by its version; then the sorted sets, guarded
//! by an epoch that each session begins; then the change stream, which tells what the sets say has
//! changed. Who was in a batch that broke off is compared with all sets the next time.
use super::link::Link;
use super::script::{Announced, Mode, Writing};
use crate::keys::segment_shard;
use crate::limits::{
    REDIS_BATCH_PERSONS, REDIS_EPOCH_TRIES_MAX, REDIS_SUSPECTS_MAX, SEGMENT_SHARDS,
};
use crate::view::{Entry, View, Work};
use redis::{RedisError, RedisResult, Value};
use sillage_model::{PersonKey, Profile};
use std::collections::{BTreeMap, BTreeSet};

/// What is known between the batches.
#[derive(Default)]
pub(super) struct Spread {
    /// What the sorted sets were told to refuse anything older than.
    epoch: u64,
    /// Persons whose hashes may be ahead of their sets.
    suspects: BTreeSet<PersonKey>,
    /// Changes that the sets have and the stream may lack.
    owed: Vec<redis::Cmd>,
}

/// Where a batch goes, and by which names.
pub(super) struct Goal<'a> {
    pub(super) link: &'a mut Link,
    pub(super) writing: &'a Writing,
    pub(super) view: &'a View,
}

/// What became of a person's own hash.
struct Told {
    state: String,
    /// Segments that it listed, and since when.
    listed: BTreeMap<String, String>,
}

/// A member of a sorted set that is to be compared.
struct Wanted<'a> {
    work: usize,
    member: &'a PersonKey,
    score: Option<i64>,
}

/// What a sorted set did not have before.
struct Changed {
    segment: String,
    before: Option<String>,
    score: Option<i64>,
}

impl Spread {
    /// Begins an epoch: nothing that was sent before this can change a sorted set afterwards.
    pub(super) async fn begin(
        &mut self,
        link: &mut Link,
        writing: &Writing,
        view: &View,
    ) -> RedisResult<()> {
        let meta = format!("{}meta", writing.prefix());
        let mut failed = None;
        for _ in 0..REDIS_EPOCH_TRIES_MAX {
            let mut next = redis::cmd("HINCRBY");
            self.epoch = link.ask(next.arg(&meta).arg("epoch").arg(1).take()).await?;
            let sets = view.labels().segments().iter();
            let fences = sets.flat_map(|label| {
                (0..SEGMENT_SHARDS).map(|shard| writing.set(&label.key, shard, self.epoch))
            });
            let answers = link.ask_all(fences.collect()).await;
            let Some(error) = answers.into_iter().find_map(Result::err) else { return Ok(()) };
            let Some(seen) = later_epoch(&error) else { return Err(error) };
            let mut raise = redis::cmd("HSET");
            link.ask::<i64>(raise.arg(&meta).arg("epoch").arg(seen).take()).await?;
            failed = Some(error);
        }
        failed.map_or(Ok(()), Err)
    }

    /// Tells the stream what it lacks.
    ///
    /// # Errors
    /// What could not be told is kept, and told again.
    pub(super) async fn pay(&mut self, link: &mut Link) -> RedisResult<()> {
        if self.owed.is_empty() {
            return Ok(());
        }
        let owed = std::mem::take(&mut self.owed);
        let answers = link.ask_all(owed.clone()).await;
        let mut failed = None;
        for (command, answer) in owed.into_iter().zip(answers) {
            if let Err(error) = answer {
                self.owed.push(command);
                failed = Some(error);
            }
        }
        failed.map_or(Ok(()), Err)
    }

    /// Whether so many are suspect that everybody should be compared.
    pub(super) fn is_lost(&mut self) -> bool {
        let lost = self.suspects.len() > REDIS_SUSPECTS_MAX;
        if lost {
            self.suspects.clear();
        }
        lost
    }

    /// Brings a batch's keys up to date; `thorough` compares with all sets, not only where the hash
    /// differs. Gives for each work 1 if it was written, 0 if Redis holds as new a version.
    pub(super) async fn write(
        &mut self,
        mut goal: Goal<'_>,
        works: &[(&Work, Mode)],
        thorough: bool,
    ) -> Vec<RedisResult<u64>> {
        let goal = &mut goal;
        debug_assert!(works.len() <= REDIS_BATCH_PERSONS, "a batch has its bound");
        let mut outcomes: Vec<RedisResult<u64>> = works.iter().map(|_| Ok(1)).collect();
        let told = write_hashes(goal, works, &mut outcomes).await;
        let changed = self.write_sets(goal, (works, &told), thorough, &mut outcomes).await;
        for ((work, _), changes) in works.iter().zip(changed) {
            self.announce(goal.writing, work, changes);
        }
        for ((work, _), outcome) in works.iter().zip(&outcomes) {
            match outcome {
                Ok(_) => {
                    self.suspects.remove(work.entry.member());
                }
                Err(_) => {
                    self.suspects.insert(work.entry.member().clone());
                }
            }
        }
        if let Err(error) = self.pay(goal.link).await {
            // Everything but the stream is written; to write it again changes nothing.
            outcomes.iter_mut().for_each(|outcome| *outcome = Err(error.clone()));
        }
        for (outcome, told) in outcomes.iter_mut().zip(&told) {
            if outcome.is_ok() && told.as_ref().is_some_and(Told::is_known) {
                *outcome = Ok(0);
            }
        }
        outcomes
    }

    async fn write_sets(
        &self,
        goal: &mut Goal<'_>,
        (works, told): (&[(&Work, Mode)], &[Option<Told>]),
        thorough: bool,
        outcomes: &mut [RedisResult<u64>],
    ) -> Vec<Vec<Changed>> {
        let mut sets: BTreeMap<(String, u8), Vec<Wanted<'_>>> = BTreeMap::new();
        for (index, ((work, _), told)) in works.iter().zip(told).enumerate() {
            if outcomes[index].is_err() || told.as_ref().is_some_and(|told| told.state == "stale") {
                continue;
            }
            let member = work.entry.member();
            let thorough = thorough || self.suspects.contains(member);
            for (segment, score) in differing(goal.view, &work.entry, told.as_ref(), thorough) {
                let set = (segment, segment_shard(member.as_str()));
                sets.entry(set).or_default().push(Wanted { work: index, member, score });
            }
        }
        let commands = sets.iter().map(|((segment, shard), members)| {
            let mut command = goal.writing.set(segment, *shard, self.epoch);
            for wanted in members {
                command.arg(wanted.member.as_str()).arg(text(wanted.score));
            }
            command
        });
        let answers = goal.link.ask_all(commands.collect()).await;
        let mut changed: Vec<Vec<Changed>> = works.iter().map(|_| Vec::new()).collect();
        for (((segment, _), members), answer) in sets.into_iter().zip(answers) {
            match answer.and_then(words) {
                Ok(before) => {
                    let differ = members.iter().zip(before).filter(|(_, before)| before != "=");
                    for (wanted, before) in differ {
                        let before = Some(before).filter(|before| !before.is_empty());
                        let segment = segment.clone();
                        changed[wanted.work].push(Changed { segment, before, score: wanted.score });
                    }
                }
                Err(error) => {
                    for wanted in members {
                        outcomes[wanted.work] = Err(error.clone());
                    }
                }
            }
        }
        changed
    }

    /// Notes what the stream is to be told: exits first, as one step on a single server would.
    fn announce(&mut self, writing: &Writing, work: &Work, changes: Vec<Changed>) {
        // A device that became part of a person left nothing.
        let Entry::Person(profile) = &work.entry else { return };
        let left = |segment: &str| work.exits.iter().find(|(s, _)| **s == *segment).map(|e| e.1);
        let mut tell = |segment: &str, change, at| {
            let (member, version) = (&profile.member, profile.version);
            let told = Announced { member, segment, change, at, version };
            self.owed.push(writing.announce(&told));
        };
        for Changed { segment, .. } in changes.iter().filter(|change| change.score.is_none()) {
            tell(segment, "exit", left(segment).unwrap_or(profile.as_of));
        }
        for Changed { segment, before, score } in &changes {
            let Some(now) = *score else { continue };
            let exit = left(segment);
            if let (Some(_), Some(at)) = (before, exit) {
                tell(segment, "exit", at); // left and came back between two writes
            }
            if before.is_none() || exit.is_some() {
                tell(segment, "enter", now);
            }
        }
    }
}

impl Told {
    /// Whether Redis held as new a version.
    fn is_known(&self) -> bool {
        matches!(self.state.as_str(), "stale" | "equal")
    }
}

async fn write_hashes(
    goal: &mut Goal<'_>,
    works: &[(&Work, Mode)],
    outcomes: &mut [RedisResult<u64>],
) -> Vec<Option<Told>> {
    let (mut commands, mut places) = (Vec::new(), Vec::new());
    for (index, (work, mode)) in works.iter().enumerate() {
        let Entry::Person(profile) = &work.entry else { continue };
        for (number, key) in goal.writing.hashes(profile).enumerate() {
            commands.push(goal.writing.hash(goal.view, profile, &key, *mode));
            places.push((index, number == 0));
        }
    }
    let mut told: Vec<Option<Told>> = works.iter().map(|_| None).collect();
    for ((index, own), answer) in places.into_iter().zip(goal.link.ask_all(commands).await) {
        match answer.and_then(words) {
            Ok(words) if own => {
                let mut words = words.into_iter();
                let state = words.next().unwrap_or_default();
                let mut listed = BTreeMap::new();
                while let (Some(segment), Some(since)) = (words.next(), words.next()) {
                    listed.insert(segment, since);
                }
                told[index] = Some(Told { state, listed });
            }
            Ok(_) => {}
            Err(error) => outcomes[index] = Err(error),
        }
    }
    told
}

/// The segments whose sorted set is to be compared, with the score that the member must have there.
fn differing(
    view: &View,
    entry: &Entry,
    told: Option<&Told>,
    thorough: bool,
) -> BTreeMap<String, Option<i64>> {
    let mut wanted: BTreeMap<String, Option<i64>> = match entry {
        Entry::Person(profile) => memberships(view, profile).map(|(s, at)| (s, Some(at))).collect(),
        Entry::Linked(_) => BTreeMap::new(),
    };
    let mut all: Vec<String> = Vec::new();
    match told {
        // The hash tells the memberships so far.
        Some(told) if told.state == "written" && !thorough => {
            wanted.retain(|segment, score| told.listed.get(segment) != Some(&text(*score)));
        }
        Some(_) | None => {
            all.extend(view.labels().segments().iter().map(|label| label.key.as_str().to_owned()));
        }
    }
    if let Some(told) = told {
        let kept: BTreeSet<String> = match entry {
            Entry::Person(profile) => memberships(view, profile).map(|(s, _)| s).collect(),
            Entry::Linked(_) => BTreeSet::new(),
        };
        all.extend(told.listed.keys().filter(|segment| !kept.contains(*segment)).cloned());
    }
    for segment in all {
        wanted.entry(segment).or_insert(None);
    }
    wanted
}

fn memberships(view: &View, profile: &Profile) -> impl Iterator<Item = (String, i64)> {
    profile.segments.iter().filter_map(|membership| {
        let key = view.labels().segment_key(membership.segment)?;
        Some(((**key).to_owned(), membership.entered_at.0))
    })
}

fn text(score: Option<i64>) -> String {
    score.map_or_else(String::new, |score| score.to_string())
}

fn words(answer: Value) -> RedisResult<Vec<String>> {
    Ok(redis::from_redis_value(answer)?)
}

/// The epoch that a sorted set has seen, if that is what an error says.
fn later_epoch(error: &RedisError) -> Option<u64> {
    if error.code() != Some("FENCED") {
        return None;
    }
    error.detail()?.split(' ').next()?.parse().ok()
}
