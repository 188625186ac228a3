//! The comparison itself: through everything that is shown, and through everything that Redis has,
//! page by page. It holds one page of each at a time, however many there are.
use super::progress::RedisProgress;
use super::reader::Reader;
use super::report::{Difference, Fault, RedisReport};
use super::suspect::{Finding, Suspect, prefix};
use crate::keys::Key;
use crate::limits::{
    REDIS_CHECK_EVERY_MS, REDIS_CHECK_PAGE, REDIS_CHECK_PAGES_MAX, REDIS_CHECK_PAUSE_MS,
    SEGMENT_SHARDS,
};
use crate::redis_writer::Shared;
use crate::view::{Standing, View};
use redis::RedisError;
use sillage_model::SegmentIndex;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// What is done about a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// It is told.
    Compare,
    /// What must not be there is removed; what must be is written again.
    Mend,
}

/// Why a walk ended early.
#[derive(Debug)]
pub(super) enum Stop {
    /// Redis failed.
    Redis(RedisError),
    /// Other rules are shown, or everybody is being written: what was compared counts for nothing.
    Moved,
}

impl From<RedisError> for Stop {
    fn from(error: RedisError) -> Self {
        Self::Redis(error)
    }
}

/// One walk.
pub(super) struct Walk<'a> {
    pub(super) view: Arc<View>,
    pub(super) writer: Option<&'a Shared>,
    /// Whether the view is still the one that is shown.
    pub(super) is_shown: &'a (dyn Fn(&Arc<View>) -> bool + Sync),
    pub(super) redis: &'a mut Reader,
    pub(super) purpose: Purpose,
    pub(super) progress: &'a RedisProgress,
    /// How much longer it waits, in all, for what goes on changing.
    pub(super) patience: Duration,
    pub(super) report: RedisReport,
}

impl Walk<'_> {
    /// Compares everything.
    pub(super) async fn run(mut self) -> Result<RedisReport, Stop> {
        let began = Instant::now();
        self.page(vec![Suspect::Meta, Suspect::Changes]).await?;
        self.report.keys += 2;
        self.profiles().await?;
        for index in 0..self.view.labels().segments().len() {
            let Ok(index) = u16::try_from(index) else { break };
            for shard in 0..SEGMENT_SHARDS {
                self.set(SegmentIndex(index), shard).await?;
            }
        }
        self.strangers().await?;
        self.report.took = began.elapsed();
        Ok(self.report)
    }

    /// Every hash that is shown.
    async fn profiles(&mut self) -> Result<(), Stop> {
        let mut cursor = 0;
        for _ in 0..REDIS_CHECK_PAGES_MAX {
            let page = self.view.scan(cursor, REDIS_CHECK_PAGE);
            let start = prefix(&self.view).len();
            let member = |name: &String| match self.view.key(name)? {
                Key::Profile(_) => name.get(start..).map(str::to_owned),
                Key::Meta | Key::Changes | Key::Segment(..) => None,
            };
            let members: Vec<String> = page.keys.iter().filter_map(member).collect();
            let users = members.iter().filter(|member| member.starts_with("u:")).count();
            self.report.persons += users as u64;
            self.report.devices += (members.len() - users) as u64;
            self.report.keys += members.len() as u64;
            self.progress.advance(members.len());
            self.page(members.into_iter().map(Suspect::Profile).collect()).await?;
            cursor = page.cursor;
            if cursor == 0 {
                break;
            }
        }
        Ok(())
    }

    /// One sorted set: first what Redis lists, then what it should.
    async fn set(&mut self, segment: SegmentIndex, shard: u8) -> Result<(), Stop> {
        let found = self.page(vec![Suspect::Set(segment, shard)]).await?;
        self.report.keys += u64::from(self.view.zcard(segment, shard) > 0);
        if found > 0 && self.purpose == Purpose::Compare {
            return Ok(());
        }
        let key = self.view.key_name(&Key::Segment(segment, shard));
        let mut cursor = 0;
        for _ in 0..REDIS_CHECK_PAGES_MAX {
            let (next, listed) = self.redis.zscan(&key, cursor).await?;
            let view = &self.view;
            // Whoever should be there is looked at below.
            let is_stranger = |(member, _): &(Vec<u8>, f64)| {
                let member = std::str::from_utf8(member).unwrap_or_default();
                view.zscore(segment, shard, member).is_none()
            };
            let strangers = listed.into_iter().filter(is_stranger);
            let suspect = |(member, _)| Suspect::Listed { segment, shard, member };
            let suspects: Vec<Suspect> = strangers.map(suspect).collect();
            self.page(suspects).await?;
            cursor = next;
            if cursor == 0 {
                break;
            }
        }
        for _ in 0..REDIS_CHECK_PAGES_MAX {
            let (next, listed) = self.view.zscan(segment, shard, cursor, REDIS_CHECK_PAGE);
            self.report.members += listed.len() as u64;
            self.progress.advance(listed.len());
            for part in listed.chunks(REDIS_CHECK_PAGE) {
                let suspect = |l: &crate::Listed| Suspect::Listed {
                    segment,
                    shard,
                    member: l.member.as_bytes().to_vec(),
                };
                self.page(part.iter().map(suspect).collect()).await?;
            }
            cursor = next;
            if cursor == 0 {
                break;
            }
        }
        Ok(())
    }

    /// Every key of Redis that is not shown.
    async fn strangers(&mut self) -> Result<(), Stop> {
        let pattern = format!("{}*", prefix(&self.view));
        for node in self.redis.nodes() {
            let mut cursor = 0;
            for _ in 0..REDIS_CHECK_PAGES_MAX {
                let (next, names) = self.redis.scan(node, cursor, &pattern).await?;
                let view = &self.view;
                let suspects: Vec<Suspect> =
                    names.iter().filter_map(|name| Suspect::of_key(view, name)).collect();
                self.report.keys += suspects.len() as u64;
                for part in suspects.chunks(REDIS_CHECK_PAGE) {
                    self.page(part.to_vec()).await?;
                }
                cursor = next;
                if cursor == 0 {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Looks at these, and at those that differ until it is sure; gives how many do.
    async fn page(&mut self, suspects: Vec<Suspect>) -> Result<usize, Stop> {
        let is_filled = self.writer.is_none_or(Shared::is_filled);
        if !is_filled || !(self.is_shown)(&self.view) {
            return Err(Stop::Moved);
        }
        let findings = self.look(&suspects).await?;
        let open: Vec<Suspect> = suspects
            .into_iter()
            .zip(findings)
            .filter_map(|(suspect, finding)| finding.map(|_| suspect))
            .collect();
        let sure = if open.is_empty() { Vec::new() } else { self.settle(open).await? };
        let count = sure.len();
        for (suspect, (fault, what)) in sure {
            if self.purpose == Purpose::Mend {
                self.mend(&suspect, fault).await?;
            }
            let key = String::from_utf8_lossy(&suspect.key(&self.view)).into_owned();
            self.report.add(Difference { fault, key, what });
        }
        Ok(count)
    }

    /// What differs at this moment. An answer is held against what is shown once it is there.
    async fn look(&mut self, suspects: &[Suspect]) -> Result<Vec<Option<Finding>>, Stop> {
        let questions: Vec<Vec<redis::Cmd>> =
            suspects.iter().map(|suspect| suspect.questions(&self.view)).collect();
        let counts: Vec<usize> = questions.iter().map(Vec::len).collect();
        let answers = self.redis.ask(questions.into_iter().flatten().collect()).await?;
        let mut rest = answers.as_slice();
        let mut findings = Vec::with_capacity(suspects.len());
        for (suspect, count) in suspects.iter().zip(counts) {
            let (own, others) = rest.split_at_checked(count).unwrap_or((rest, &[]));
            findings.push(suspect.compare(&self.view, own));
            rest = others;
        }
        Ok(findings)
    }

    /// Looks again until each is equal, or differs though it is written. That is sure once nothing of
    /// the person waited before Redis was asked, the batch that was under way then had ended, nothing
    /// came back from it, and nothing was published until the answer was there.
    async fn settle(&mut self, mut open: Vec<Suspect>) -> Result<Vec<(Suspect, Finding)>, Stop> {
        let mut sure = Vec::new();
        let first = Instant::now();
        // Whoever is parked is given again within this; who is refused then is refused for good.
        let retry = Duration::from_millis(2 * REDIS_CHECK_EVERY_MS);
        loop {
            let before: Vec<Standing> =
                open.iter().map(|suspect| self.view.standing(suspect.member())).collect();
            let retries = self.writer.map_or(0, Shared::retries);
            let began = Instant::now();
            let ended = self.batch_ended().await;
            let findings = self.look(&open).await?;
            let is_parked = self.writer.is_some_and(Shared::has_parked);
            let is_tried = !is_parked || first.elapsed() >= retry;
            let is_calm = ended && is_tried && retries == self.writer.map_or(0, Shared::retries);
            let mut moving = Vec::new();
            for ((suspect, before), finding) in open.into_iter().zip(before).zip(findings) {
                let Some(finding) = finding else { continue };
                let after = self.view.standing(suspect.member());
                let is_written = is_calm && !before.is_marked() && !after.is_marked();
                if is_written && before.is_same(&after) {
                    sure.push((suspect, finding));
                } else {
                    moving.push((suspect, finding));
                }
            }
            if moving.is_empty() {
                return Ok(sure);
            }
            tokio::time::sleep(Duration::from_millis(REDIS_CHECK_PAUSE_MS)).await;
            self.patience = self.patience.saturating_sub(began.elapsed());
            if self.patience.is_zero() {
                let unsettled = |(suspect, (_, what))| (suspect, (Fault::Unsettled, what));
                sure.extend(moving.into_iter().map(unsettled));
                return Ok(sure);
            }
            open = moving.into_iter().map(|(suspect, _)| suspect).collect();
        }
    }

    /// Waits until the batch that is on its way now has come to an end; whether it did in time.
    async fn batch_ended(&self) -> bool {
        let Some(writer) = self.writer else { return true };
        tokio::time::timeout(self.patience, writer.batch_ended()).await.is_ok()
    }
}
