//! The web shop, open for whoever wants to click in it.
use super::board::Board;
use super::screen::{self, Head};
use super::{Site, WEB_SHOP, check};
use crate::config::Config;
use crate::handover::Sockets;
use crate::running::Running;
use sillage_eventlog::Clock;
use std::net::SocketAddr;

/// The shop's pages, if this binary has them.
pub(crate) fn site(config: &Config) -> Option<Site> {
    Site::shop(config.projects[WEB_SHOP].write_keys.first()?)
}

/// Makes the addresses that the system chose those of the configuration, so that a browser finds the
/// shop again after a restart.
pub(crate) fn keep_addresses(config: &mut Config, running: &Running) {
    config.server.listen = running.http;
    if let Some(resp) = running.resp {
        config.redis.listen = resp.to_string();
    }
}

/// The shop's first page, at an address that is known by now.
pub(crate) fn address(config: &Config) -> String {
    page(config.server.listen)
}

/// The shop's first page.
pub(crate) fn page(http: SocketAddr) -> String {
    format!("http://{http}/shop/")
}

/// Serves on, at the same addresses, until somebody ends it; then checks what was done in the shop.
pub(crate) fn stay(
    out: &mut impl std::io::Write,
    runtime: &tokio::runtime::Runtime,
    config: &Config,
    clock: &Clock,
    (watched, found): (bool, &str),
) -> anyhow::Result<()> {
    let running = runtime.block_on(Running::start(
        config.clone(),
        clock.clone(),
        site(config),
        Sockets::default(),
    ))?;
    let project = &running.projects[WEB_SHOP];
    let board = Board::new(project);
    let http = running.http;
    if watched {
        let (shop, progress) = (page(http), project.progress());
        let head = || Head::open(&shop, found, progress.events_by_name().values().sum());
        screen::show(&board, &head, &|| false)?;
    } else {
        writeln!(out, "\nserving on until Ctrl-C; dashboard data at http://{http}/v1/summary")?;
        out.flush()?;
        runtime.block_on(tokio::signal::ctrl_c())?;
    }
    let visitors = board.moment();
    runtime.block_on(running.stop())?;
    writeln!(out, "\nthe web shop: {} sessions", visitors.sessions)?;
    check(out, config, WEB_SHOP, clock)?;
    Ok(())
}
