//! The web tag's files, carried in the binary and handed out over HTTP.
//!
//! A collector has one version of the tag, the one it was built with. `/tag.js` is that version for a
//! short while; below `/v/<version>/` each file is what it is for ever, so that a page can pin it by its
//! digest. What the tag does this room does not know; where the files come from, see `build.rs`.
//!
//! - [`Tag::answer`] is the whole of it: method, path and headers in, an answer out.
//! - [`File`] and [`problem`] serve whoever else hands out files.
mod coding;
#[cfg(test)]
mod dist;
mod file;
mod range;
mod release;

pub use file::{File, problem};
pub use release::{Release, ReleaseFile};

use bytes::Bytes;
use http::header::ACCESS_CONTROL_ALLOW_ORIGIN;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};
use release::Stored;

/// Until a page learns of another version: five minutes, then once more while it asks. Longer, and the
/// core of an old tag would be asked of a collector that has only a newer one.
const CACHE_LATEST: &str = "public, max-age=300, stale-while-revalidate=600";

/// What bears its version in its address never changes; a year is the longest that caches care for.
const CACHE_VERSION: &str = "public, max-age=31536000, immutable";

const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// Hands out one version of the tag, or says that there is none.
#[derive(Debug)]
pub struct Tag {
    stored: Option<Stored>,
}

impl Tag {
    /// The version that was there when the binary was built, if there was one.
    #[must_use]
    pub fn embedded() -> Self {
        Self::new(release::embedded())
    }

    /// Hands out this version.
    #[must_use]
    pub fn new(release: Option<Release>) -> Self {
        Self { stored: release.map(|release| Stored::new(&release)) }
    }

    /// The version that is handed out.
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        self.stored.as_ref().map(|stored| stored.version)
    }

    /// The answer, if the path (without its query) is one of the tag's.
    ///
    /// # Guarantees
    /// Pages of every origin may read it, as the check of a digest needs (`integrity` with
    /// `crossorigin`), also where they demand isolation. Nothing is asked of the sender, nothing told
    /// of the collector but its version.
    ///
    /// # Cost
    /// A dozen headers; the bytes are shared.
    #[must_use]
    pub fn answer(
        &self,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
    ) -> Option<Response<Bytes>> {
        let wanted = Wanted::of(path)?;
        let mut answer = match &self.stored {
            Some(stored) => wanted.from(stored, method, headers),
            None => problem(
                StatusCode::NOT_FOUND,
                "tag_missing",
                "this collector was built without the web tag: run `make tag`, then build it again",
            ),
        };
        let told = answer.headers_mut();
        told.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        told.insert(RESOURCE_POLICY, HeaderValue::from_static("cross-origin"));
        Some(answer)
    }
}

/// What a path of the tag asks for.
#[derive(Debug, PartialEq, Eq)]
enum Wanted<'p> {
    /// `/tag.js`
    Latest,
    /// `/v/integrity.json`
    LatestIntegrity,
    /// `/v/<version>/<name>`
    Pinned { version: &'p str, name: &'p str },
    /// Anything else below `/v/`.
    Nothing,
}

impl<'p> Wanted<'p> {
    fn of(path: &'p str) -> Option<Self> {
        if path == "/tag.js" {
            return Some(Self::Latest);
        }
        let below = path.strip_prefix("/v/")?;
        Some(match below.split_once('/') {
            _ if below == "integrity.json" => Self::LatestIntegrity,
            Some((version, name)) => Self::Pinned { version, name },
            None => Self::Nothing,
        })
    }

    fn from(&self, stored: &Stored, method: &Method, headers: &HeaderMap) -> Response<Bytes> {
        let (name, cache) = match *self {
            Self::Latest => ("tag.js", CACHE_LATEST),
            Self::LatestIntegrity => ("integrity.json", CACHE_LATEST),
            Self::Pinned { version, name } if version == stored.version => (name, CACHE_VERSION),
            Self::Pinned { .. } => {
                let detail = format!("this collector has version {} of the tag", stored.version);
                return problem(StatusCode::NOT_FOUND, "version_unknown", &detail);
            }
            Self::Nothing => ("", CACHE_LATEST),
        };
        match stored.file(name) {
            Some(file) => file.answer(method, headers, cache),
            None => problem(StatusCode::NOT_FOUND, "path_unknown", "the tag has no such file"),
        }
    }
}

#[cfg(test)]
mod tests;
