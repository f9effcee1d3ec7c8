//! What a request asks for.

use std::time::Duration;

use hyper::Method;

/// How it is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    /// With the body.
    Get,
    /// Without.
    Head,
}

/// Why a `?wait=` is no duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a whole number of seconds or milliseconds")]
pub(crate) struct WaitError;

// === impl Reading ===

impl Reading {
    /// The methods that are known, as the `Allow` header has them.
    pub(crate) const ALLOWED: &str = "GET, HEAD";

    /// What a method means here.
    pub(crate) fn by(method: &Method) -> Option<Self> {
        match *method {
            Method::GET => Some(Self::Get),
            Method::HEAD => Some(Self::Head),
            _ => None,
        }
    }
}

/// How long the client is willing to wait: the first `wait` of a query such as `wait=5s`.
///
/// # Errors
/// When it is none of `5s`, `500ms` and `5`.
pub(crate) fn wait_in(query: &str) -> Result<Option<Duration>, WaitError> {
    query.split('&').find_map(|pair| pair.strip_prefix("wait=")).map(duration).transpose()
}

fn duration(text: &str) -> Result<Duration, WaitError> {
    let number = |digits: &str| match digits.bytes().all(|byte| byte.is_ascii_digit()) {
        true => digits.parse::<u64>().ok(),
        false => None,
    };
    match (text.strip_suffix("ms"), text.strip_suffix('s')) {
        (Some(digits), _) => number(digits).map(Duration::from_millis),
        (None, Some(digits)) => number(digits).map(Duration::from_secs),
        (None, None) => number(text).map(Duration::from_secs),
    }
    .ok_or(WaitError)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits() {
        let seconds = |n| Ok(Some(Duration::from_secs(n)));
        assert_eq!(wait_in("wait=5s"), seconds(5));
        assert_eq!(wait_in("wait=5"), seconds(5));
        assert_eq!(wait_in("a=b&wait=0s&wait=x"), seconds(0));
        assert_eq!(wait_in("wait=500ms"), Ok(Some(Duration::from_millis(500))));
        assert_eq!(wait_in("waits=5s&a"), Ok(None));
        for bad in ["", "s", "ms", "-1s", "+1s", "1.5s", "5m", "5 s", "5S", "5sms", "99999999999999999999s"] {
            assert_eq!(wait_in(&format!("wait={bad}")), Err(WaitError), "{bad:?}");
        }
    }
}
