//! Labels that look like Traefik's and that Traefik does not read.

use traefik_model::NodeId;

use super::{Explainer, synonyms, values};
use crate::{
    Code, Place, Problem,
    distance::distance,
    key::{ROOT, starts_with},
    text::quoted,
};

/// What stands behind `traefik.` in a label that somebody writes for Traefik.
const SECTIONS: [&str; 8] = ["http", "tcp", "udp", "tls", "enable", "docker", "frontend", "backend"];

/// Whether a label that makes no configuration is to be explained. Most labels are somebody else's: this must be
/// quick for them, and for `traefik.enable=true`.
pub(crate) fn is_suspicious(key: &str, value: &str) -> bool {
    if let Some(rest) = key.strip_prefix("traefik.") {
        return !is_read(rest, value);
    }
    // Somebody else's label has few of these letters in its first part.
    let ours = letters(ROOT.as_bytes());
    let head = key.as_bytes().get(..key.len().min(10)).unwrap_or_default();
    (letters(head) & ours).count_ones() >= 5 && is_almost_ours(key)
}

/// The set of letters that occur, one bit for each.
const fn letters(text: &[u8]) -> u32 {
    let (mut set, mut rest) = (0, text);
    while let [first, more @ ..] = rest {
        if first.is_ascii_alphabetic() {
            set |= 1 << (*first & 31);
        }
        rest = more;
    }
    set
}

/// Whether Traefik reads a label outside of the configuration, or leaves it to its user's filters.
fn is_read(rest: &str, value: &str) -> bool {
    let is_bool =
        || matches!(value, "1" | "t" | "T" | "TRUE" | "true" | "True" | "0" | "f" | "F" | "FALSE" | "false" | "False");
    if rest.eq_ignore_ascii_case("enable") {
        return is_bool();
    }
    if rest.eq_ignore_ascii_case("docker.lbswarm") || rest.eq_ignore_ascii_case("docker.allownonrunning") {
        return is_bool();
    }
    rest.eq_ignore_ascii_case("docker.network") || rest == "constraint-label" || starts_with(rest, "swarm.")
}

/// Whether a key begins nearly as `traefik.`, and goes on as Traefik's labels do.
fn is_almost_ours(key: &str) -> bool {
    let ends = key.char_indices().map(|(at, c)| at + c.len_utf8()).take_while(|end| *end <= ROOT.len() + 4);
    ends.filter_map(|end| key.split_at_checked(end)).any(|(head, rest)| {
        let section = rest.split(['.', '[']).next().unwrap_or_default();
        let goes_on = || SECTIONS.iter().any(|known| distance(section, known, 1).is_some());
        distance(head, "traefik.", 2).is_some() && goes_on()
    })
}

// === impl Explainer ===

impl<K: AsRef<str>, V: AsRef<str>> Explainer<'_, '_, K, V> {
    /// A label of which [`is_suspicious`] is true.
    pub(crate) fn unread(&self, key: &str, value: &str) -> Problem {
        let hint = self.search(usize::MAX, key);
        let first = key.split('.').next().unwrap_or_default();
        if first != ROOT {
            let message =
                format!("{} is almost, but not quite, `traefik`: Traefik does not read this label", quoted(first));
            return Problem::warning(Code::AlmostTraefik, key, message).at(Place::Key(0..first.len())).with_hint(hint);
        }
        let place = Place::Key((ROOT.len() + 1).min(key.len())..key.len());
        let rest = key.get(ROOT.len() + 1..).unwrap_or_default();
        if is_read(rest, "true") {
            let hint = values::boolean(value).map(str::to_owned);
            let message = format!("{} is not `true` or `false`", quoted(value));
            return Problem::warning(Code::NotABool, key, message).at(Place::Value(0..value.len())).with_hint(hint);
        }
        if let Some(successor) = synonyms::successor(rest, &self.some_name()) {
            let message = "this is a label of Traefik 1, which later versions do not read";
            return Problem::warning(Code::NotRead, key, message).at(place).with_hint(Some(successor));
        }
        if starts_with(rest, "tls.") && hint.is_none() {
            let message = "Traefik reads only `tls.stores.default` from labels; this belongs in a file of its own";
            return Problem::warning(Code::NotForLabels, key, message).at(place);
        }
        let message =
            "Traefik does not read this label; those that it reads begin with `traefik.http.`, `.tcp.`, `.udp.`";
        Problem::warning(Code::NotRead, key, message).at(place).with_hint(hint)
    }

    /// The name of the only router or service, for use in an example.
    fn some_name(&self) -> String {
        let sections = [&["http", "routers"], &["http", "services"]];
        let names = sections.iter().filter_map(|path| crate::links::find(self.tree, *path));
        let name =
            names.flat_map(|section| self.tree.children(section)).map(|node: NodeId| self.tree.name(node)).next();
        name.filter(|name| name.len() < 100).unwrap_or("NAME").to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::is_suspicious;

    #[test]
    fn other_peoples_labels_are_left_alone() {
        for key in [
            "com.docker.compose.service",
            "rediacc.service_ip",
            "org.opencontainers.image.title",
            "maintainer",
            "traffic.shaping",
            "traefik-forward-auth.enabled-at",
            "traefik.docker.network",
            "traefik.swarm.network",
            "traefik.constraint-label",
            "",
            "é",
            "artifact.kit",
            "traefiker",
        ] {
            assert!(!is_suspicious(key, "x"), "{key}");
        }
        assert!(!is_suspicious("traefik.enable", "true"));
    }

    #[test]
    fn slips_are_noticed() {
        for key in [
            "trafik.enable",
            "treafik.http.routers.a.rule",
            "traefikenable",
            "traefikhttp.routers.a.rule",
            "Traefik.enable",
            "traefik.enabled",
            "traefik.frontend.rule",
            "traefik.port",
            "traefik.tls.options.x.minVersion",
            "traefk.tcp.x",
            "raefik.enable",
            ".traefik.enable",
            "tr.aefik.http.x",
            "traefi.khttp.x",
            "traefikh.ttp.x",
        ] {
            assert!(is_suspicious(key, "true"), "{key}");
        }
        assert!(is_suspicious("traefik.enable", "yes"));
    }
}
