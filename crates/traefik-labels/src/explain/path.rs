//! The key that was probably meant: the one that the schema knows and that takes the least to get to.

use traefik_model::{Access, Field, Shape, Source, StructShape};

use super::{
    synonyms,
    way::{Way, behind, parts, without_first, without_last},
};
use crate::{
    distance::{distance, tolerance},
    schema,
};

/// Longer keys, in bytes, are not corrected.
pub(super) const LONGEST: usize = 300;
/// Nor are keys with more parts.
const MAX_PARTS: usize = 20;
/// How many fields are looked at, at most.
const MAX_STEPS: usize = 4_000;

/// What changes cost. One character is one edit; what moves a whole segment costs more than what moves a dot.
const EDIT: usize = 4;
const LEVEL: usize = 4;
const DROP: usize = 6;
const SYNONYM: usize = 2;
const STRANGER: usize = 1;
/// How much is tried: first the cheap corrections, of which there are few.
const BUDGETS: [usize; 3] = [EDIT + STRANGER, 2 * EDIT + STRANGER, 14];

/// Whether these labels define a name in a section, such as `http`, `routers`.
type Known<'k> = &'k dyn Fn(&[&str], &str) -> bool;

/// A search for the key that was meant.
pub(super) struct Search<'k> {
    known: Known<'k>,
    steps: usize,
    best: Option<(usize, String)>,
    budget: usize,
}

/// The section whose entry is next, without the root.
fn section_of(way: &Way) -> Vec<&str> {
    way.taken.iter().skip(1).map(String::as_str).collect()
}

// === impl Search ===

impl<'k> Search<'k> {
    pub(super) fn new(known: Known<'k>) -> Self {
        Self { known, steps: 0, best: None, budget: 0 }
    }

    /// The nearest key that the schema knows; none if none is near.
    pub(super) fn correct(mut self, key: &str) -> Option<String> {
        let rest = parts(key);
        if key.len() > LONGEST || rest.len() > MAX_PARTS {
            return None;
        }
        for budget in BUDGETS {
            self.budget = budget;
            self.fields(&schema::ROOT, &Way { taken: Vec::new(), rest: rest.clone(), cost: 0 }, 0);
            if self.best.is_some() {
                break;
            }
        }
        self.best.map(|(_, key)| key)
    }

    fn is_hopeless(&self, way: &Way) -> bool {
        let limit = self.best.as_ref().map_or(self.budget + 1, |(cost, _)| *cost);
        way.cost >= limit || self.steps > MAX_STEPS
    }

    fn finish(&mut self, way: &Way) {
        let ends = way.rest.iter().map(|part| if part.is_empty() || part.starts_with('[') { EDIT } else { DROP });
        let cost = way.cost + ends.sum::<usize>();
        let best = self.best.as_ref().map_or(self.budget + 1, |(cost, _)| *cost);
        if cost < best {
            self.best = Some((cost, way.key()));
        }
    }

    fn shape(&mut self, shape: Shape, way: &Way, levels: usize) {
        if self.is_hopeless(way) {
            return;
        }
        match shape {
            Shape::Scalar(_) | Shape::List(_) => self.finish(way),
            Shape::Struct(fields) => self.fields(fields, way, levels),
            Shape::Structs(fields) => self.item(fields, way),
            Shape::Map(inner) => self.entry(*inner, way),
            Shape::Plugins if way.rest.len() > 1 => {
                let taken = way.taken.iter().chain(&way.rest).cloned().collect();
                self.finish(&Way { taken, rest: Vec::new(), cost: way.cost });
            }
            Shape::Plugins => {}
        }
    }

    fn fields(&mut self, shape: &'static StructShape, way: &Way, levels: usize) {
        let Some(next) = way.next() else { return };
        if next.is_empty() {
            return self.fields(shape, &way.dropped(EDIT), levels);
        }
        if let Some(path) = synonyms::of(shape.go_type, next) {
            self.synonym(shape, path, way);
        }
        // A key that begins right is followed before others are tried.
        let open = || shape.fields.iter().filter(|field| field.label != Access::Hidden);
        for field in open() {
            self.field(field, way, next);
        }
        for field in open().filter(|_| levels < 2 && !way.taken.is_empty()) {
            self.level(field, way, levels);
        }
        if way.rest.len() > 1 && !way.taken.is_empty() {
            let dropped = way.dropped(DROP);
            if !self.is_hopeless(&dropped) {
                self.fields(shape, &dropped, levels);
            }
        }
    }

    fn synonym(&mut self, shape: &'static StructShape, path: &str, way: &Way) {
        let (mut fields, mut end) = (shape, None);
        let mut way = way.take_instead(1, "", None, SYNONYM);
        way.taken.pop();
        for name in path.split('.') {
            let Some(field) = fields.find(name, Source::Labels).and_then(|at| fields.fields.get(at)) else { return };
            way.taken.push(field.name_in(Source::Labels).to_owned());
            end = Some(field);
            if let Shape::Struct(inner) | Shape::Structs(inner) = field.shape {
                fields = inner;
            }
        }
        if let Some(field) = end {
            self.below(field, &way, 0);
        }
    }

    /// What stands below a field that was taken.
    fn below(&mut self, field: &'static Field, way: &Way, levels: usize) {
        if way.rest.is_empty() && field.label == Access::AllowEmpty {
            return self.finish(way);
        }
        match field.shape {
            Shape::Structs(fields) if field.servers => self.shape(Shape::Struct(fields), way, levels),
            shape => self.shape(shape, way, levels),
        }
    }

    fn field(&mut self, field: &'static Field, way: &Way, next: &str) {
        self.steps += 1;
        let name = field.name_in(Source::Labels);
        let most = tolerance(name).min(self.budget.saturating_sub(way.cost) / EDIT);
        if let Some(edits) = distance(next, name, most) {
            // Only the root must be in lower case.
            let same = edits == 0 && (!way.taken.is_empty() || next == name);
            let spelt = if same { next } else { name };
            let cost = if edits == 0 && !same { EDIT } else { EDIT * edits };
            self.below(field, &way.take(spelt, cost), 0);
        }
        if most == 0 {
            return;
        }
        // A dot that is missing, or another character in its place.
        if let Some(left) = behind(next, name).filter(|left| !left.is_empty()) {
            self.below(field, &way.take_instead(1, name, Some(left), EDIT), 0);
            self.below(field, &way.take_instead(1, name, Some(without_first(left)), EDIT), 0);
        }
        self.joined(field, way, name);
    }

    /// A dot too many, one in place of a character, or one that changed places with its neighbour.
    fn joined(&mut self, field: &'static Field, way: &Way, name: &str) {
        let Some(joined) = way.joined() else { return };
        let lacks_one = joined.len() + 1 == name.len() && distance(&joined, name, 1).is_some();
        if lacks_one || joined.eq_ignore_ascii_case(name) {
            self.below(field, &way.take_instead(2, name, None, EDIT), 0);
        }
        let first = way.next().map_or(0, str::len);
        let moved = name.len().abs_diff(first);
        if let Some(left) = behind(&joined, name).filter(|left| !left.is_empty() && matches!(moved, 1 | 2)) {
            self.below(field, &way.take_instead(2, name, Some(left), EDIT * moved), 0);
        }
    }

    /// A level that was left out.
    fn level(&mut self, field: &'static Field, way: &Way, levels: usize) {
        let deeper = match field.shape {
            Shape::Struct(fields) => fields,
            Shape::Structs(fields) if field.servers => fields,
            _ => return,
        };
        let mut way = way.clone();
        way.cost += LEVEL;
        way.taken.push(field.name_in(Source::Labels).to_owned());
        if !self.is_hopeless(&way) {
            self.fields(deeper, &way, levels + 1);
        }
    }

    fn item(&mut self, fields: &'static StructShape, way: &Way) {
        match way.next() {
            Some(index) if index.starts_with('[') && index.ends_with(']') => {
                self.fields(fields, &way.take(index, 0), 0);
            }
            Some(_) => {
                let mut way = way.clone();
                way.cost += SYNONYM;
                way.taken.push("[0]".to_owned());
                self.fields(fields, &way, 0);
            }
            None => {}
        }
    }

    fn entry(&mut self, inner: Shape, way: &Way) {
        let Some(next) = way.next() else { return };
        if next.is_empty() {
            return self.entry(inner, &way.dropped(EDIT));
        }
        let Shape::Struct(fields) = inner else {
            // Keys of plain maps may have dots.
            let taken = way.taken.iter().chain(way.rest.iter().filter(|part| !part.is_empty())).cloned().collect();
            return self.finish(&Way { taken, rest: Vec::new(), cost: way.cost });
        };
        self.steps += 1;
        let clean = next.trim_matches(['[', ']']);
        let cost = if clean.len() < next.len() { EDIT } else { 0 };
        self.named(fields, way, (1, clean, None), cost);
        if let (Some(joined), Some(second)) = (way.joined(), way.rest.get(1)) {
            let is_known = (self.known)(&section_of(way), &joined);
            if is_known || fields.find(second, Source::Labels).is_none() {
                self.named(fields, way, (2, &joined, None), if is_known { EDIT } else { DROP });
                self.named(fields, way, (2, &format!("{next}-{second}"), None), EDIT);
            }
            // The dot changed places with a neighbour.
            let first = second.chars().next().map(String::from).unwrap_or_default();
            self.named(fields, way, (2, &format!("{next}{first}"), Some(without_first(second))), EDIT);
            let last = next.chars().next_back().map(String::from).unwrap_or_default();
            self.named(fields, way, (2, without_last(next), Some(&format!("{last}{second}"))), EDIT);
        }
        self.run_together(fields, way, next);
    }

    /// A name and a field without a dot between them.
    fn run_together(&mut self, fields: &'static StructShape, way: &Way, next: &str) {
        for field in fields.fields.iter().filter(|field| field.label != Access::Hidden) {
            let name = field.name_in(Source::Labels);
            let Some(at) = next.len().checked_sub(name.len()).filter(|at| *at > 0) else { continue };
            let Some((head, tail)) = next.split_at_checked(at) else { continue };
            if tail.eq_ignore_ascii_case(name) {
                self.named(fields, way, (1, head, Some(tail)), EDIT);
                self.named(fields, way, (1, without_last(head), Some(tail)), EDIT);
            }
        }
    }

    /// Takes a free name in place of the next parts, and leaves a piece of them.
    fn named(&mut self, fields: &'static StructShape, way: &Way, taken: (usize, &str, Option<&str>), cost: usize) {
        let (parts, name, left) = taken;
        if name.is_empty() {
            return;
        }
        let stranger = if (self.known)(&section_of(way), name) { 0 } else { STRANGER };
        let way = way.take_instead(parts, name, left, cost + stranger);
        if !self.is_hopeless(&way) {
            self.fields(fields, &way, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn corrected(key: &str) -> String {
        let known = |section: &[&str], name: &str| section.len() == 2 && name == "myapp";
        Search::new(&known).correct(&format!("traefik.{key}")).unwrap_or_default()
    }

    #[test]
    fn keys_are_corrected() {
        for (key, meant) in [
            ("http.services.s.loadbalancer.servers.port", "http.services.s.loadbalancer.server.port"),
            ("http.services.s.port", "http.services.s.loadBalancer.server.port"),
            ("http.services.s.loadbalancer.port", "http.services.s.loadbalancer.server.port"),
            ("http.services.s.server.port", "http.services.s.loadBalancer.server.port"),
            ("http.services.s.loadbalancer.method", "http.services.s.loadbalancer.strategy"),
            ("http.routers.r.certresolver", "http.routers.r.tls.certresolver"),
            ("http.routers.r.entrypoint", "http.routers.r.entryPoints"),
            ("http.routers.r.tls.entrypoints", "http.routers.r.entrypoints"),
            ("http.router.r.rule", "http.routers.r.rule"),
            ("http.middleware.m.basicauth.users_file", "http.middlewares.m.basicauth.usersFile"),
            ("http.middlewares.m.stsseconds", "http.middlewares.m.headers.stsseconds"),
            ("http.routers.myapp.tls.domains.main", "http.routers.myapp.tls.domains[0].main"),
            ("http.routers.my.app.rule", "http.routers.myapp.rule"),
            ("http.routers.our.app.rule", "http.routers.our-app.rule"),
            ("http.routers.r.ipwhitelst", ""),
        ] {
            let meant = if meant.is_empty() { String::new() } else { format!("traefik.{meant}") };
            assert_eq!(corrected(key), meant, "{key}");
        }
    }

    #[test]
    fn dots_are_moved() {
        for slip in [
            "httprouters.myapp.rule",
            "httpxrouters.myapp.rule",
            "http.routersmyapp.rule",
            "http.routersm.yapp.rule",
            "http.route.rsmyapp.rule",
            "http.routers.myapprule",
            "http.routers.myap.prule",
            "http.routers.myappr.ule",
            "http.routers.myapp.ru.le",
            "http.routers.my.app.rule",
            "http..routers.myapp.rule",
            ".http.routers.myapp.rule",
            "http.routers.myapp.rule.",
            "ht.tp.routers.myapp.rule",
            "http.routers.myapp.rule[0]",
            "http.routers.myapp].rule",
        ] {
            assert_eq!(corrected(slip), "traefik.http.routers.myapp.rule", "{slip}");
        }
    }

    #[test]
    fn the_root_is_corrected_too() {
        for slip in
            ["trafik.enable", "treafik.enable", "Traefik.enable", "traefikenable", "tra.efik.enable", "traefi.kenable"]
        {
            let never = |_: &[&str], _: &str| false;
            assert_eq!(Search::new(&never).correct(slip).as_deref(), Some("traefik.enable"), "{slip}");
        }
    }

    #[test]
    fn a_search_ends() {
        let never = |_: &[&str], _: &str| false;
        for key in ["traefik.".repeat(30), "a.".repeat(19), format!("traefik.http.middlewares.m.{}", "x.".repeat(15))] {
            assert_eq!(Search::new(&never).correct(&key), None);
        }
    }
}
