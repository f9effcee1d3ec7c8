//! What goes wrong with labels, and what is done to them on purpose.

use crate::generate::Labels;
use crate::random::Random;

const CHARACTERS: &[char] = &[
    '.', '.', '[', ']', '[', ']', 'a', 's', 'ſ', 'K', '\u{212a}', 'İ', 'ı', 'ß', '║', '0', '-', '=', ' ', '\u{0}',
    '\n', ',', '"', '🦀', '\u{fffd}', '\u{300}', 'Σ', 'ς', 'ǅ',
];
const SEGMENTS: &[&str] = &[
    "traefik",
    "Traefik",
    "http",
    "HTTP",
    "tcp",
    "udp",
    "tls",
    "stores",
    "default",
    "routers",
    "services",
    "middlewares",
    "r",
    "R",
    "rule",
    "tls",
    "domains[0]",
    "domains",
    "main",
    "loadbalancer",
    "server",
    "servers",
    "port",
    "[0]",
    "[",
    "]",
    "x]",
    "[x",
    "a[",
    "a[]",
    "a[0][1]",
    "a]b[c]",
    "",
    "plugin",
    "entrypoints",
    "weighted",
    "ſervice",
    "headers",
    "customrequestheaders",
    "║",
    "\u{0}",
    "httpx",
    "k\u{212a}",
    "\u{feff}",
];

/// Changes one label by one slip.
pub(crate) fn one(labels: &mut Labels, random: &mut Random) {
    let keys: Vec<_> = labels.keys().cloned().collect();
    if keys.is_empty() {
        return;
    }
    let key = random.pick(&keys).clone();
    let value = labels.remove(&key).unwrap_or_default();
    match random.below(10) {
        0..4 => drop(labels.insert(slip(&key, random), value)),
        4..7 => drop(labels.insert(in_segments(&key, random), value)),
        7 => {
            let other = recase(&key, random);
            labels.insert(key, value.clone());
            labels.insert(other, value);
        }
        8 => {
            let other = random.pick(&keys).clone();
            let (head, _) = other.rsplit_once('.').unwrap_or((&other, ""));
            let (_, tail) = key.rsplit_once('.').unwrap_or(("", &key));
            labels.insert(format!("{head}.{tail}"), value);
        }
        _ => drop(labels.insert(key, slip(&value, random))),
    }
}

/// One character inserted, deleted, replaced, doubled or swapped with the next.
fn slip(text: &str, random: &mut Random) -> String {
    let mut characters: Vec<char> = text.chars().collect();
    let at = random.below(characters.len().max(1));
    let new = *random.pick(CHARACTERS);
    match random.below(5) {
        0 => characters.insert(at, new),
        _ if characters.is_empty() => characters.push(new),
        1 => drop(characters.remove(at)),
        2 => characters[at] = new,
        3 => characters.insert(at, characters[at]),
        _ => {
            let other = (at + 1) % characters.len();
            characters.swap(at, other);
        }
    }
    characters.into_iter().collect()
}

/// One segment of a key deleted, doubled, replaced, inserted or cut off.
fn in_segments(key: &str, random: &mut Random) -> String {
    let mut segments: Vec<&str> = key.split('.').collect();
    let at = random.below(segments.len());
    let new = *random.pick(SEGMENTS);
    match random.below(5) {
        0 => drop(segments.remove(at)),
        1 => segments.insert(at, segments[at]),
        2 => segments[at] = new,
        3 => segments.insert(at, new),
        _ => segments.truncate(at + 1),
    }
    segments.join(".")
}

fn recase(key: &str, random: &mut Random) -> String {
    let flip = |c: char| if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() };
    key.char_indices().map(|(at, c)| if at > 7 && random.one_in(6) { flip(c) } else { c }).collect()
}

/// Labels of pieces that mean something, in no sensible order; now and then many, long or deep ones.
pub(crate) fn hostile(random: &mut Random) -> Labels {
    match random.below(40) {
        0 => many(random),
        1 => deep(random),
        2 => long(random),
        _ => (0..=random.below(6)).map(|_| soup(random)).collect(),
    }
}

fn soup(random: &mut Random) -> (String, String) {
    let heads = [
        "traefik.http.",
        "traefik.tcp.",
        "traefik.udp.",
        "traefik.tls.stores.default.",
        "Traefik.http.",
        "traefik.HTTP",
        "",
    ];
    let mut key = (*random.pick(&heads)).to_owned();
    let collections =
        ["routers.", "services.s.loadbalancer.", "middlewares.m.", "routers.r.tls.", "middlewares.m.plugin.", ""];
    key += random.pick::<&str>(&collections);
    let segments: Vec<_> = (0..random.below(5)).map(|_| *random.pick(SEGMENTS)).collect();
    key.push_str(&segments.join("."));
    for _ in 0..random.below(3) {
        key = slip(&key, random);
    }
    let value = (0..random.below(4)).map(|_| *random.pick(CHARACTERS)).collect();
    (key, value)
}

fn many(random: &mut Random) -> Labels {
    let count = 10 + random.below(500);
    let name =
        |at: usize| format!("traefik.http.routers.{}{}.rule", if at.is_multiple_of(2) { "r" } else { "R" }, at / 2);
    (0..count).map(|at| (name(at), at.to_string())).collect()
}

fn deep(random: &mut Random) -> Labels {
    let below = ["plugin", "headers.customrequestheaders", "chain"];
    // Beyond what serde_json reads back (128), too many would be lost to our bound, too.
    let most = if random.one_in(4) { 70 } else { 45 };
    let depth = 1 + random.below(most);
    let segments: Vec<_> = (0..depth).map(|_| *random.pick(&["a", "b", "a[0]", "a[1]", "c"])).collect();
    let key = format!("traefik.http.middlewares.m.{}.{}", random.pick(&below), segments.join("."));
    let other = in_segments(&key, random);
    Labels::from([(key, "x".to_owned()), (other, "y".to_owned())])
}

fn long(random: &mut Random) -> Labels {
    let piece = *random.pick(&["x", "é", "🦀", "a,", " ", "\n", "║", "\""]);
    let name = piece.replace(',', "_").repeat(random.below(1500));
    let most = if random.one_in(8) { 300_000 } else { 3_000 };
    let value = piece.repeat(random.below(most));
    let key = match random.below(4) {
        0 => format!("traefik.http.routers.{name}r.entrypoints"),
        1 => format!("traefik.http.middlewares.m.headers.customrequestheaders.{name}"),
        2 => "traefik.http.middlewares.m.plugin.p.list[0]".to_owned(),
        _ => "traefik.http.routers.r.rule".to_owned(),
    };
    Labels::from([(key, value)])
}
