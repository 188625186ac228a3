//! Holds the engine to its contract: a naive oracle, seeded worlds, and real files.
pub mod compare;
pub mod drive;
pub mod encode;
pub mod engine;
pub mod files;
pub mod live;
pub mod oracle;
pub mod pipeline;
pub mod rng;
pub mod shrink;
pub mod subject;
pub mod trial;
pub mod unite;
pub mod whole;
pub mod world;
