//! One way from a key as it is written to one that the schema knows.

/// How far the search has come on one way: what was taken, what is left, and at what cost.
#[derive(Clone)]
pub(super) struct Way {
    pub(super) taken: Vec<String>,
    pub(super) rest: Vec<String>,
    pub(super) cost: usize,
}

// === impl Way ===

impl Way {
    /// Takes the next part under that name, in place of itself.
    pub(super) fn take(&self, name: &str, cost: usize) -> Self {
        self.take_instead(1, name, None, cost)
    }

    /// Takes a name in place of the next parts, and leaves a piece of them.
    pub(super) fn take_instead(&self, parts: usize, name: &str, left: Option<&str>, cost: usize) -> Self {
        let rest = self.rest.iter().skip(parts).cloned();
        let rest = left.filter(|left| !left.is_empty()).map(str::to_owned).into_iter().chain(rest).collect();
        Self { taken: self.taken.iter().cloned().chain([name.to_owned()]).collect(), rest, cost: self.cost + cost }
    }

    /// Leaves the next part out.
    pub(super) fn dropped(&self, cost: usize) -> Self {
        Self { taken: self.taken.clone(), rest: self.rest.iter().skip(1).cloned().collect(), cost: self.cost + cost }
    }

    pub(super) fn next(&self) -> Option<&str> {
        self.rest.first().map(String::as_str)
    }

    /// The next two parts as if no dot were between them.
    pub(super) fn joined(&self) -> Option<String> {
        Some(format!("{}{}", self.rest.first()?, self.rest.get(1).filter(|part| !part.starts_with('['))?))
    }

    pub(super) fn key(&self) -> String {
        let mut key = String::new();
        for part in &self.taken {
            if !key.is_empty() && !part.starts_with('[') {
                key.push('.');
            }
            key.push_str(part);
        }
        key
    }
}

/// The parts of a key, indices apart.
pub(super) fn parts(key: &str) -> Vec<String> {
    let mut parts = Vec::new();
    for part in key.split('.') {
        match part.find('[') {
            Some(at) if at > 0 && part.ends_with(']') => {
                let (name, index) = part.split_at(at);
                parts.extend([name.to_owned(), index.to_owned()]);
            }
            _ => parts.push(part.to_owned()),
        }
    }
    parts
}

/// What a text has behind a beginning, in any case.
pub(super) fn behind<'s>(text: &'s str, beginning: &str) -> Option<&'s str> {
    let (head, tail) = text.split_at_checked(beginning.len())?;
    head.eq_ignore_ascii_case(beginning).then_some(tail)
}

pub(super) fn without_first(text: &str) -> &str {
    let mut chars = text.chars();
    chars.next();
    chars.as_str()
}

pub(super) fn without_last(text: &str) -> &str {
    let mut chars = text.chars();
    chars.next_back();
    chars.as_str()
}
