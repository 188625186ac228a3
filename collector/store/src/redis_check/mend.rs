//! Putting right what writing everybody does not: what nobody shows is removed, and a hash that
//! would refuse its person, or is none, makes way for it.
use super::report::Fault;
use super::suspect::Suspect;
use super::walk::{Stop, Walk};
use crate::keys::Key;

impl Walk<'_> {
    /// Mends one difference. What is removed may have become right a moment before: then it was
    /// published before this looks again, and is written once more.
    pub(super) async fn mend(&mut self, suspect: &Suspect, fault: Fault) -> Result<(), Stop> {
        if fault == Fault::Unsettled {
            return Ok(());
        }
        match suspect {
            Suspect::Profile(member) => self.rewrite(member).await,
            Suspect::Listed { segment, shard, member: listed } => {
                let member = suspect.member();
                if fault == Fault::Extra {
                    let mut command = redis::cmd("ZREM");
                    command.arg(suspect.key(&self.view)).arg(listed);
                    self.redis.ask(vec![command]).await?;
                    if self.view.zscore(*segment, *shard, member).is_none() {
                        return Ok(());
                    }
                }
                self.rewrite(member).await
            }
            // Its members are found missing next; `meta` is written at the end of every rebuild.
            Suspect::Set(..) | Suspect::Meta | Suspect::Changes | Suspect::Foreign(_) => {
                self.redis.remove(&[suspect.key(&self.view)]).await?;
                Ok(())
            }
        }
    }

    /// Removes the hash of this member, and of its person, and has the person written again: without
    /// a hash nothing can be refused, and the sorted sets are compared.
    async fn rewrite(&mut self, member: &str) -> Result<(), Stop> {
        let key = |member: &str| self.view.key_name(&Key::Profile(member)).into_bytes();
        let mut keys = vec![key(member)];
        let person = |walk: &Self| walk.view.member(member).map(|p| p.member.as_str().to_owned());
        let before = person(self);
        keys.extend(before.iter().filter(|person| *person != member).map(|person| key(person)));
        self.redis.remove(&keys).await?;
        if let Some(person) = person(self) {
            self.view.touch(&person);
        }
        self.view.touch(member);
        Ok(())
    }
}
