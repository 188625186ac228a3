//! Which paths take events. Knows no method but those of its own paths, and no key.
use crate::Refusal;
use http::Method;
use sillage_wire::EventType;

/// What a path is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route<'p> {
    /// Many events in one body.
    Batch,
    /// One event of this kind; its body need not repeat the kind.
    Single(EventType),
    /// One event in the query, answered with an image.
    Pixel(Option<EventType>),
    /// What browser SDKs load before they send anything.
    Settings {
        /// The key in the path, as it was sent.
        write_key: &'p str,
    },
}

impl<'p> Route<'p> {
    /// The route of a path, with or without a slash at its end; `None` if it is none of ours.
    #[must_use]
    pub fn of(path: &'p str) -> Option<Self> {
        let rest = path.strip_prefix("/v1/")?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if let Some(write_key) = rest.strip_prefix("projects/") {
            let write_key = write_key.strip_suffix("/settings")?;
            let plain = !write_key.is_empty() && !write_key.contains('/');
            return plain.then_some(Self::Settings { write_key });
        }
        if let Some(kind) = rest.strip_prefix("pixel/") {
            return long_name(kind).map(|kind| Self::Pixel(Some(kind)));
        }
        match rest {
            "batch" | "b" => Some(Self::Batch),
            "pixel.gif" => Some(Self::Pixel(None)),
            "t" => Some(Self::Single(EventType::Track)),
            "p" => Some(Self::Single(EventType::Page)),
            "s" => Some(Self::Single(EventType::Screen)),
            "i" => Some(Self::Single(EventType::Identify)),
            "g" => Some(Self::Single(EventType::Group)),
            "a" => Some(Self::Single(EventType::Alias)),
            _ => long_name(rest).map(Self::Single),
        }
    }

    /// The methods of this route, as `Allow` and preflights list them.
    #[must_use]
    pub fn allow(&self) -> &'static str {
        match self {
            Self::Batch | Self::Single(_) => "POST, OPTIONS",
            Self::Pixel(_) | Self::Settings { .. } => "GET, HEAD, OPTIONS",
        }
    }

    /// Whether the method is one of [`Route::allow`].
    ///
    /// # Errors
    /// [`Refusal::MethodNotAllowed`], which names those that are.
    pub fn check(&self, method: &Method) -> Result<(), Refusal> {
        let ok = match self {
            Self::Batch | Self::Single(_) => *method == Method::POST,
            Self::Pixel(_) | Self::Settings { .. } => {
                *method == Method::GET || *method == Method::HEAD
            }
        };
        let ok = ok || *method == Method::OPTIONS;
        if ok { Ok(()) } else { Err(Refusal::MethodNotAllowed(self.allow())) }
    }
}

fn long_name(name: &str) -> Option<EventType> {
    Some(match name {
        "track" => EventType::Track,
        "page" => EventType::Page,
        "screen" => EventType::Screen,
        "identify" => EventType::Identify,
        "group" => EventType::Group,
        "alias" => EventType::Alias,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_paths_of_the_contract_are_ours() {
        let settings = Route::Settings { write_key: "wk_1" };
        for (path, expected) in [
            ("/v1/batch", Some(Route::Batch)),
            ("/v1/batch/", Some(Route::Batch)),
            ("/v1/b", Some(Route::Batch)),
            ("/v1/track", Some(Route::Single(EventType::Track))),
            ("/v1/p/", Some(Route::Single(EventType::Page))),
            ("/v1/s", Some(Route::Single(EventType::Screen))),
            ("/v1/i", Some(Route::Single(EventType::Identify))),
            ("/v1/g", Some(Route::Single(EventType::Group))),
            ("/v1/alias", Some(Route::Single(EventType::Alias))),
            ("/v1/pixel.gif", Some(Route::Pixel(None))),
            ("/v1/pixel/track", Some(Route::Pixel(Some(EventType::Track)))),
            ("/v1/projects/wk_1/settings", Some(settings)),
            ("/v1/projects//settings", None),
            ("/v1/projects/a/b/settings", None),
            ("/ingest/v1/batch", None),
            ("/v1/../admin", None),
            ("/v1/batch//", None),
            ("/v1/batch%00", None),
            ("/v1/", None),
            ("/v1/users/42", None),
            ("/v1/import", None),
        ] {
            assert_eq!(Route::of(path), expected, "{path}");
        }
    }
}
