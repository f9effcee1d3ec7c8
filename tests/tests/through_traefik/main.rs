//! What the project is for, asserted from outside: real containers on real daemons answer through a real Traefik.
//!
//! `scripts/test e2e` runs it; a name as an argument picks some of it. The tests share one [`World`](world::World)
//! and run one after the other, in this order, on the main thread.
#![expect(clippy::print_stderr, reason = "figures belong beside the results")]

mod bad_input;
mod changes;
mod listeners;
mod routes;
#[path = "../shared/trials.rs"]
mod trials;
mod world;

use std::process::ExitCode;

use end_to_end::Error;
use trials::Trials;
use world::World;

/// A test: looks at the world, may change it, leaves it as it was.
type Test = fn(&mut World) -> Result<(), Error>;

const TESTS: &[(&str, Test)] = &[
    ("auto_routes_answer_over_tls_with_their_own_containers_page", routes::auto_route),
    ("plain_http_is_redirected_to_https", routes::redirect),
    ("a_labelled_router_answers_with_its_hsts_header", routes::hsts),
    ("a_chain_of_middlewares_refuses_too_large_a_body_with_413", routes::chain),
    ("a_plain_tcp_router_delivers_a_greeting_of_the_server", routes::greeting_first),
    ("passthrough_shows_the_backends_own_certificate", routes::passthrough),
    ("passthrough_refuses_another_server_name", routes::another_name),
    ("a_udp_datagram_arrives_and_its_answer_comes_back", routes::udp),
    ("health_and_tables_say_what_is_routed", routes::tables),
    ("traefik_says_what_it_has_applied_and_what_it_refuses", routes::acknowledged),
    ("a_new_container_is_answered", changes::new_container),
    ("a_stopped_container_is_no_longer_answered", changes::stopped_container),
    ("a_third_daemon_is_found_while_running_and_let_go_when_it_ends", changes::third_daemon),
    ("routes_survive_a_restart_of_the_route_server", changes::route_server_restart),
    ("a_server_on_every_address_answers_and_is_told_so", listeners::own_wildcard),
    ("a_502_is_explained_by_who_listens_instead", listeners::nobody),
    ("what_a_neighbours_wildcard_would_receive_is_withheld", listeners::neighbours_wildcard),
    ("traefik_started_after_the_containers_answers_the_same", changes::traefik_restart),
    ("sockets_that_are_none_hang_or_talk_nonsense_leave_the_rest_alone", bad_input::sockets),
    ("a_label_of_a_mebibyte_leaves_the_rest_alone", bad_input::huge_label),
    ("bad_flags_are_named_in_the_first_line_with_exit_code_2", bad_input::flags),
];

fn main() -> ExitCode {
    let mut trials = Trials::new();
    TESTS.iter().for_each(|(name, test)| trials.add(name, test));
    trials.run(|world: &World| world.figures.iter().for_each(|figure| eprintln!("figure: {figure}")))
}
