//! Answers, and refusals as JSON that says what to do.

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Response, StatusCode,
    header::{ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE},
};
use serde_json::{Value, json};

use crate::{
    request::{Reading, WaitError},
    state::Document,
};

/// What goes back to a client.
pub(crate) type Answer = Response<Full<Bytes>>;

/// Why a client does not get what it asked for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    /// Nothing has this path.
    #[error("there is nothing at this path")]
    UnknownPath {
        /// Where there is something.
        known: Vec<&'static str>,
    },
    /// Neither GET nor HEAD.
    #[error("this method is not allowed here")]
    Method,
    /// The `?wait=` cannot be read.
    #[error("bad wait: {0}")]
    Wait(#[from] WaitError),
    /// The document without its token.
    #[error("this path needs the token, and the request has none")]
    NoToken,
    /// The document with another token.
    #[error("the request's token is not the one of this server")]
    WrongToken,
    /// There is no document that is true.
    #[error("the routes are not known yet")]
    NoDocument,
    /// What was asked for has no written form.
    #[error("this document could not be written")]
    View(#[source] serde_json::Error),
    /// Making it panicked, or the runtime is going down.
    #[error("this document could not be made")]
    NoView,
}

// === impl Refusal ===

impl Refusal {
    /// The refusal as a client sees it.
    pub(crate) fn into_answer(self) -> Answer {
        let mut answer = json(self.status(), &self.body());
        let extra = match self {
            Self::Method => Some((ALLOW, Reading::ALLOWED)),
            Self::NoToken | Self::WrongToken => Some((WWW_AUTHENTICATE, "Bearer realm=\"routes\"")),
            Self::NoDocument => Some((RETRY_AFTER, "1")),
            _ => None,
        };
        answer.headers_mut().extend(extra.map(|(name, value)| (name, HeaderValue::from_static(value))));
        answer
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::UnknownPath { .. } => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Wait(_) => StatusCode::BAD_REQUEST,
            Self::NoToken | Self::WrongToken => StatusCode::UNAUTHORIZED,
            Self::NoDocument => StatusCode::SERVICE_UNAVAILABLE,
            Self::View(_) | Self::NoView => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn body(&self) -> Value {
        let error = self.to_string();
        match self {
            Self::UnknownPath { known } => json!({"error": error, "paths": known}),
            Self::Method => json!({"error": error, "allowed": Reading::ALLOWED.split(", ").collect::<Vec<_>>()}),
            Self::Wait(_) => json!({"error": error, "expected": ["5s", "500ms", "5"]}),
            Self::NoToken | Self::WrongToken => json!({
                "error": error,
                "hint": "send the header `Authorization: Bearer TOKEN` (or `X-Rediacc-Token: TOKEN`) with the content \
                         of the server's token file; in Traefik: providers.http.headers",
            }),
            Self::NoDocument => json!({"error": error, "hint": "ask again; /health says what is still missing"}),
            Self::View(_) | Self::NoView => json!({"error": error, "hint": "the server's log says why"}),
        }
    }
}

/// The document, as Traefik wants it: status 200 whether it changed or not, since 304 is an error to it.
pub(crate) fn document(document: &Document, content_type: &'static str) -> Answer {
    let mut answer = made(document.yaml.clone(), content_type);
    // A revision that no header can carry is left out; nothing depends on it.
    let etag = HeaderValue::try_from(format!("\"{}\"", document.revision)).ok();
    answer.headers_mut().extend(etag.map(|value| (ETAG, value)));
    answer
}

/// What was made for this request.
pub(crate) fn made(body: Bytes, content_type: &'static str) -> Answer {
    plain(StatusCode::OK, content_type, body)
}

/// The answer to a yes-or-no question: 200 or 503.
pub(crate) fn verdict(path: &str, yes: bool) -> Answer {
    let status = if yes { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    json(status, &json!({ path.rsplit('/').next().unwrap_or_default(): yes }))
}

fn json(status: StatusCode, body: &Value) -> Answer {
    plain(status, "application/json", body.to_string().into())
}

fn plain(status: StatusCode, content_type: &'static str, body: Bytes) -> Answer {
    let length = body.len();
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() = status;
    answer.headers_mut().extend([
        (CONTENT_TYPE, HeaderValue::from_static(content_type)),
        (CONTENT_LENGTH, HeaderValue::from(length)),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ]);
    answer
}
