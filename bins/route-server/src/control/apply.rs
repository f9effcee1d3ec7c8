use container_snapshot::{Snapshot, Timestamp};
use repo_network::NetworkId;
use route_api::{Answer, Change, Claim, Claims};
use route_synthesis::{HostPattern, Ledger, Policy};

use super::holdings::{held, restore};
use crate::health::rfc3339;

/// Does what was asked to the ledger; a pure function, so that the main loop stays the only writer.
pub(crate) fn apply(
    claims: Claims,
    ledger: &mut Ledger,
    snapshot: &Snapshot,
    policy: &Policy,
    now: Timestamp,
) -> Answer {
    match claims {
        Claims::List => Answer::Claims(list(ledger)),
        Claims::Assign { host, network_id } => match host.parse() {
            Ok(host) => assign(host, network_id, ledger, snapshot, now),
            Err(error) => Answer::error("bad_host", error),
        },
        Claims::Release { host } => release(host, ledger),
        Claims::Forget { network_id } => {
            ledger.forget(network_id);
            tracing::info!(%network_id, "everything of a repository that was deleted is forgotten");
            Answer::Forgotten
        }
        Claims::Holdings { network_id } => Answer::Holdings(held(ledger, network_id)),
        Claims::Restore { network_id, holdings } => {
            tracing::info!(%network_id, count = holdings.count(), "what a repository had is given back to it");
            Answer::Restored { not: restore(ledger, policy, network_id, holdings, now) }
        }
    }
}

fn list(ledger: &Ledger) -> Vec<Claim> {
    let claim = |(host, claim): (&HostPattern, &route_synthesis::Claim)| Claim {
        host: host.to_string(),
        network_id: claim.owner,
        since: rfc3339(claim.since),
        unused_since: claim.unused_since.map(rfc3339),
        assigned: claim.assigned,
    };
    ledger.hosts.iter().map(claim).collect()
}

fn assign(host: HostPattern, owner: NetworkId, ledger: &mut Ledger, snapshot: &Snapshot, now: Timestamp) -> Answer {
    let previous = ledger.assign(host.clone(), owner, now);
    tracing::info!(%host, network_id = %owner, previous = previous.map(NetworkId::get), "claim assigned");
    let answer =
        Answer::Assigned(Change { host: host.to_string(), network_id: Some(owner), previous, notes: Vec::new() });
    if snapshot.daemons.contains_key(&owner) {
        return answer;
    }
    answer.noting(format!("this machine has no Docker daemon of network {owner} at the moment"))
}

fn release(host: String, ledger: &mut Ledger) -> Answer {
    let message = format!("nobody has claimed {host:?}; `route-server claims list` shows what is claimed");
    // More than what can be assigned: odd names that a rule once used are owned as well.
    let released =
        HostPattern::try_from(host).ok().and_then(|host| ledger.release(&host).map(|previous| (host, previous)));
    let Some((host, previous)) = released else { return Answer::error("not_claimed", message) };
    tracing::info!(%host, previous = %previous, "claim released");
    Answer::Released(Change { host: host.to_string(), network_id: None, previous: Some(previous), notes: Vec::new() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assigning(host: &str, network_id: u32) -> Claims {
        Claims::Assign { host: host.to_owned(), network_id: network_id.try_into().unwrap() }
    }

    fn releasing(host: &str) -> Claims {
        Claims::Release { host: host.to_owned() }
    }

    #[test]
    fn from_hand_to_hand() {
        let mut ledger = Ledger::default();
        let mut ask = |claims, secs| {
            apply(claims, &mut ledger, &Snapshot::default(), &Policy::default(), Timestamp::from_secs(secs))
        };
        let Answer::Assigned(first) = ask(assigning("App.Example.org.", 2816), 1) else { panic!("assigned") };
        assert_eq!((first.host.as_str(), first.previous), ("app.example.org", None));
        assert_eq!(first.notes, ["this machine has no Docker daemon of network 2816 at the moment"]);
        let Answer::Assigned(second) = ask(assigning("app.example.org", 2880), 2) else { panic!("assigned") };
        assert_eq!(second.previous, first.network_id);
        let Answer::Claims(claims) = ask(Claims::List, 3) else { panic!("a list") };
        assert_eq!(claims.len(), 1);
        assert_eq!(claims[0].since, "1970-01-01T00:00:02.000Z");
        let Answer::Released(change) = ask(releasing("APP.example.org"), 4) else { panic!("released") };
        assert_eq!((change.network_id, change.previous), (None, second.network_id));
        assert!(matches!(ask(releasing("app.example.org"), 5), Answer::Error { code, .. } if code == "not_claimed"));
        assert!(matches!(ask(releasing(""), 5), Answer::Error { code, .. } if code == "not_claimed"));
        assert!(matches!(ask(assigning("a b", 64), 5), Answer::Error { code, .. } if code == "bad_host"));
        assert_eq!(ledger, Ledger::default());
    }

    #[test]
    fn of_a_deleted_repository_nothing_is_left() {
        let mut ledger = Ledger::default();
        let mut ask =
            |claims| apply(claims, &mut ledger, &Snapshot::default(), &Policy::default(), Timestamp::default());
        ask(assigning("a.example.org", 2816));
        ask(assigning("b.example.org", 2880));
        assert_eq!(ask(Claims::Forget { network_id: 2816.try_into().unwrap() }), Answer::Forgotten);
        let Answer::Claims(left) = ask(Claims::List) else { panic!("a list") };
        assert_eq!(left.iter().map(|claim| claim.host.as_str()).collect::<Vec<_>>(), ["b.example.org"]);
    }

    #[test]
    fn a_name_that_cannot_be_assigned_can_be_released() {
        let mut ledger = Ledger::default();
        let odd = HostPattern::try_from("b\u{fc}cher.example".to_owned()).unwrap();
        ledger.hosts.insert(odd, route_synthesis::Claim::new(64.try_into().unwrap(), Timestamp::default()));
        let answer = apply(
            releasing("B\u{fc}cher.example"),
            &mut ledger,
            &Snapshot::default(),
            &Policy::default(),
            Timestamp::default(),
        );
        assert!(matches!(answer, Answer::Released(_)), "{answer:?}");
    }
}
