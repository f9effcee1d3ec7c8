use std::collections::BTreeMap;

use serde_json::Value;

/// The query of a request, as far as the daemon understands it.
#[derive(Debug, Default)]
pub(crate) struct Query {
    /// `all=1` or `all=true`.
    pub(crate) all: bool,
    /// `since=1700000000.5`, in whole seconds since 1970.
    pub(crate) since: Option<u64>,
    filters: BTreeMap<String, Vec<String>>,
}

// === impl Query ===

impl Query {
    pub(crate) fn parse(query: &str) -> Self {
        let mut parsed = Self::default();
        for (key, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            match key {
                "all" => parsed.all = matches!(value, "1" | "true" | "True"),
                "since" => parsed.since = value.split('.').next().and_then(|seconds| seconds.parse().ok()),
                "filters" => parsed.filters = parse_filters(&decode(value)),
                _ => {}
            }
        }
        parsed
    }

    /// Whether a filter lets a value pass; a filter that is not there lets everything pass.
    pub(crate) fn passes(&self, filter: &str, matches: impl Fn(&str) -> bool) -> bool {
        self.filters.get(filter).is_none_or(|values| values.iter().any(|value| matches(value)))
    }

    /// Whether there is a filter of this name.
    pub(crate) fn has(&self, filter: &str) -> bool {
        self.filters.contains_key(filter)
    }
}

/// Both spellings that Docker accepts: `{"id":["a"]}` and the older `{"id":{"a":true}}`.
fn parse_filters(json: &str) -> BTreeMap<String, Vec<String>> {
    let Ok(Value::Object(filters)) = serde_json::from_str(json) else { return BTreeMap::new() };
    let values = |value: Value| match value {
        Value::Array(list) => list.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Value::Object(set) => set.keys().cloned().collect(),
        _ => Vec::new(),
    };
    filters.into_iter().map(|(name, value)| (name, values(value))).collect()
}

/// Undoes the percent-encoding of a form value.
fn decode(text: &str) -> String {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16)).unwrap_or(0);
                let (high, low) = (digit(bytes.next()), digit(bytes.next()));
                u8::try_from(high * 16 + low).unwrap_or(b'?')
            }
            other => other,
        });
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_of_filters() {
        for filters in ["%7B%22id%22%3A%5B%22ab%22%2C%22cd%22%5D%7D", "{%22id%22:{%22ab%22:true,%22cd%22:true}}"] {
            let query = Query::parse(&format!("all=true&size=false&filters={filters}"));
            assert!(query.all);
            assert!(query.passes("id", |id| id == "cd"));
            assert!(!query.passes("id", |id| id == "ef"));
            assert!(query.passes("status", |_| false), "no such filter");
        }
    }

    #[test]
    fn damaged_queries_are_taken_as_empty() {
        let query = Query::parse("all&filters=%7&filters=%zz");
        assert!(!query.all && !query.has("id"));
    }
}
