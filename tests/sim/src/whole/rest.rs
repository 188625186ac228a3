//! The end of a world: nothing goes wrong any more, everything comes to rest, and all accounts are
//! compared.
use super::Violation;
use super::sender::Sort;
use super::world::World;
use sillage_eventlog::{Cursor, EventLog as _, ListOrder};
use sillage_ledger::Balance;
use sillage_worker::replay;

/// Rounds in which a world without troubles must have come to rest.
const ROUNDS_MAX: usize = 20_000;
/// Time between them.
const ROUND_MS: i64 = 500;

/// Heals the world and lets it come to rest, twice: what there was, and then a fresh event.
pub(super) fn come_to_rest(world: &mut World) -> Result<(), Violation> {
    world.heal();
    drain(world)?;
    let now = world.now();
    let made = world.senders[0].make(now, Sort::Plain, &mut world.rng);
    let fresh = made.message.clone();
    world.tape.made.insert(fresh.clone(), made);
    drain(world)?;
    if !world.tape.holds(&fresh) {
        return Err(Violation::new("I14: a fresh event passes", fresh));
    }
    catch_up(world)?;
    world.checkpoint()?;
    compare(world)
}

fn drain(world: &mut World) -> Result<(), Violation> {
    for _ in 0..ROUNDS_MAX {
        world.see_to_collector()?;
        if world.is_quiet() {
            return Ok(());
        }
        world.send();
        world.deliver()?;
        world.answer()?;
        world.look()?;
        world.pass(ROUND_MS);
    }
    Err(Violation::new("I14: everything comes to rest", "it does not"))
}

fn catch_up(world: &mut World) -> Result<(), Violation> {
    let Some(collector) = &mut world.collector else { return Ok(()) };
    if let Err(error) = collector.catch_up() {
        return Err(Violation::new("a worker goes on", error.to_string()));
    }
    world.look()
}

fn compare(world: &mut World) -> Result<(), Violation> {
    events(world)?;
    states(world)?;
    redis(world)?;
    names(world)?;
    ledger(world)?;
    letters(world)?;
    canaries(world)
}

/// Every event that was made is there, or was refused and not kept.
fn events(world: &World) -> Result<(), Violation> {
    for made in world.tape.made.values() {
        let is_wanted = matches!(made.sort, Sort::Plain | Sort::Identify);
        if is_wanted != world.tape.holds(&made.message) {
            return Err(Violation::new("P3: nothing vanishes", format!("{made:?}")));
        }
    }
    for sender in &world.senders {
        let settled = sender.acknowledged + sender.rejected.values().sum::<u64>();
        if settled != sender.created {
            return Err(Violation::new("P3: nothing vanishes", format!("{sender:?}")));
        }
    }
    Ok(())
}

/// I5: the states are what the log from its beginning makes.
fn states(world: &mut World) -> Result<(), Violation> {
    let Some(collector) = &world.collector else { return Ok(()) };
    if collector.log.oldest() > Cursor::START {
        world.met.one("end: the log has lost its beginning");
        return Ok(());
    }
    let store = &world.ground.store;
    let replayed =
        replay(&world.ground.rules, &*collector.log, &store.cursors(), None, &mut |_| {});
    let compared = replayed.and_then(|mut made| made.compare(&**store, world.now()));
    let compared =
        compared.map_err(|e| Violation::new("I5: a replay makes the same", e.to_string()))?;
    world.met.many("end: states compared", compared.stored);
    if compared.is_equal() {
        return Ok(());
    }
    Err(Violation::new("I5: a replay makes the same", format!("{compared:?}")))
}

/// I6: Redis is what the view shows.
fn redis(world: &mut World) -> Result<(), Violation> {
    let now = world.now();
    match &mut world.redis {
        Some(redis) => redis.come_to_rest(world.collector.as_ref(), now),
        None => Ok(()),
    }
}

/// I4: what is counted is what there is.
fn names(world: &mut World) -> Result<(), Violation> {
    let Some(collector) = &world.collector else { return Ok(()) };
    let mut counted = std::collections::BTreeMap::new();
    for worker in &collector.workers {
        for (name, count) in &*worker.events().lock() {
            *counted.entry(name.clone()).or_insert(0_u64) += count;
        }
    }
    // An identify has no name, and is counted nowhere.
    let mut naive = world.tape.names.clone();
    naive.remove("");
    if counted == naive {
        return Ok(());
    }
    if world.tape.again_after_window > 0 && world.tape.forwarded > 0 {
        // Outside of its window an event may count again, and be forwarded again or not.
        world.met.one("end: counts beyond the window");
        return Ok(());
    }
    Err(Violation::new("I4: counts are sums", format!("counted {counted:?}, there {naive:?}")))
}

/// I7: the ledger of each installation is what the log says of it, and nothing is lost.
fn ledger(world: &mut World) -> Result<(), Violation> {
    let Some(collector) = &world.collector else { return Ok(()) };
    for (device, sender) in world.by_device() {
        let found = collector.workers.iter().find_map(|worker| worker.ledger().install(device));
        let told = world.tape.told.get(device).copied();
        let (Some((_, balance)), Some(told)) = (found, told) else {
            if told.is_some() {
                return Err(Violation::new(
                    "I7: the ledger balances",
                    format!("no row of {device}"),
                ));
            }
            continue;
        };
        let Balance { received, duplicates, created, lost, .. } = balance.clone();
        let fits = received == told.new
            && duplicates == told.again
            && created <= sender.created
            && (lost == 0 || world.plan.denied > 0);
        if !fits {
            let seen = format!("{device}: {balance:?}, {told:?}, {sender:?}");
            return Err(Violation::new("I7: the ledger balances", seen));
        }
    }
    Ok(())
}

/// Every event that was refused for itself is kept, unless it made room.
fn letters(world: &mut World) -> Result<(), Violation> {
    let Some(collector) = &world.collector else { return Ok(()) };
    if world.letters_dropped {
        world.met.one("end: dead letters made room");
        return Ok(());
    }
    let listed = collector.letters.list(None, 1_000, ListOrder::NewestFirst);
    let listed = listed.map_err(|e| Violation::new("P3: nothing vanishes", e.to_string()))?;
    for made in &world.refused {
        let needle = made.message.as_bytes();
        let holds = |raw: &[u8]| raw.windows(needle.len()).any(|window| window == needle);
        if listed.len() < 1_000 && !listed.iter().any(|stored| holds(&stored.letter.raw)) {
            let seen = format!("{} was refused and left no letter", made.message);
            return Err(Violation::new("P3: nothing vanishes", seen));
        }
    }
    world.met.many("end: dead letters found", world.refused.len() as u64);
    Ok(())
}

/// I9: who has not agreed has left no byte on the disk.
fn canaries(world: &mut World) -> Result<(), Violation> {
    for made in world.tape.made.values().filter(|made| made.sort == Sort::Denied) {
        // Ids of others begin with it.
        let needle = format!("{}\"", made.message);
        let bare = made.message.as_bytes();
        let is_prefix = world
            .tape
            .made
            .keys()
            .any(|other| other.len() > bare.len() && other.as_bytes().starts_with(bare));
        let needle = if is_prefix { needle.as_bytes() } else { bare };
        if world.ground.disk.holds(needle) {
            return Err(Violation::new("I9: no byte without consent", made.message.clone()));
        }
        world.met.one("end: looked for a byte without consent");
    }
    Ok(())
}
