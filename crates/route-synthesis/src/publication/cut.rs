//! The last look at what is published: Traefik refuses a whole document for one bad entry, and says so once.

use traefik_model::{Configuration, DocumentFault, check_document};

use super::{Publication, Share};
use crate::{
    Finding, FindingCode, Severity, Subject,
    guard::why_unsayable,
    merge::{Entry, Kind, Sources, for_each_section, label_of},
    table::Protocol,
};

/// How often what is left is looked at again after something was taken out of it.
const MAX_ROUNDS: usize = 4;

// === impl Publication ===

impl Publication {
    /// Looks at everything once more as Traefik will, and takes out what it would refuse, or understand as something
    /// else: for one such entry it would refuse the whole document. Synthesis drafts nothing of that kind; this holds
    /// where it is wrong about that. What was looked at before is not looked at again.
    ///
    /// Returns a finding for each entry that was taken out. Call it when everything else is done to the publication.
    pub fn cut_out(&mut self) -> Vec<Finding> {
        let of_ports = take_faulty(&mut self.ports);
        let mut findings: Vec<_> = of_ports.iter().map(|fault| finding(fault, &self.port_sources)).collect();
        for Share { draft, changed, cut, .. } in &mut self.shares {
            // An entry that is changed is looked at as it is now.
            let drafted = draft.faults().iter().filter(|fault| !has(changed, fault));
            let mut faults: Vec<_> = drafted.cloned().collect();
            faults.extend(take_faulty(changed));
            cut.extend(faults.iter().filter_map(entry_of));
            findings.extend(faults.iter().map(|fault| finding(fault, &draft.sources)));
        }
        findings
    }
}

/// Who asked for what a fault is in, and why it is not published.
fn finding(fault: &DocumentFault, sources: &Sources) -> Finding {
    let message = why_unsayable(fault.kind);
    let new = |subject| Finding::new(FindingCode::Unsayable, Severity::Error, subject, message);
    let Some(entry) = entry_of(fault) else {
        return new(Subject::default()).label(fault.path.join("."));
    };
    let subject = sources.get(&entry).map(|source| source.subject()).unwrap_or_default();
    let field = fault.path.get(3..).unwrap_or_default().join(".");
    new(subject).label(label_of(&entry, &field))
}

/// Takes what Traefik would refuse or misunderstand out of a configuration, and returns why.
fn take_faulty(configuration: &mut Configuration) -> Vec<DocumentFault> {
    let mut found = Vec::new();
    for _ in 0..MAX_ROUNDS {
        if configuration.is_empty() {
            return found;
        }
        let faults = check_document(configuration);
        if faults.is_empty() {
            return found;
        }
        for (protocol, kind, name) in faults.iter().filter_map(entry_of) {
            for_each_section!(|E| {
                if (E::PROTOCOL, E::KIND) == (protocol, kind) {
                    E::section(configuration).remove(&name);
                }
            });
        }
        found.extend(faults);
    }
    *configuration = Configuration::default();
    found
}

/// The entry that a fault is in.
fn entry_of(fault: &DocumentFault) -> Option<(Protocol, Kind, String)> {
    let [protocol, section, name, ..] = fault.path.as_slice() else { return None };
    let mut entry = None;
    for_each_section!(|E| {
        if protocol == E::PROTOCOL.as_str() && section.strip_suffix('s') == Some(E::KIND.as_str()) {
            entry = Some((E::PROTOCOL, E::KIND, name.clone()));
        }
    });
    entry
}

fn has(configuration: &Configuration, fault: &DocumentFault) -> bool {
    let Some((protocol, kind, name)) = entry_of(fault) else { return false };
    let mut has = false;
    for_each_section!(|E| {
        has |= (E::PROTOCOL, E::KIND) == (protocol, kind) && E::section_of(configuration).contains_key(&name);
    });
    has
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use traefik_model::{http, middleware, tcp, to_yaml};

    use super::*;
    use crate::{draft::Draft, merge::Sources, publication::Refused};

    fn router(entry_point: &str) -> http::Router {
        http::Router { rule: "Host(`a.b`)".into(), entry_points: vec![entry_point.into()], ..Default::default() }
    }

    /// A share of a draft with these, as if synthesis had let them through.
    fn share(configuration: Configuration) -> Share {
        Share::new(Arc::new(Draft::of(configuration)), Refused::new())
    }

    fn good(id: u32) -> Configuration {
        let mut configuration = Configuration::default();
        configuration.http.routers.insert(format!("app-{id}"), router("websecure"));
        configuration
    }

    /// What Traefik refuses, or reads as something else, in several sections.
    fn bad(id: u32) -> Configuration {
        let mut configuration = good(id);
        configuration.http.routers.insert(format!("split-{id}"), router("web║other"));
        let chain = middleware::Chain { middlewares: vec!["a║b".into()] };
        let chained = middleware::Middleware { chain: Some(Box::new(chain)), ..Default::default() };
        configuration.http.middlewares.insert(format!("split-{id}"), chained);
        let split = tcp::Router { entry_points: vec!["a║b".into()], ..Default::default() };
        configuration.tcp.routers.insert(format!("split-{id}"), split);
        configuration
    }

    fn names(publication: &Publication) -> Vec<String> {
        let Configuration { http, tcp, .. } = publication.configuration();
        let all = http.routers.into_keys().chain(http.services.into_keys()).chain(http.middlewares.into_keys());
        all.chain(tcp.routers.into_keys()).collect()
    }

    #[test]
    fn what_traefik_would_not_take_is_cut_out_and_nothing_else() {
        let shares = vec![share(bad(2816)), share(good(2880))];
        let mut publication = Publication::new(shares, Configuration::default(), Sources::new());
        assert!(!check_document(&publication.configuration()).is_empty(), "it is bad");
        let found = publication.cut_out();
        assert_eq!(found.len(), 3, "{found:?}");
        let mut labels: Vec<_> = found.iter().map(|finding| finding.subject.label.as_str()).collect();
        labels.sort_unstable();
        let expected = ["traefik.http.middlewares.split", "traefik.http.routers.split", "traefik.tcp.routers.split"];
        assert_eq!(labels.iter().map(|label| label.trim_end_matches(".entryPoints")).collect::<Vec<_>>(), expected);
        assert_eq!(names(&publication), ["app-2816", "app-2880"]);
        assert_eq!(check_document(&publication.configuration()), []);
        assert_eq!(publication.document().unwrap(), to_yaml(&publication.configuration()).unwrap());
        assert_eq!((publication.routers().total, publication.services().total), (2, 0));
    }

    #[test]
    fn a_changed_entry_that_is_bad_does_not_come_back_as_it_was_drafted() {
        let mut share = share(good(2816));
        share.changed.http.routers.insert("app-2816".to_owned(), router("a║b"));
        let mut publication = Publication::new(vec![share], Configuration::default(), Sources::new());
        assert_eq!(publication.cut_out().len(), 1);
        assert_eq!(names(&publication), [""; 0]);
    }

    #[test]
    fn bad_ports_are_cut_out_too() {
        let mut publication = Publication::new(vec![share(good(2816))], bad(2880), Sources::new());
        assert_eq!(publication.cut_out().len(), 3);
        assert_eq!(names(&publication), ["app-2816", "app-2880"]);
    }
}
