use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
    time::{Duration, Instant},
};

use container_snapshot::{Container, ContainerId, ContainerState};

use crate::event::Event;

/// With more containers than this it is better to ask for all of them.
const MOST_IDS: usize = 100;

/// Docker tells of an end or a pause a little before its list does (seen with 20.10: about the time
/// of a write to disk). So the question waits this long, and is asked again when that was too short.
const SETTLE: Duration = Duration::from_millis(50);

/// How often a question is asked again because the answer contradicts the event; the waits double.
const MOST_TRIES: u32 = 5;

/// How long after a flood of events, and after the subscription, everything is listed once more, for the same reason.
const AFTERMATH: Duration = Duration::from_secs(1);

/// Events cause no two lists of everything that are closer together: whoever makes IDs up, or floods, costs no more.
const APART: Duration = Duration::from_secs(1);

/// What to ask a daemon next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Question {
    /// All containers.
    Everything,
    /// These containers.
    About(Asked),
}

/// The containers that a question is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Asked(BTreeMap<ContainerId, Hint>);

/// What events have said since the last question. Bounded, whatever a daemon sends.
#[derive(Debug, Default)]
pub(crate) struct Hints {
    /// When all containers are to be listed.
    everything: Option<Instant>,
    /// When they are to be listed once more.
    aftermath: Option<Instant>,
    /// When events may cause a list of everything again.
    rested: Option<Instant>,
    containers: BTreeMap<ContainerId, Hint>,
    /// Those that ended and did not begin again, since that was last asked.
    ended: BTreeSet<ContainerId>,
}

/// What the last event says of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Hint {
    /// When to ask.
    due: Instant,
    expected: Expected,
    tries: u32,
}

/// What the answer will be, if the daemon's list is up to date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    Anything,
    NotRunning,
    NotPaused,
    /// There is no need to ask.
    Gone,
}

// === impl Hints ===

impl Hints {
    /// Asks for everything now.
    pub(crate) fn everything(&mut self, now: Instant) {
        self.everything = Some(now);
    }

    /// The same of a subscription that has just begun, and once more when its events have had the time to come: what
    /// happened between the two calls may be in neither.
    pub(crate) fn begin(&mut self, now: Instant) {
        self.everything(now);
        self.aftermath = Some(now + AFTERMATH);
    }

    /// Asks for everything because of what a daemon says: as soon as that may be.
    pub(crate) fn everything_soon(&mut self, soon: Instant) {
        let soon = self.rested.map_or(soon, |rested| soon.max(rested));
        self.everything = Some(self.everything.map_or(soon, |earlier| earlier.min(soon)));
    }

    /// Takes in an event; those that change nothing that is looked at are left out.
    pub(crate) fn note(&mut self, event: Event, now: Instant) {
        let Some(expected) = Expected::after(&event.action) else { return };
        if let Some(id) = &event.id {
            if event.action == "die" {
                self.ended.insert(id.clone());
            } else if expected == Expected::Anything {
                self.ended.remove(id);
            }
        }
        match event.id {
            Some(id) => self.hint(id, expected, now),
            None => self.everything_soon(now),
        }
        if self.containers.len() > MOST_IDS {
            self.containers.clear();
            self.ended.clear();
            self.everything_soon(now + SETTLE);
            self.aftermath = Some(now + AFTERMATH);
        }
    }

    fn hint(&mut self, id: ContainerId, expected: Expected, now: Instant) {
        let is_open = self.containers.get(&id).is_some_and(|hint| hint.expected != Expected::Gone);
        let hint = match expected {
            Expected::Gone if is_open => Hint { due: now, expected: Expected::Anything, tries: 0 },
            Expected::Gone | Expected::Anything => Hint { due: now, expected, tries: 0 },
            Expected::NotRunning | Expected::NotPaused => Hint { due: now + SETTLE, expected, tries: 0 },
        };
        self.containers.insert(id, hint);
    }

    /// Whose end was told since the last time.
    pub(crate) fn ended(&mut self) -> Vec<ContainerId> {
        mem::take(&mut self.ended).into_iter().collect()
    }

    /// The next question, if it is time for one. What it covers is forgotten.
    pub(crate) fn take(&mut self, now: Instant) -> Option<Question> {
        let is_due = |due: &mut Instant| *due <= now;
        let (first, again) = (self.everything.take_if(is_due), self.aftermath.take_if(is_due));
        let all = first.or(again).is_some();
        if all {
            self.rested = Some(now + APART);
        }
        // A contradiction shows only in the answer about a container, so that question stays.
        let covered = |hint: &Hint| hint.due <= now && !(all && hint.expected.can_be_contradicted());
        let (asked, later) = mem::take(&mut self.containers).into_iter().partition(|(_, hint)| covered(hint));
        self.containers = later;
        let asked = Some(Asked(asked)).filter(|asked| !asked.0.is_empty());
        if all { Some(Question::Everything) } else { asked.map(Question::About) }
    }

    /// When there will be a question, if no further event comes.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.containers.values().map(|hint| hint.due).chain(self.everything).chain(self.aftermath).min()
    }

    /// Asks again for the containers about which the answer contradicts the events, and returns them: until that was asked
    /// often enough, the answer is taken for an old one.
    pub(crate) fn verify(&mut self, asked: &Asked, found: &[Container], now: Instant) -> BTreeSet<ContainerId> {
        let mut doubtful = BTreeSet::new();
        for container in found {
            let Some(hint) = asked.0.get(&container.id) else { continue };
            if hint.expected.is_contradicted_by(container.state) && hint.tries < MOST_TRIES {
                let again = Hint { due: now + SETTLE * 2u32.pow(hint.tries), tries: hint.tries + 1, ..*hint };
                self.containers.entry(container.id.clone()).or_insert(again);
                doubtful.insert(container.id.clone());
            }
        }
        doubtful
    }
}

// === impl Asked ===

impl Asked {
    /// All of them.
    pub(crate) fn all(&self) -> Vec<ContainerId> {
        self.0.keys().cloned().collect()
    }

    /// Those that the daemon has to be asked for; the others are known to be gone.
    pub(crate) fn open(&self) -> Vec<ContainerId> {
        let open = self.0.iter().filter(|(_, hint)| hint.expected != Expected::Gone);
        open.map(|(id, _)| id.clone()).collect()
    }
}

// === impl Expected ===

impl Expected {
    /// From an event's `Action`, such as `start` or `health_status: healthy`; none for the many that
    /// change nothing here.
    fn after(action: &str) -> Option<Self> {
        match action.split(':').next().unwrap_or_default() {
            "create" | "start" | "restart" | "rename" | "update" | "health_status" => Some(Self::Anything),
            "die" | "stop" | "pause" => Some(Self::NotRunning),
            "unpause" => Some(Self::NotPaused),
            "destroy" => Some(Self::Gone),
            _ => None,
        }
    }

    fn can_be_contradicted(self) -> bool {
        matches!(self, Self::NotRunning | Self::NotPaused)
    }

    fn is_contradicted_by(self, state: ContainerState) -> bool {
        match self {
            Self::NotRunning => state == ContainerState::Running,
            Self::NotPaused => state == ContainerState::Paused,
            Self::Anything | Self::Gone => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use container_snapshot::{Health, Timestamp};

    fn event(action: &str, id: &str) -> Event {
        Event { action: action.to_owned(), id: Some(id.into()).filter(|_| !id.is_empty()) }
    }

    fn after(events: &[(&str, &str)], now: Instant) -> Hints {
        let mut hints = Hints::default();
        for (action, id) in events {
            hints.note(event(action, id), now);
        }
        hints
    }

    /// The question some time after the events: all IDs, and those to ask for.
    fn asked(events: &[(&str, &str)], later: Duration) -> Option<(Vec<String>, Vec<String>)> {
        let now = Instant::now();
        let text = |ids: Vec<ContainerId>| ids.iter().map(ContainerId::to_string).collect();
        match after(events, now).take(now + later)? {
            Question::Everything => Some((vec!["everything".to_owned()], Vec::new())),
            Question::About(asked) => Some((text(asked.all()), text(asked.open()))),
        }
    }

    fn ids(all: &[&str], open: &[&str]) -> Option<(Vec<String>, Vec<String>)> {
        let text = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect();
        Some((text(all), text(open)))
    }

    fn container(id: &str, state: ContainerState) -> Container {
        Container {
            id: id.into(),
            name: id.to_owned(),
            labels: Default::default(),
            created: Timestamp::default(),
            state,
            health: Health::Unchecked,
            network_mode: "host".to_owned(),
            defects: Vec::new(),
        }
    }

    #[test]
    fn a_container_is_asked_for_once_however_many_events_name_it() {
        let events = [("create", "a"), ("start", "a"), ("health_status: healthy", "a"), ("start", "b")];
        assert_eq!(asked(&events, Duration::ZERO), ids(&["a", "b"], &["a", "b"]));
    }

    #[test]
    fn events_that_change_nothing_ask_nothing() {
        let events = [("exec_create: sh", "a"), ("exec_die", "a"), ("top", "a"), ("kill", "a"), ("attach", "a")];
        assert_eq!(asked(&events, AFTERMATH), None);
    }

    #[test]
    fn a_removal_needs_no_call_unless_something_else_is_open() {
        assert_eq!(asked(&[("destroy", "a")], Duration::ZERO), ids(&["a"], &[]));
        assert_eq!(asked(&[("die", "a"), ("destroy", "a")], Duration::ZERO), ids(&["a"], &["a"]));
        assert_eq!(asked(&[("destroy", "a"), ("start", "b")], Duration::ZERO), ids(&["a", "b"], &["b"]));
    }

    #[test]
    fn an_end_is_told_at_once_unless_it_was_a_restart() {
        let ended = |events: &[(&str, &str)]| {
            let mut hints = after(events, Instant::now());
            let ended = hints.ended();
            assert_eq!(hints.ended(), []);
            ended.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(ended(&[("die", "a"), ("stop", "a"), ("start", "b")]), ["a"]);
        assert_eq!(ended(&[("die", "a"), ("start", "a"), ("restart", "a")]), [""; 0]);
    }

    #[test]
    fn an_end_is_asked_for_a_little_later_and_a_start_at_once() {
        assert_eq!(asked(&[("die", "a"), ("start", "b")], Duration::ZERO), ids(&["b"], &["b"]));
        assert_eq!(asked(&[("die", "a")], SETTLE), ids(&["a"], &["a"]));
        assert_eq!(asked(&[("die", "a"), ("start", "a")], Duration::ZERO), ids(&["a"], &["a"]));
    }

    #[test]
    fn what_contradicts_an_event_is_asked_again_for_a_while() {
        let mut now = Instant::now();
        let mut hints = after(&[("die", "a"), ("unpause", "b")], now);
        let found = [container("a", ContainerState::Running), container("b", ContainerState::Running)];
        for _ in 0..=MOST_TRIES {
            now += AFTERMATH * 5;
            let Some(Question::About(asked)) = hints.take(now) else { panic!("it is asked again") };
            assert!(asked.all().contains(&"a".into()));
            hints.verify(&asked, &found, now);
            assert_eq!(hints.take(now), None, "not at once");
        }
        assert_eq!(hints.due(), None, "it runs after all, and b is as it should be");
    }

    #[test]
    fn a_later_event_goes_before_a_contradiction() {
        let now = Instant::now();
        let mut hints = after(&[("die", "a")], now);
        let Some(Question::About(asked)) = hints.take(now + SETTLE) else { panic!("a question") };
        hints.note(event("start", "a"), now);
        hints.verify(&asked, &[container("a", ContainerState::Running)], now + SETTLE);
        assert_eq!(hints.due(), Some(now));
    }

    #[test]
    fn a_flood_asks_for_everything_and_once_more_when_it_is_over() {
        let names: Vec<_> = (0..=MOST_IDS).map(|number| format!("c{number}")).collect();
        let events: Vec<_> = names.iter().map(|id| ("die", id.as_str())).collect();
        let now = Instant::now();
        let mut hints = after(&events, now);
        assert_eq!(hints.take(now), None);
        assert_eq!(hints.take(now + SETTLE), Some(Question::Everything));
        assert_eq!(hints.due(), Some(now + AFTERMATH));
        assert_eq!(hints.take(now + AFTERMATH), Some(Question::Everything));
        assert_eq!(hints.due(), None);
    }

    #[test]
    fn an_event_without_a_sensible_id_asks_for_everything_but_not_all_the_time() {
        assert_eq!(asked(&[("start", "")], Duration::ZERO), ids(&["everything"], &[]));
        let now = Instant::now();
        let mut hints = Hints::default();
        let mut lists = 0;
        for millis in 0..10_000 {
            hints.note(event("start", ""), now + Duration::from_millis(millis));
            lists += u32::from(hints.take(now + Duration::from_millis(millis)).is_some());
        }
        assert_eq!(lists, 10);
        // What is asked for otherwise does not wait.
        hints.everything(now + Duration::from_millis(10_000));
        assert_eq!(hints.take(now + Duration::from_millis(10_000)), Some(Question::Everything));
    }

    #[test]
    fn a_subscription_begins_with_everything_and_once_more() {
        let now = Instant::now();
        let mut hints = Hints::default();
        hints.begin(now);
        assert_eq!(hints.take(now), Some(Question::Everything));
        assert_eq!(hints.due(), Some(now + AFTERMATH));
        assert_eq!(hints.take(now + AFTERMATH), Some(Question::Everything));
        assert_eq!(hints.due(), None);
    }
}
