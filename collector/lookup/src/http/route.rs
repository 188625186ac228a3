//! Which paths there are.
use crate::http::path::decode;
use crate::http::problem::Problem;

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Route {
    User(String),
    Device(String),
    Segments,
    Segment(String),
    Members(String),
    Summary,
    Ledger,
    DeadLetters,
}

impl Route {
    /// Whether the answer depends on everything having been published.
    pub(crate) fn reads_view(&self) -> bool {
        *self != Self::DeadLetters
    }
}

/// The first parts of all paths that read, those to come included.
const READING: [&str; 7] =
    ["users", "devices", "segments", "summary", "dead-letters", "ledger", "live"];

/// Whether a path is one of the reading ones.
pub(crate) fn is_reading(path: &str) -> bool {
    let rest = path.strip_prefix("/v1/").unwrap_or_default();
    let first = rest.split('/').next().unwrap_or_default();
    READING.contains(&first)
}

/// Reads a path. Parts are split before they are decoded, so an id may hold a slash.
pub(crate) fn route(path: &str) -> Result<Route, Problem> {
    let parts: Vec<&str> = path.strip_prefix("/v1/").unwrap_or_default().split('/').collect();
    let route = match parts.as_slice() {
        ["users", id] if !id.is_empty() => Route::User(decode(id)?),
        ["devices", id] if !id.is_empty() => Route::Device(decode(id)?),
        ["segments"] => Route::Segments,
        ["segments", key] if !key.is_empty() => Route::Segment(decode(key)?),
        ["segments", key, "members"] if !key.is_empty() => Route::Members(decode(key)?),
        ["summary"] => Route::Summary,
        ["ledger"] => Route::Ledger,
        ["dead-letters"] => Route::DeadLetters,
        _ => return Err(Problem::path_unknown()),
    };
    Ok(route)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_where_the_contract_says() {
        let cases = [
            ("/v1/users/42", Ok(Route::User("42".into()))),
            ("/v1/users/a%2Fb", Ok(Route::User("a/b".into()))),
            ("/v1/devices/d%3A1", Ok(Route::Device("d:1".into()))),
            ("/v1/segments", Ok(Route::Segments)),
            ("/v1/segments/vip", Ok(Route::Segment("vip".into()))),
            ("/v1/segments/vip/members", Ok(Route::Members("vip".into()))),
            ("/v1/summary", Ok(Route::Summary)),
            ("/v1/dead-letters", Ok(Route::DeadLetters)),
            ("/v1/users/", Err("path_unknown")),
            ("/v1/users/42/explain/vip", Err("path_unknown")),
            ("/v1/ledger", Ok(Route::Ledger)),
            ("/v1/live", Err("path_unknown")),
            ("/v1/users/%zz", Err("malformed")),
        ];
        for (path, want) in cases {
            assert!(is_reading(path), "{path}");
            assert_eq!(route(path).map_err(|problem| problem.code), want, "{path}");
        }
        for path in ["/", "/v1", "/v1/", "/v1/batch", "/v1/usersx/1", "/v2/users/1", "/healthz"] {
            assert!(!is_reading(path), "{path}");
        }
    }
}
