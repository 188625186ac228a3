//! Bringing workers to a halt at one position, so that what they work with can be exchanged.
use crate::WorkerError;
use crate::fold::Folder;
use sillage_eventlog::Cursor;
use sillage_store::View;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Asks one worker to halt.
#[derive(Debug, Clone)]
pub struct Halter(SyncSender<Halt>);

/// The request.
#[derive(Debug)]
pub(crate) struct Halt {
    /// Where the worker says that it stands, once at once and once after each order.
    pub(crate) reached: SyncSender<Reached>,
    /// What it is told then; it goes on when this ends.
    pub(crate) orders: Receiver<Order>,
}

/// Where a halted worker stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reached {
    pub(crate) cursor: Cursor,
    /// The latest moment up to which it has fired deadlines.
    pub(crate) moment: i64,
}

/// What a halted worker is told.
pub(crate) enum Order {
    /// Fold and publish everything before `position`, and all deadlines up to `moment`.
    RunTo { position: Cursor, moment: i64 },
    /// Go on with other states.
    Take(Box<Replacement>),
    /// Stop: nothing of what it has may be kept.
    Fail,
}

/// States by other rules, at the position and moment that the worker has reached.
pub(crate) struct Replacement {
    pub(crate) folder: Folder,
    pub(crate) view: Arc<View>,
    pub(crate) generation: u32,
    /// Told once all of them are in the store, whose meta is then to be completed.
    pub(crate) done: SyncSender<()>,
}

/// One worker that halts. Dropped, the worker goes on with what it has.
pub(crate) struct Halted {
    reached: Receiver<Reached>,
    orders: SyncSender<Order>,
}

pub(crate) fn channel() -> (Halter, Receiver<Halt>) {
    let (sender, receiver) = sync_channel(1);
    (Halter(sender), receiver)
}

impl Halter {
    /// Asks; the worker halts after what it is doing.
    pub(crate) fn halt(&self) -> Result<Halted, WorkerError> {
        let (reached, says) = sync_channel(1);
        let (orders, told) = sync_channel(1);
        self.0.send(Halt { reached, orders: told }).map_err(|_| WorkerError::Gone)?;
        Ok(Halted { reached: says, orders })
    }
}

impl Halted {
    /// Waits until it stands.
    pub(crate) fn reached(&self) -> Result<Reached, WorkerError> {
        self.reached.recv().map_err(|_| WorkerError::Gone)
    }

    pub(crate) fn order(&self, order: Order) -> Result<(), WorkerError> {
        self.orders.send(order).map_err(|_| WorkerError::Gone)
    }
}
