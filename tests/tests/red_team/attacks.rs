//! What the attacker writes into labels, from `attacks/*.txt`: `# name [code of the finding that says why it has no
//! effect]`, then labels without `traefik.`. Without a code it is something that does no harm.

/// Labels, and the finding that they deserve.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attack {
    pub(crate) name: &'static str,
    /// The beginning of its code; empty where none is needed.
    pub(crate) code: &'static str,
    pub(crate) labels: &'static str,
}

const LISTS: [&str; 4] = [
    // Hosts of others over HTTP, and rules that reach them.
    include_str!("attacks/hosts.txt"),
    // Entry points, SNI and ports of others.
    include_str!("attacks/entry-points.txt"),
    // References, addresses and files that are not the attacker's to reach.
    include_str!("attacks/reach.txt"),
    // What reaches nobody, and would stop or exhaust everybody's Traefik.
    include_str!("attacks/hazards.txt"),
];

pub(crate) fn all() -> impl Iterator<Item = Attack> {
    LISTS.into_iter().flat_map(|list| list.split("# ").filter_map(attack))
}

fn attack(text: &'static str) -> Option<Attack> {
    let (head, labels) = text.split_once('\n')?;
    let (name, code) = head.trim_end_matches(']').split_once(" [").unwrap_or((head, ""));
    Some(Attack { name, code, labels: labels.trim_end() })
}
