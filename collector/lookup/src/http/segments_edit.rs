//! Changing segments while they are served: what a request must be, and how the answer is told.
use crate::http::auth::authorize_admin;
use crate::http::problem::Problem;
use crate::http::{
    EditRefused, Edited, Lookup, LookupProject, SegmentState, json, path, refuse, segments,
};
use crate::limits::{DEFINITION_BYTES_MAX, DEFINITION_WAIT};
use ::http::header::{HeaderValue, LOCATION, RETRY_AFTER};
use ::http::{Method, Request, Response, StatusCode};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use std::error::Error;

/// An error of a body, boxed as bodies give it.
type BodyError = Box<dyn Error + Send + Sync>;

impl Lookup {
    /// Whether this request is answered by [`Lookup::edit`].
    #[must_use]
    pub fn edits(&self, method: &Method, path: &str) -> bool {
        (method == Method::PUT || method == Method::DELETE) && key_in(path).is_some()
    }

    /// Answers `PUT` and `DELETE` of a segment.
    ///
    /// # Guarantees
    /// Nothing has changed unless the answer is 200 or 202. 202 says that the change is durable as
    /// one that will be made; its `Location` is where to see how far it is.
    pub async fn edit<B>(&self, request: Request<B>) -> Response<Full<Bytes>>
    where
        B: BodyExt,
        B::Error: Into<BodyError>,
    {
        self.try_edit(request).await.unwrap_or_else(|problem| refuse(&problem))
    }

    async fn try_edit<B>(&self, request: Request<B>) -> Result<Response<Full<Bytes>>, Problem>
    where
        B: BodyExt,
        B::Error: Into<BodyError>,
    {
        let index = authorize_admin(request.headers(), self.tokens())?;
        let project = self.projects.get(index).ok_or_else(Problem::token_unknown)?;
        let written = key_in(request.uri().path()).ok_or_else(Problem::path_unknown)?.to_owned();
        let key = path::decode(&written)?;
        let query = request.uri().query().unwrap_or_default();
        let partial = query.split('&').any(|pair| pair == "history=partial");
        if !(project.ready)() {
            return Err(Problem::unavailable("what is known is still being loaded"));
        }
        let removes = request.method() == Method::DELETE;
        let outcome = if removes {
            project.segments.remove(key.clone(), partial).await
        } else {
            let definition = read(request.into_body()).await?;
            project.segments.put(key.clone(), definition, partial).await
        };
        match outcome {
            Ok(edited) => accepted(project, edited, &written),
            Err(refused) => Err(problem_of(refused, &key)),
        }
    }
}

/// The key in the path of one segment, as it is written there.
fn key_in(path: &str) -> Option<&str> {
    let key = path.strip_prefix("/v1/segments/")?;
    (!key.is_empty() && !key.contains('/')).then_some(key)
}

/// Reads a definition, within bounds of length and time.
pub(crate) async fn read<B>(body: B) -> Result<Vec<u8>, Problem>
where
    B: BodyExt,
    B::Error: Into<BodyError>,
{
    let whole = Limited::new(body, DEFINITION_BYTES_MAX).collect();
    match tokio::time::timeout(DEFINITION_WAIT, whole).await {
        Ok(Ok(body)) => Ok(body.to_bytes().to_vec()),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
            let detail = format!("a definition has at most {DEFINITION_BYTES_MAX} bytes");
            Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail))
        }
        Ok(Err(_)) => Err(Problem::malformed("the body ended early")),
        Err(_) => {
            Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "too_slow", "the body did not come"))
        }
    }
}

fn accepted(
    project: &LookupProject,
    edited: Edited,
    written: &str,
) -> Result<Response<Full<Bytes>>, Problem> {
    let gone = edited.detail.state == SegmentState::Removing;
    let status = if edited.done { StatusCode::OK } else { StatusCode::ACCEPTED };
    let mut response = json(status, "application/json", segments::edited(project, edited.detail));
    if !(gone && edited.done) {
        let place = HeaderValue::try_from(format!("/v1/segments/{written}"));
        let place = place.map_err(|_| Problem::malformed("the key cannot stand in a header"))?;
        response.headers_mut().insert(LOCATION, place);
    }
    Ok(response)
}

fn problem_of(refused: EditRefused, key: &str) -> Problem {
    let conflict = |code, detail: String| Problem::new(StatusCode::CONFLICT, code, detail);
    match refused {
        EditRefused::Malformed(why) => Problem::malformed(why),
        EditRefused::Unknown => Problem::segment_unknown(key),
        EditRefused::Invalid(found) => {
            let detail = format!("the definition of {key:?} cannot be used: see the diagnostics");
            let mut problem =
                Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "segment_invalid", detail);
            problem.more = Some(Box::new(("diagnostics", serde_json::json!(found))));
            problem
        }
        EditRefused::Referred(by) => {
            let detail = format!("these segments refer to {key:?}: {}", by.join(", "));
            let mut problem = conflict("segment_referred", detail);
            problem.more = Some(Box::new(("referred_by", serde_json::json!(by))));
            problem
        }
        EditRefused::Busy => {
            let detail = "another change of the segments is being made; one at a time";
            conflict("edit_in_progress", detail.to_owned()).with(RETRY_AFTER, "2")
        }
        EditRefused::HistoryIncomplete => {
            let detail = "the log no longer holds all of history, so every segment would be made \
                          from what is left; ?history=partial says that this is all right";
            conflict("history_incomplete", detail.to_owned())
        }
        EditRefused::Unavailable(why) => Problem::unavailable(why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_path_of_one_segment_is_changed() {
        let cases = [
            ("/v1/segments/vip", Some("vip")),
            ("/v1/segments/a%2Fb", Some("a%2Fb")),
            ("/v1/segments/", None),
            ("/v1/segments", None),
            ("/v1/segments/vip/members", None),
            ("/v1/users/vip", None),
        ];
        for (path, key) in cases {
            assert_eq!(key_in(path), key, "{path}");
        }
    }
}
