//! Looking back: previews, audits and explanations. Each takes a scan of the log, which somebody else
//! does; here is who may ask, for what, and how the answer looks.
use crate::http::auth::{authorize, authorize_admin};
use crate::http::path::decode;
use crate::http::problem::Problem;
use crate::http::{Diagnosis, Lookup, Reading, json, refuse, segments_edit};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use sillage_model::PersonKey;
use sillage_store::View;
use std::error::Error;
use std::future::Future;
use std::pin::Pin;

/// Why history could not be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HistoryProblem {
    /// What was asked cannot be understood; says why.
    Malformed(String),
    /// The rule is wrong.
    Rules(Vec<Diagnosis>),
    /// There is no such segment.
    SegmentUnknown(String),
    /// Nobody with this id had done anything at that moment.
    PersonUnknown,
    /// Somebody else is looking; come again.
    Busy,
    /// It cannot be read now. The text is for the log only.
    Unavailable(String),
}

/// An explanation that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExplainAsked {
    /// The id that was asked for.
    pub member: PersonKey,
    /// Everything that is one with it now: a person and its devices.
    pub ids: Vec<PersonKey>,
    /// The key of the segment.
    pub segment: String,
    /// The moment, as it was written; now, if none was.
    pub at: Option<String>,
}

/// JSON, or why there is none.
pub type HistoryAnswer<'a> =
    Pin<Box<dyn Future<Output = Result<Vec<u8>, HistoryProblem>> + Send + 'a>>;

/// Who looks at the history of one project. A future that is dropped gives the work up.
pub trait HistorySource: Send + Sync {
    /// Runs the segment that `definition` (JSON) describes over history.
    fn preview(&self, definition: Vec<u8>) -> HistoryAnswer<'_>;
    /// Looks at all segments over history, as of a moment as it was written, or of now.
    fn audit(&self, at: Option<String>) -> HistoryAnswer<'_>;
    /// Says why somebody is in a segment, or is not.
    fn explain(&self, asked: ExplainAsked) -> HistoryAnswer<'_>;
}

#[derive(Debug, PartialEq, Eq)]
enum Back {
    Preview,
    Audit,
    Explain(PersonKey, String),
}

/// What a path asks for; `None` if it does not look back.
fn back(path: &str) -> Option<Result<Back, Problem>> {
    let parts: Vec<&str> = path.strip_prefix("/v1/")?.split('/').collect();
    let explain = |id: &str, key: fn(&str) -> PersonKey, segment: &str| {
        Ok(Back::Explain(key(&decode(id)?), decode(segment)?))
    };
    match parts.as_slice() {
        ["segments", "preview"] => Some(Ok(Back::Preview)),
        ["segments", "audit"] => Some(Ok(Back::Audit)),
        ["users", id, "explain", segment] => Some(explain(id, PersonKey::user, segment)),
        ["devices", id, "explain", segment] => Some(explain(id, PersonKey::device, segment)),
        _ => None,
    }
}

impl Lookup {
    /// Whether [`Lookup::look_back`] answers this. A segment may be called `preview` or `audit`:
    /// only `POST` means these.
    #[must_use]
    pub fn looks_back(&self, method: &Method, path: &str) -> bool {
        match back(path) {
            Some(Ok(Back::Preview | Back::Audit)) => *method == Method::POST,
            Some(_) => true,
            None => false,
        }
    }

    /// Answers a request for which [`Lookup::looks_back`] holds.
    ///
    /// # Guarantees
    /// Previews and audits take an admin token, explanations any token that reads. Whoever must wait
    /// gets a 503 with `Retry-After`. Dropping the future gives the work up.
    pub async fn look_back<B>(&self, request: Request<B>) -> Response<Full<Bytes>>
    where
        B: BodyExt,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        match self.looked_back(request).await {
            Ok(body) => json(StatusCode::OK, "application/json", body),
            Err(problem) => refuse(&problem),
        }
    }

    async fn looked_back<B>(&self, request: Request<B>) -> Result<Vec<u8>, Problem>
    where
        B: BodyExt,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let (head, body) = request.into_parts();
        let index = authorize(&head.headers, self.tokens())?;
        let project = self.projects.get(index).ok_or_else(Problem::token_unknown)?;
        let wanted = back(head.uri.path()).ok_or_else(Problem::path_unknown)??;
        match &wanted {
            Back::Preview | Back::Audit => {
                authorize_admin(&head.headers, self.tokens())?;
            }
            Back::Explain(..) if head.method != Method::GET => {
                return Err(Problem::method_refused());
            }
            Back::Explain(..) => {}
        }
        if !(project.ready)() {
            return Err(Problem::unavailable("what is known is still being loaded"));
        }
        let query = head.uri.query().unwrap_or_default();
        let reading = Reading { project, view: project.view.view(), query };
        let answer = match wanted {
            Back::Preview => {
                let definition = segments_edit::read(body).await?;
                project.history.preview(definition).await
            }
            Back::Audit => project.history.audit(reading.parameter("at")?).await,
            Back::Explain(member, segment) => {
                let at = reading.parameter("at")?;
                let asked = explain_asked(&reading.view, member, segment, at)?;
                project.history.explain(asked).await
            }
        };
        answer.map_err(problem_of)
    }
}

fn explain_asked(
    view: &View,
    member: PersonKey,
    segment: String,
    at: Option<String>,
) -> Result<ExplainAsked, Problem> {
    if view.labels().segment_index(&segment).is_none() {
        return Err(Problem::segment_unknown(&segment));
    }
    view.reads().count(&segment);
    let profile = view.member(member.as_str()).ok_or_else(Problem::person_unknown)?;
    let devices = profile.devices.iter().map(|id| PersonKey::device(id));
    let ids = devices.chain([profile.member.clone()]).collect();
    Ok(ExplainAsked { member, ids, segment, at })
}

fn problem_of(problem: HistoryProblem) -> Problem {
    match problem {
        HistoryProblem::Malformed(detail) => Problem::malformed(detail),
        HistoryProblem::SegmentUnknown(key) => Problem::segment_unknown(&key),
        HistoryProblem::PersonUnknown => Problem::person_unknown_then(),
        HistoryProblem::Busy => Problem::busy(),
        HistoryProblem::Rules(found) => {
            let detail = "the rule cannot be used: see the diagnostics";
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            let mut problem = Problem::new(status, "segment_invalid", detail);
            problem.more = Some(Box::new(("diagnostics", serde_json::json!(found))));
            problem
        }
        HistoryProblem::Unavailable(error) => {
            tracing::error!(error, "history cannot be looked at");
            Problem::unavailable("history cannot be looked at now")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_look_back_are_told_from_those_of_segments_and_persons() {
        let explain = |key: PersonKey| Some(Ok(Back::Explain(key, "vip".to_owned())));
        let cases = [
            ("/v1/segments/preview", Some(Ok(Back::Preview))),
            ("/v1/segments/audit", Some(Ok(Back::Audit))),
            ("/v1/users/a%2Fb/explain/vip", explain(PersonKey::user("a/b"))),
            ("/v1/devices/d-1/explain/vip", explain(PersonKey::device("d-1"))),
            ("/v1/users/%zz/explain/vip", Some(Err("malformed"))),
            ("/v1/users/42", None),
            ("/v1/segments/vip", None),
            ("/v1/segments/preview/members", None),
            ("/v2/segments/preview", None),
        ];
        for (path, want) in cases {
            let got = back(path).map(|found| found.map_err(|problem| problem.code));
            assert_eq!(got, want, "{path}");
        }
    }
}
