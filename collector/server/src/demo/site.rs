//! The demo's web shop, as pages of the collector's own origin: `examples/shop`, carried in the binary.
//!
//! The same files are served twice, below `/shop/` as they are and below `/shop/strict/` under a content
//! security policy that forbids what a careful shop forbids, WebAssembly included.
use bytes::Bytes;
use http::header::{CONTENT_SECURITY_POLICY, LOCATION};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use sillage_tag::{File, problem};
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

/// Name, type and bytes of each of the shop's files.
type ShopFiles = &'static [(&'static str, &'static str, &'static [u8])];

static SHOP: ShopFiles = include!(concat!(env!("OUT_DIR"), "/shop_files.rs"));

/// No script but our own files: no inline ones, no `eval`, no WebAssembly; nothing from other origins.
const STRICT: &str = "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    media-src 'self'; connect-src 'self'; object-src 'none'; base-uri 'self'; form-action 'self'; \
    frame-ancestors 'none'";

/// A page is asked for again each time, and hardly ever sent again: the shop may have been built anew.
const CACHE: &str = "no-cache";

const PLAIN_BASE: &str = "<base href=\"/shop/\">";
const STRICT_BASE: &str = "<base href=\"/shop/strict/\">";

/// The files of a shop.
pub(crate) struct Site {
    plain: BTreeMap<&'static str, File>,
    strict: BTreeMap<&'static str, File>,
}

/// Where a path leads.
#[derive(Debug, PartialEq, Eq)]
enum Place<'p> {
    Plain(&'p str),
    Strict(&'p str),
    /// A folder without its slash, from which relative addresses would lead elsewhere.
    Moved(&'static str),
}

impl Site {
    /// The shop, whose pages send with this write key; `None` if this binary was built without one.
    pub(crate) fn shop(write_key: &str) -> Option<Self> {
        (!SHOP.is_empty()).then(|| Self::new(SHOP, write_key))
    }

    fn new(files: ShopFiles, write_key: &str) -> Self {
        // Whatever the shop is called by, that is where its events go: a policy that allows only the
        // page's own origin then allows them.
        let config = format!("window.shop = {{ key: {write_key:?}, api: location.origin }};\n");
        let config = file("text/javascript; charset=utf-8", Bytes::from(config));
        let mut site = Self { plain: BTreeMap::new(), strict: BTreeMap::new() };
        for &(name, media_type, bytes) in files {
            let plain = Bytes::from_static(bytes);
            let strict = match std::str::from_utf8(bytes) {
                Ok(text) if media_type.starts_with("text/html") => {
                    Bytes::from(text.replace(PLAIN_BASE, STRICT_BASE))
                }
                _ => plain.clone(),
            };
            site.plain.insert(name, file(media_type, plain));
            site.strict.insert(name, file(media_type, strict));
        }
        site.plain.insert("config.js", config.clone());
        site.strict.insert("config.js", config);
        site
    }

    /// The answer, if the path (without its query) is one of the shop's.
    pub(crate) fn answer(
        &self,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
    ) -> Option<Response<Bytes>> {
        Some(match place(path)? {
            Place::Plain(name) => found(&self.plain, name, method, headers),
            Place::Strict(name) => {
                let mut answer = found(&self.strict, name, method, headers);
                let policy = HeaderValue::from_static(STRICT);
                answer.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
                answer
            }
            Place::Moved(to) => {
                let mut answer = Response::new(Bytes::new());
                *answer.status_mut() = StatusCode::PERMANENT_REDIRECT;
                answer.headers_mut().insert(LOCATION, HeaderValue::from_static(to));
                answer
            }
        })
    }
}

fn place(path: &str) -> Option<Place<'_>> {
    let rest = path.strip_prefix("/shop")?;
    Some(match (rest, rest.strip_prefix('/')) {
        ("", _) => Place::Moved("/shop/"),
        (_, Some("strict")) => Place::Moved("/shop/strict/"),
        (_, Some(name)) => match name.strip_prefix("strict/") {
            Some(name) => Place::Strict(name),
            None => Place::Plain(name),
        },
        // Something like `/shopping`.
        (_, None) => return None,
    })
}

/// The file of that name. What has no extension is a route that the shop's own script knows.
fn found(
    files: &BTreeMap<&'static str, File>,
    name: &str,
    method: &Method,
    headers: &HeaderMap,
) -> Response<Bytes> {
    let is_route = !name.rsplit('/').next().unwrap_or_default().contains('.');
    let file = files.get(name).or_else(|| is_route.then(|| files.get("index.html"))?);
    match file {
        Some(file) => file.answer(method, headers, CACHE),
        None => problem(StatusCode::NOT_FOUND, "path_unknown", "the shop has no such file"),
    }
}

fn file(media_type: &str, bytes: Bytes) -> File {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    File::new(media_type, &format!("{:016x}", hasher.finish()), bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILES: ShopFiles = &[
        ("index.html", "text/html", b"<base href=\"/shop/\"><script src=\"shop.js\"></script>"),
        ("about.html", "text/html", b"about"),
        ("pictures/shoe.svg", "image/svg+xml", b"<svg/>"),
    ];

    fn ask(path: &str) -> Response<Bytes> {
        let site = Site::new(FILES, "wk_1");
        site.answer(&Method::GET, path, &HeaderMap::new()).expect("a path of the shop")
    }

    fn check(path: &str, status: u16, body: &str) {
        let answer = ask(path);
        assert_eq!(answer.status(), status, "{path}");
        assert!(answer.body().starts_with(body.as_bytes()), "{path}: {:?}", answer.body());
    }

    #[test]
    fn files_are_found_and_routes_lead_to_the_first_page() {
        check("/shop/", 200, "<base href=\"/shop/\">");
        check("/shop/about.html", 200, "about");
        check("/shop/pictures/shoe.svg", 200, "<svg/>");
        check("/shop/c/shoes", 200, "<base href=\"/shop/\">");
        check("/shop/p/sku-1/", 200, "<base href=\"/shop/\">");
        check("/shop/missing.js", 404, "{");
        check("/shop/../Cargo.toml", 404, "{");
    }

    #[test]
    fn the_strict_shop_is_the_same_under_a_policy_without_webassembly() {
        check("/shop/strict/", 200, "<base href=\"/shop/strict/\">");
        check("/shop/strict/p/sku-1", 200, "<base href=\"/shop/strict/\">");
        check("/shop/strict/about.html", 200, "about");
        for path in ["/shop/strict/", "/shop/strict/config.js", "/shop/strict/missing.js"] {
            let answer = ask(path);
            let policy = answer.headers()[CONTENT_SECURITY_POLICY].to_str().expect("text");
            assert!(
                policy.contains("script-src 'self';") && !policy.contains("unsafe"),
                "{policy}"
            );
        }
        assert!(!ask("/shop/").headers().contains_key(CONTENT_SECURITY_POLICY));
    }

    #[test]
    fn pages_are_told_where_their_events_go() {
        check("/shop/config.js", 200, "window.shop = { key: \"wk_1\", api: location.origin };");
        check(
            "/shop/strict/config.js",
            200,
            "window.shop = { key: \"wk_1\", api: location.origin };",
        );
    }

    #[test]
    fn a_folder_without_its_slash_is_moved_and_other_paths_are_not_the_shops() {
        for (path, to) in [("/shop", "/shop/"), ("/shop/strict", "/shop/strict/")] {
            let answer = ask(path);
            assert_eq!(
                (answer.status().as_u16(), &answer.headers()[LOCATION]),
                (308, &to.parse().unwrap())
            );
        }
        let site = Site::new(FILES, "wk_1");
        for path in ["/", "/shopping", "/v1/batch", "/tag.js"] {
            assert!(site.answer(&Method::GET, path, &HeaderMap::new()).is_none(), "{path}");
        }
    }
}
