//! Which content coding a request gets.
use http::HeaderMap;
use http::header::ACCEPT_ENCODING;

/// How the bytes of an answer are coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    Brotli,
    Gzip,
    Plain,
}

impl Coding {
    /// What `Content-Encoding` says; nothing for plain bytes.
    pub(crate) fn name(self) -> Option<&'static str> {
        match self {
            Self::Brotli => Some("br"),
            Self::Gzip => Some("gzip"),
            Self::Plain => None,
        }
    }
}

/// Chooses among what there is, by the weights of the request; of equal ones the smaller. Plain bytes
/// are always there: who refuses even those gets them nevertheless, as RFC 9110 (12.5.3) has it, and so
/// does who says nothing.
pub(crate) fn choose(headers: &HeaderMap, brotli: bool, gzip: bool) -> Coding {
    let asked = Asked::of(headers);
    let offers = [(Coding::Brotli, brotli, asked.brotli), (Coding::Gzip, gzip, asked.gzip)];
    let (mut best, mut weight) = (Coding::Plain, asked.plain.unwrap_or(0));
    // From the larger to the smaller, so that the smaller wins a tie.
    for (coding, there, asked) in offers.into_iter().rev() {
        if let Some(asked) = asked.filter(|&asked| there && asked > 0 && asked >= weight) {
            (best, weight) = (coding, asked);
        }
    }
    best
}

/// Weights in thousandths; `None` for what was not named.
#[derive(Debug, Default, Clone, Copy)]
struct Asked {
    brotli: Option<u16>,
    gzip: Option<u16>,
    plain: Option<u16>,
}

impl Asked {
    fn of(headers: &HeaderMap) -> Self {
        let (mut asked, mut others) = (Self::default(), None);
        let lists = headers.get_all(ACCEPT_ENCODING).into_iter().filter_map(|v| v.to_str().ok());
        for member in lists.flat_map(|list| list.split(',')) {
            let (name, parameters) = member.split_once(';').unwrap_or((member, ""));
            let place = match name.trim() {
                name if name.eq_ignore_ascii_case("br") => &mut asked.brotli,
                name if name.eq_ignore_ascii_case("gzip") => &mut asked.gzip,
                name if name.eq_ignore_ascii_case("x-gzip") => &mut asked.gzip,
                name if name.eq_ignore_ascii_case("identity") => &mut asked.plain,
                "*" => &mut others,
                _ => continue,
            };
            *place = Some(weight(parameters));
        }
        asked.brotli = asked.brotli.or(others);
        asked.gzip = asked.gzip.or(others);
        asked
    }
}

/// `q=0.5` in thousandths; what cannot be read is a refusal, because a wrong coding cannot be read at all.
fn weight(parameters: &str) -> u16 {
    let parameters = parameters.trim();
    if parameters.is_empty() {
        return 1_000;
    }
    let value = parameters.strip_prefix(['q', 'Q']).and_then(|rest| rest.trim().strip_prefix('='));
    let number = value.and_then(|text| text.trim().parse::<f32>().ok());
    // Within the bounds the product fits; three decimals are all that the grammar allows.
    number.filter(|q| (0.0..=1.0).contains(q)).map_or(0, |q| (q * 1_000.0).round() as u16)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn check(accept: &str, expected: Coding) {
        let mut headers = HeaderMap::new();
        for line in accept.split('\n') {
            headers.append(ACCEPT_ENCODING, HeaderValue::from_str(line).expect("a value"));
        }
        assert_eq!(choose(&headers, true, true), expected, "{accept:?}");
    }

    #[test]
    fn the_heaviest_coding_wins_and_of_equals_the_smaller() {
        check("gzip, deflate, br, zstd", Coding::Brotli);
        check("br;q=0.5, gzip", Coding::Gzip);
        check("BR ; Q=0.9, gzip;q=0.8", Coding::Brotli);
        check("x-gzip", Coding::Gzip);
        check("*", Coding::Brotli);
        check("br;q=0, *;q=0.3", Coding::Gzip);
        check("gzip;q=0.2, identity;q=0.3", Coding::Plain);
        check("gzip;q=0.3, identity;q=0.3", Coding::Gzip);
        check("gzip\nbr", Coding::Brotli);
    }

    #[test]
    fn what_nobody_asked_for_is_not_coded() {
        assert_eq!(choose(&HeaderMap::new(), true, true), Coding::Plain);
        for accept in
            ["", "deflate", "br;q=0", "gzip;q=0.000", "identity;q=0, *;q=0", "br;q=many", "br;q=2"]
        {
            check(accept, Coding::Plain);
        }
    }

    #[test]
    fn what_is_not_there_is_not_chosen() {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("br, gzip;q=0.5"));
        assert_eq!(choose(&headers, false, true), Coding::Gzip);
        assert_eq!(choose(&headers, true, false), Coding::Brotli);
        assert_eq!(choose(&headers, false, false), Coding::Plain);
    }

    proptest::proptest! {
        #[test]
        fn no_header_is_too_strange(value in proptest::collection::vec(32u8..=255, 0..60)) {
            let mut headers = HeaderMap::new();
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                headers.insert(ACCEPT_ENCODING, value);
            }
            let _ = choose(&headers, true, true);
        }
    }
}
