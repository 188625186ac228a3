//! What can happen to a request between a device and its collector.
use crate::clock::WorldMs;
use crate::rng::Rng;

/// How long the host waits for an answer, in milliseconds.
pub const HOST_TIMEOUT_MS: u64 = 30_000;

/// One thing that goes wrong with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names in `Fault::NAMES` say it")]
pub enum Fault {
    Unsent,
    LostOut,
    ResetOut,
    LostBack,
    TruncatedBack,
    Twice,
    LateBack,
    LateOut,
    PortalHtml,
    PortalJson,
    PortalEmpty,
    PortalRedirect,
    ProxyClientError,
    ProxyServerError,
    GatewayAfterAccept,
    TooManyRequests,
    Overloaded,
    Unauthorized,
    Forbidden,
    NotFound,
    CrashAfterAppend,
    Gone,
}

impl Fault {
    /// Each with the name under which it is counted.
    pub const NAMES: [(Self, &'static str); 22] = [
        (Self::Unsent, "net: request never left"),
        (Self::LostOut, "net: request lost, timeout"),
        (Self::ResetOut, "net: request lost, reset"),
        (Self::LostBack, "net: answer lost"),
        (Self::TruncatedBack, "net: answer truncated"),
        (Self::Twice, "net: request doubled"),
        (Self::LateBack, "net: answer after the host's timeout"),
        (Self::LateOut, "net: request after the host's timeout"),
        (Self::PortalHtml, "portal: 200 text/html"),
        (Self::PortalJson, "portal: 200 of another JSON"),
        (Self::PortalEmpty, "portal: 204"),
        (Self::PortalRedirect, "portal: 302"),
        (Self::ProxyClientError, "proxy: foreign 4xx"),
        (Self::ProxyServerError, "proxy: foreign 5xx"),
        (Self::GatewayAfterAccept, "proxy: 502/504 after the collector accepted"),
        (Self::TooManyRequests, "collector: 429"),
        (Self::Overloaded, "collector: 503"),
        (Self::Unauthorized, "collector: 401"),
        (Self::Forbidden, "collector: 403"),
        (Self::NotFound, "collector: 404"),
        (Self::CrashAfterAppend, "collector: crash between append and answer"),
        (Self::Gone, "collector: 410"),
    ];

    /// The name under which it is counted.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(fault, _)| *fault == self).map_or("", |(_, name)| name)
    }

    /// Whether the request reaches the collector at all.
    #[must_use]
    pub fn arrives(self) -> bool {
        !matches!(
            self,
            Self::Unsent
                | Self::LostOut
                | Self::ResetOut
                | Self::PortalHtml
                | Self::PortalJson
                | Self::PortalEmpty
                | Self::PortalRedirect
                | Self::ProxyClientError
                | Self::ProxyServerError
        )
    }
}

/// How bad the network is, and when it is worse.
#[derive(Debug, Clone, Default)]
pub struct Weather {
    /// Faults of single requests, each with its rate in a thousand.
    pub rates: Vec<(Fault, u64)>,
    /// Times in which every request meets this fault.
    pub storms: Vec<(WorldMs, WorldMs, Fault)>,
    /// Longest usual transit of one direction, in milliseconds.
    pub transit_ms_max: u64,
    /// After this everything is fine.
    pub until: WorldMs,
}

impl Weather {
    /// What happens to a request that leaves now.
    pub fn fault(&self, at: WorldMs, rng: &mut Rng) -> Option<Fault> {
        if at >= self.until {
            return None;
        }
        let storm = self.storms.iter().find(|(from, to, _)| (*from..*to).contains(&at));
        let single = self.rates.iter().find(|(_, rate)| rng.per_mille(*rate));
        storm.map(|(.., fault)| *fault).or(single.map(|(fault, _)| *fault))
    }

    /// How long one direction takes, in milliseconds.
    pub fn transit_ms(&self, at: WorldMs, rng: &mut Rng) -> u64 {
        rng.magnitude(1, if at < self.until { self.transit_ms_max.max(1) } else { 200 })
    }
}

/// An answer as the host reads it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its `Content-Type`.
    pub content_type: String,
    /// Its `Retry-After`.
    pub retry_after: String,
    /// Its body.
    pub body: Vec<u8>,
}

/// What somebody else answers in the place of the collector.
pub fn foreign(fault: Fault, rng: &mut Rng) -> Answer {
    let html = "text/html; charset=utf-8".to_owned();
    let page = b"<!doctype html><title>Welcome</title>Please accept our terms.".to_vec();
    let answer = |status, content_type, body| Answer {
        status,
        content_type,
        retry_after: String::new(),
        body,
    };
    match fault {
        Fault::PortalHtml => answer(200, html, page),
        Fault::PortalJson => {
            let bodies: [&[u8]; 5] = [
                br#"{"success":true}"#,
                br#"{"success":true,"batchId":"4a1","accepted":20,"duplicates":0,"rejected":[]}"#,
                b"[]",
                b"null",
                br#"{"status":"ok"}"#,
            ];
            answer(200, "application/json".to_owned(), rng.pick(&bodies).to_vec())
        }
        Fault::PortalEmpty => answer(204, String::new(), Vec::new()),
        Fault::PortalRedirect => answer(*rng.pick(&[301, 302, 303, 307, 308]), html, Vec::new()),
        Fault::ProxyClientError => {
            let status = *rng.pick(&[400, 402, 405, 406, 407, 408, 411, 413, 414, 415, 418, 422]);
            answer(status, html, page)
        }
        _ => {
            let status = *rng.pick(&[500, 502, 503, 504, 520, 599]);
            let retry_after = if status == 503 { retry_after(rng) } else { String::new() };
            Answer { retry_after, ..answer(status, html, page) }
        }
    }
}

/// Some value of `Retry-After`: honest, useless or absurd.
pub fn retry_after(rng: &mut Rng) -> String {
    let texts = [
        "",
        "1",
        "5",
        " 30 ",
        "120",
        "900",
        "3600",
        "7200",
        "86400",
        "0",
        "-1",
        "1.5",
        "soon",
        "99999999999999999999999",
        "Wed, 21 Oct 2026 07:28:00 GMT",
    ];
    (*rng.pick(&texts)).to_owned()
}

/// How long a host must stay away after this `Retry-After`, by the checker's own reading: whole
/// seconds, at least one and at most an hour; anything else says nothing.
#[must_use]
pub fn stay_away_ms(retry_after: &str) -> Option<u64> {
    let digits = retry_after.trim();
    let whole = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    let seconds = digits.parse::<u64>().ok().filter(|_| whole)?;
    Some(seconds.clamp(1, 3_600) * 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_has_a_name_of_its_own() {
        for (index, (fault, name)) in Fault::NAMES.iter().enumerate() {
            assert_eq!(fault.name(), *name);
            assert!(Fault::NAMES.iter().take(index).all(|(_, other)| other != name));
        }
    }

    #[test]
    fn a_retry_after_is_read_as_seconds_or_not_at_all() {
        let read = |text| stay_away_ms(text);
        assert_eq!(read("5"), Some(5_000));
        assert_eq!(read(" 30 "), Some(30_000));
        assert_eq!(read("0"), Some(1_000));
        assert_eq!(read("86400"), Some(3_600_000));
        for nothing in
            ["", "99999999999999999999999", "-1", "1.5", "soon", "Wed, 21 Oct 2026 07:28:00 GMT"]
        {
            assert_eq!(read(nothing), None, "{nothing}");
        }
    }
}
