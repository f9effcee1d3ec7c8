//! The secret that Traefik shows.

use std::fmt;

use hyper::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use subtle::ConstantTimeEq;

/// The header for clients that cannot set `Authorization`.
pub(crate) const TOKEN_HEADER: &str = "x-rediacc-token";

/// The longest token, in bytes: it has to fit into the headers of a request.
const MAX_BYTES: usize = 4096;

/// The secret that guards the document: visible ASCII, at most 4096 bytes.
///
/// Clients send it as `Authorization: Bearer TOKEN` or `X-Rediacc-Token: TOKEN`. It is not shown by [`fmt::Debug`].
///
/// ```
/// use route_http::Token;
/// let token = Token::try_new("correct-horse-battery\n")?; // as it is read from a file
/// assert_eq!(format!("{token:?}"), "Token(…)");
/// assert!(Token::try_new("two words").is_err());
/// # Ok::<(), route_http::TokenError>(())
/// ```
#[derive(Clone)]
pub struct Token(Box<[u8]>);

/// Why something is no [`Token`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Nothing but white space.
    #[error("the token is empty")]
    Empty,
    /// A character that a header cannot carry, or a space inside.
    #[error("the token has something else than visible ASCII characters at byte {0}")]
    NotVisible(usize),
    /// More than a request's headers can hold.
    #[error("the token has {0} bytes, more than {MAX_BYTES}")]
    TooLong(usize),
}

/// What a request's headers say about the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    /// The right one.
    Right,
    /// Another one.
    Wrong,
    /// None at all.
    Nothing,
}

// === impl Token ===

impl Token {
    /// Takes the token from text; white space around it is not part of it.
    ///
    /// # Errors
    /// [`TokenError`] when no header could carry it.
    pub fn try_new(text: &str) -> Result<Self, TokenError> {
        let token = text.trim_ascii();
        if token.is_empty() {
            return Err(TokenError::Empty);
        }
        if token.len() > MAX_BYTES {
            return Err(TokenError::TooLong(token.len()));
        }
        match token.bytes().position(|byte| !byte.is_ascii_graphic()) {
            Some(at) => Err(TokenError::NotVisible(at)),
            None => Ok(Self(token.as_bytes().into())),
        }
    }

    /// Looks for the token in a request's headers.
    pub(crate) fn shown_in(&self, headers: &HeaderMap) -> Shown {
        let bearer = headers.get(AUTHORIZATION).and_then(bearer);
        let own = headers.get(TOKEN_HEADER).map(|value| value.as_bytes().trim_ascii());
        match (bearer, own) {
            (None, None) => Shown::Nothing,
            (bearer, own) if bearer.is_some_and(|b| self.equals(b)) | own.is_some_and(|o| self.equals(o)) => {
                Shown::Right
            }
            _ => Shown::Wrong,
        }
    }

    /// Compares in a time that depends on the lengths only, which are no secret.
    fn equals(&self, other: &[u8]) -> bool {
        self.0.ct_eq(other).into()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// The credentials of a `Bearer` header; the scheme's case does not matter (RFC 9110, 11.1).
fn bearer(value: &HeaderValue) -> Option<&[u8]> {
    let (scheme, credentials) = value.as_bytes().split_at_checked("bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| credentials.trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_a_token() {
        assert_eq!(Token::try_new(" \n").unwrap_err(), TokenError::Empty);
        assert_eq!(Token::try_new("a b").unwrap_err(), TokenError::NotVisible(1));
        assert_eq!(Token::try_new("schlüssel").unwrap_err(), TokenError::NotVisible(4));
        assert_eq!(Token::try_new(&"x".repeat(4097)).unwrap_err(), TokenError::TooLong(4097));
        assert!(Token::try_new(&"x".repeat(4096)).is_ok());
    }

    #[test]
    fn where_it_is_looked_for() {
        let token = Token::try_new("secret").unwrap();
        let shown = |name: &'static str, value: &'static str| {
            token.shown_in(&HeaderMap::from_iter([(name.parse().unwrap(), HeaderValue::from_static(value))]))
        };
        assert_eq!(shown("authorization", "Bearer secret"), Shown::Right);
        assert_eq!(shown("authorization", "bearer  secret "), Shown::Right);
        assert_eq!(shown("x-rediacc-token", "secret"), Shown::Right);
        for wrong in ["Bearer secre", "Bearer secrets", "Bearer Secret", "Bearer "] {
            assert_eq!(shown("authorization", wrong), Shown::Wrong, "{wrong}");
        }
        assert_eq!(shown("authorization", "Basic c2VjcmV0"), Shown::Nothing);
        assert_eq!(shown("cookie", "secret"), Shown::Nothing);
    }
}
