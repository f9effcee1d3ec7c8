//! What the programs say, run by rbpf instead of the kernel: no root, no control group. That the kernel takes them and
//! means the same by them is seen in `tests/` of the workspace.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests")]

use std::{
    cell::{Cell, RefCell},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use loopback_fence::{Hook, Policy, Role, program};
use proptest::prelude::*;
use repo_network::NetworkId;

const UDP: u32 = 17;
const TCP: u32 = 6;

thread_local! {
    /// What the kernel's functions answer in this test.
    static KERNEL: Cell<Kernel> = const { Cell::new(Kernel { listener: 0, v6: 0, bound_to: 0, group: 0 }) };
}

thread_local! {
    static ANCESTORS: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
}

#[derive(Clone, Copy)]
struct Kernel {
    /// The address of a `bpf_sock` that a look-up finds, or 0.
    listener: u64,
    /// The address of the socket as IPv6's, or 0.
    v6: u64,
    /// The source address that the program gave.
    bound_to: u32,
    group: u64,
}

fn change(change: impl FnOnce(&mut Kernel)) {
    KERNEL.with(|kernel| {
        let mut now = kernel.get();
        change(&mut now);
        kernel.set(now);
    });
}

fn kernel() -> Kernel {
    KERNEL.with(Cell::get)
}

fn look_up(_context: u64, _tuple: u64, length: u64, namespace: u64, flags: u64) -> u64 {
    assert_eq!((length, namespace.cast_signed(), flags), (12, -1, 0));
    kernel().listener
}

fn release(socket: u64, _: u64, _: u64, _: u64, _: u64) -> u64 {
    assert_eq!(socket, kernel().listener, "what was found is given back");
    0
}

fn bind(_context: u64, _address: u64, length: u64, _: u64, _: u64) -> u64 {
    change(|kernel| kernel.bound_to = u32::try_from(length).unwrap());
    0
}

fn as_v6(_socket: u64, _: u64, _: u64, _: u64, _: u64) -> u64 {
    kernel().v6
}

fn group(_: u64, _: u64, _: u64, _: u64, _: u64) -> u64 {
    kernel().group
}

fn ancestor(level: u64, _: u64, _: u64, _: u64, _: u64) -> u64 {
    let level = usize::try_from(level).unwrap();
    ANCESTORS.with(|all| all.borrow().get(level - 1).copied().unwrap_or_default())
}

/// A call of a program's, as the kernel shows it.
#[derive(Debug, Clone)]
struct Call {
    hook: Hook,
    address: IpAddr,
    port: u16,
    protocol: u32,
    /// With IPV6_V6ONLY.
    v6_only: bool,
    /// The address that the socket has.
    bound: Ipv4Addr,
    /// On which address somebody listens at the destination.
    listener: Option<Ipv4Addr>,
    group: u64,
    /// The groups that its own is in, the outermost first.
    ancestors: Vec<u64>,
}

/// What becomes of it.
#[derive(Debug, PartialEq, Eq)]
struct Done {
    verdict: u64,
    address: IpAddr,
    port: u16,
    /// The source that was given to it.
    has_source: bool,
}

fn call(hook: Hook, address: &str, port: u16) -> Call {
    let (address, bound) = (address.parse().unwrap(), Ipv4Addr::UNSPECIFIED);
    Call { hook, address, port, protocol: TCP, v6_only: false, bound, listener: None, group: 99, ancestors: Vec::new() }
}

fn network() -> NetworkId {
    "2816".parse().unwrap()
}

/// Of the service on 127.0.11.2.
fn slot() -> Policy {
    Policy::new(network(), Role::Slot(0.try_into().unwrap()))
}

fn guard() -> Policy {
    Policy::new(network(), Role::Guard { daemon: Some(7), off: Vec::new() })
}

/// The programs of several control groups one after the other, the innermost first, as the kernel runs them.
fn run(call: &Call, policies: &[&Policy]) -> Done {
    let mut context = [0_u8; 72];
    context[24..26].copy_from_slice(&call.port.to_be_bytes());
    context[36..40].copy_from_slice(&call.protocol.to_ne_bytes());
    match call.address {
        IpAddr::V4(address) => context[4..8].copy_from_slice(&address.octets()),
        IpAddr::V6(address) => context[8..24].copy_from_slice(&address.octets()),
    }
    let mut socket = vec![0_u8; 64];
    socket[24..28].copy_from_slice(&call.bound.octets());
    context[64..72].copy_from_slice(&(socket.as_ptr() as u64).to_ne_bytes());
    let mut v6_socket = vec![0_u8; 64];
    v6_socket[19] = if call.v6_only { 0x20 } else { 0 };
    let mut listener = vec![0_u8; 64];
    listener[24..28].copy_from_slice(&call.listener.unwrap_or(Ipv4Addr::UNSPECIFIED).octets());
    let address = |bytes: &[u8]| bytes.as_ptr() as u64;
    KERNEL.with(|kernel| {
        kernel.set(Kernel {
            listener: call.listener.map_or(0, |_| address(&listener)),
            v6: address(&v6_socket),
            bound_to: 0,
            group: call.group,
        });
    });
    ANCESTORS.with(|all| all.borrow_mut().clone_from(&call.ancestors));
    let mut verdict = 1;
    let mut flags = 0;
    for policy in policies {
        let instructions = program(call.hook, policy);
        let bytes: Vec<u8> = instructions
            .iter()
            .flat_map(|it| {
                let [low, high] = it.offset.to_le_bytes();
                let immediate = it.immediate.to_le_bytes();
                [it.code, it.registers, low, high].into_iter().chain(immediate)
            })
            .collect();
        let mut machine = rbpf::EbpfVmRaw::new(Some(&bytes)).unwrap();
        for (number, function) in [
            (64, bind as rbpf::Helper),
            (80, group),
            (84, look_up),
            (85, look_up),
            (86, release),
            (123, ancestor),
            (136, as_v6),
            (140, as_v6),
        ] {
            machine.register_helper(number, function).unwrap();
        }
        for memory in [&socket, &v6_socket, &listener] {
            machine.register_allowed_memory(address(memory)..address(memory) + memory.len() as u64);
        }
        let mut copy = context;
        let said = machine.execute_program(&mut copy).unwrap();
        context = copy;
        verdict &= said & 1;
        flags |= said >> 1;
    }
    let end = match call.address {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::from(<[u8; 4]>::try_from(&context[4..8]).unwrap())),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(&context[8..24]).unwrap())),
    };
    let source = context[40..44] != [0; 4];
    Done {
        verdict: if verdict == 1 { 1 | (flags << 1) } else { 0 },
        address: end,
        port: u16::from_be_bytes([context[24], context[25]]),
        has_source: source || kernel().bound_to != 0,
    }
}

/// In a service's control group, which is below the repository's.
fn service(call: &Call) -> Done {
    run(call, &[&slot(), &guard()])
}

/// In the repository's alone.
fn unslotted(call: &Call) -> u64 {
    run(call, &[&guard()]).verdict
}

const ANY_PORT: u64 = 3;

#[test]
fn what_is_bound_everywhere_or_on_localhost_is_bound_on_the_own_address() {
    for (address, own) in [
        ("0.0.0.0", "127.0.11.2"),
        ("127.0.0.1", "127.0.11.2"),
        ("127.0.11.2", "127.0.11.2"),
        ("::", "::ffff:127.0.11.2"),
        ("::1", "::ffff:127.0.11.2"),
        ("::ffff:0.0.0.0", "::ffff:127.0.11.2"),
        ("::ffff:127.0.0.1", "::ffff:127.0.11.2"),
    ] {
        let hook = if address.contains(':') { Hook::Bind6 } else { Hook::Bind4 };
        for protocol in [TCP, UDP] {
            let done = service(&Call { protocol, ..call(hook, address, 80) });
            assert_eq!((done.verdict, done.address), (ANY_PORT, own.parse().unwrap()), "{address}");
        }
    }
}

#[test]
fn a_client_s_socket_stays_as_it_is() {
    for (hook, address) in [(Hook::Bind4, "0.0.0.0"), (Hook::Bind6, "::")] {
        let done = service(&call(hook, address, 0));
        assert_eq!((done.verdict & 1, done.address), (1, address.parse().unwrap()));
        assert_eq!(unslotted(&call(hook, address, 0)), 1);
    }
}

#[test]
fn foreign_addresses_are_not_bound() {
    for address in ["127.0.11.3", "127.0.11.66", "127.0.12.2", "127.0.0.2", "192.0.2.1", "255.255.255.255"] {
        assert_eq!(service(&call(Hook::Bind4, address, 80)).verdict, 0, "{address}");
        assert_eq!(service(&call(Hook::Bind6, &format!("::ffff:{address}"), 80)).verdict, 0, "{address}");
        assert_eq!(service(&call(Hook::Bind4, address, 0)).verdict, 0, "{address}");
    }
    for address in ["fe80::1", "2001:db8::1", "::2", "::1:0:0"] {
        assert_eq!(service(&call(Hook::Bind6, address, 80)).verdict, 0, "{address}");
    }
}

#[test]
fn sockets_of_ipv6_alone_listen_where_nobody_finds_them() {
    for address in ["::", "::1"] {
        let done = service(&Call { v6_only: true, ..call(Hook::Bind6, address, 80) });
        assert_eq!((done.verdict & 1, done.address, done.port), (1, "::1".parse().unwrap(), 0));
    }
}

#[test]
fn without_a_slot_nothing_binds_a_wildcard_and_siblings_are_within_reach() {
    for (hook, address) in
        [(Hook::Bind4, "0.0.0.0"), (Hook::Bind4, "127.0.0.1"), (Hook::Bind6, "::"), (Hook::Bind6, "::1")]
    {
        assert_eq!(unslotted(&call(hook, address, 80)), 0, "{address}");
    }
    assert_eq!(unslotted(&call(Hook::Bind4, "127.0.11.9", 80)), 1);
    assert_eq!(unslotted(&call(Hook::Connect4, "127.0.11.2", 80)), 1);
    assert_eq!(unslotted(&call(Hook::Connect4, "127.0.0.1", 7111)), 0);
}

#[test]
fn what_has_no_slot_has_the_last_address() {
    let rest = Policy::new(network(), Role::Rest);
    for (hook, address, end) in [
        (Hook::Bind4, "0.0.0.0", "127.0.11.63"),
        (Hook::Connect4, "127.0.0.1", "127.0.11.63"),
        (Hook::Connect4, "127.0.11.2", "127.0.11.2"),
    ] {
        let done = run(&call(hook, address, 8080), &[&rest, &guard()]);
        assert_eq!((done.verdict & 1, done.address), (1, end.parse().unwrap()), "{address}");
    }
    assert_eq!(run(&call(Hook::Bind4, "127.0.11.2", 8080), &[&rest, &guard()]).verdict, 0, "a service's");
}

#[test]
fn localhost_is_the_service_itself() {
    let own = "127.0.11.2";
    for (hook, address, to) in [
        (Hook::Connect4, "127.0.0.1", own.to_owned()),
        (Hook::Connect4, "0.0.0.0", own.to_owned()),
        (Hook::Connect6, "::1", format!("::ffff:{own}")),
        (Hook::Connect6, "::ffff:127.0.0.1", format!("::ffff:{own}")),
        (Hook::Sendmsg4, "127.0.0.1", own.to_owned()),
    ] {
        let done = service(&call(hook, address, 7111));
        assert_eq!((done.verdict, done.address), (1, to.parse().unwrap()), "{address}");
        assert!(!done.has_source, "it comes from 127.0.0.1, which pg_hba.conf and the like know");
    }
    assert_eq!(service(&call(Hook::Sendmsg6, "::1", 7111)).verdict, 0, "the kernel would not take it");
}

#[test]
fn neighbours_and_the_host_are_out_of_reach() {
    for address in ["127.0.12.2", "127.0.0.2", "127.0.11.66", "127.255.255.255"] {
        for hook in [Hook::Connect4, Hook::Sendmsg4] {
            for protocol in [TCP, UDP] {
                let made = Call { protocol, ..call(hook, address, 80) };
                assert_eq!((service(&made).verdict, unslotted(&made)), (0, 0), "{address}");
            }
        }
        for hook in [Hook::Connect6, Hook::Sendmsg6] {
            assert_eq!(service(&call(hook, &format!("::ffff:{address}"), 80)).verdict, 0, "{address}");
        }
    }
    for address in ["192.0.2.1", "10.0.0.1", "128.0.0.1"] {
        let done = service(&call(Hook::Connect4, address, 443));
        assert_eq!((done.verdict, done.address), (1, address.parse().unwrap()));
    }
    assert_eq!(service(&call(Hook::Connect6, "2001:db8::1", 443)).verdict, 1);
}

#[test]
fn siblings_are_reached_from_the_own_address() {
    for (hook, address) in
        [(Hook::Connect4, "127.0.11.3"), (Hook::Connect6, "::ffff:127.0.11.3"), (Hook::Sendmsg4, "127.0.11.3")]
    {
        let done = service(&call(hook, address, 5432));
        assert_eq!((done.verdict, done.address, done.has_source), (1, address.parse().unwrap(), true), "{address}");
    }
    let bound = Call { bound: Ipv4Addr::new(127, 0, 11, 2), ..call(Hook::Sendmsg4, "127.0.11.3", 5432) };
    assert!(!service(&bound).has_source, "it has one");
}

#[test]
fn listeners_of_the_host_on_all_addresses_are_refused_at_own_ones() {
    for listener in ["0.0.0.0", "127.0.0.1", "127.0.12.2"] {
        for (address, port) in [("127.0.11.9", 22), ("127.0.0.1", 22), ("127.0.11.2", 8080)] {
            let made = Call { listener: Some(listener.parse().unwrap()), ..call(Hook::Connect4, address, port) };
            assert_eq!(service(&made).verdict, 0, "{listener} at {address}");
        }
        let high = Call { listener: Some(listener.parse().unwrap()), ..call(Hook::Connect4, "127.0.11.3", 40000) };
        assert_eq!(service(&high).verdict, 1, "a client that waits for its answer");
    }
    let own = Call { listener: Some("127.0.11.3".parse().unwrap()), ..call(Hook::Connect4, "127.0.11.3", 80) };
    assert_eq!(service(&own).verdict, 1);
}

#[test]
fn answers_to_traefik_s_datagrams_pass() {
    let own = Ipv4Addr::new(127, 0, 11, 2);
    let answer = |port, bound| Call { protocol: UDP, bound, ..call(Hook::Sendmsg4, "127.0.0.1", port) };
    let done = service(&answer(45000, own));
    assert_eq!((done.verdict, done.address), (1, "127.0.0.1".parse().unwrap()));
    // A request to a service of the host's, or one of a socket that listens nowhere.
    assert_eq!(service(&answer(7111, own)).address, IpAddr::V4(own));
    assert_eq!(service(&answer(45000, Ipv4Addr::UNSPECIFIED)).address, IpAddr::V4(own));
}

#[test]
fn what_a_service_sends_to_itself_comes_from_localhost() {
    for (hook, address, shown) in [
        (Hook::Recvmsg4, "127.0.11.2", "127.0.0.1"),
        (Hook::Recvmsg4, "127.0.11.3", "127.0.11.3"),
        (Hook::Recvmsg4, "192.0.2.1", "192.0.2.1"),
        (Hook::Recvmsg6, "::ffff:127.0.11.2", "::ffff:127.0.0.1"),
        (Hook::Recvmsg6, "::ffff:127.0.11.3", "::ffff:127.0.11.3"),
        (Hook::Recvmsg6, "2001:db8::7f00:b02", "2001:db8::7f00:b02"),
    ] {
        let done = service(&call(hook, address, 5353));
        assert_eq!((done.verdict, done.address), (1, shown.parse().unwrap()), "{address}");
    }
}

#[test]
fn resolvers_of_the_machine_are_asked() {
    for address in ["127.0.0.53", "127.0.0.54"] {
        for protocol in [TCP, UDP] {
            let hook = if protocol == UDP { Hook::Sendmsg4 } else { Hook::Connect4 };
            let done = service(&Call { protocol, ..call(hook, address, 53) });
            assert_eq!((done.verdict, done.address), (1, address.parse().unwrap()));
        }
        assert_eq!(service(&call(Hook::Connect4, address, 5355)).verdict, 0);
    }
    assert_eq!(service(&call(Hook::Connect4, "127.0.0.1", 53)).address, "127.0.11.2".parse::<IpAddr>().unwrap());
    let resolvers = vec![Ipv4Addr::LOCALHOST];
    let policies = [slot(), guard()].map(|policy| Policy { resolvers: resolvers.clone(), ..policy });
    let done = run(&call(Hook::Connect4, "127.0.0.1", 53), &policies.each_ref());
    assert_eq!((done.verdict, done.address), (1, "127.0.0.1".parse().unwrap()), "where resolv.conf says so");
}

#[test]
fn the_host_is_reached_at_the_ports_that_the_operator_allows() {
    let policies = [slot(), guard()].map(|policy| Policy { host_ports: vec![3128, 9000], ..policy });
    for (hook, address, to) in [
        (Hook::Connect4, "127.0.11.1", "127.0.0.1"),
        (Hook::Connect6, "::ffff:127.0.11.1", "::ffff:127.0.0.1"),
        (Hook::Sendmsg4, "127.0.11.1", "127.0.0.1"),
    ] {
        let done = run(&call(hook, address, 9000), &policies.each_ref());
        assert_eq!((done.verdict, done.address), (1, to.parse().unwrap()), "{address}");
        let host = Call { listener: Some(Ipv4Addr::LOCALHOST), ..call(hook, address, 7111) };
        assert_eq!(run(&host, &policies.each_ref()).address, address.parse::<IpAddr>().unwrap());
    }
    let done = run(&call(Hook::Connect4, "127.0.0.1", 9000), &policies.each_ref());
    assert_eq!(done.address, "127.0.11.2".parse::<IpAddr>().unwrap(), "localhost stays its own");
    let wild = Call { listener: Some(Ipv4Addr::UNSPECIFIED), ..call(Hook::Connect4, "127.0.11.1", 22) };
    assert_eq!(run(&wild, &policies.each_ref()).verdict, 0);
}

#[test]
fn a_service_of_the_local_network_binds_the_machine_s_addresses() {
    let policies = [slot(), guard()].map(|policy| Policy { lan: true, ..policy });
    let run = |made: &Call| run(made, &policies.each_ref());
    for (hook, address) in [(Hook::Bind4, "192.0.2.1"), (Hook::Bind6, "2001:db8::1")] {
        assert_eq!(run(&call(hook, address, 8443)).verdict & 1, 1, "{address}");
    }
    for (hook, address) in [(Hook::Bind4, "0.0.0.0"), (Hook::Bind6, "::")] {
        let done = run(&Call { protocol: UDP, ..call(hook, address, 5353) });
        assert_eq!((done.verdict & 1, done.address), (1, address.parse().unwrap()));
    }
    assert_eq!(run(&call(Hook::Bind4, "0.0.0.0", 80)).address, "127.0.11.2".parse::<IpAddr>().unwrap());
    assert_eq!(run(&call(Hook::Bind4, "127.0.12.2", 80)).verdict, 0);
}

#[test]
fn the_daemon_itself_is_let_alone() {
    let daemon = Call { group: 7, ..call(Hook::Connect4, "127.0.0.1", 5000) };
    assert_eq!(unslotted(&daemon), 1);
    assert_eq!(unslotted(&Call { group: 8, ..daemon }), 0);
}

#[test]
fn a_service_that_has_no_fence_is_let_alone_and_nobody_else() {
    let off = Policy::new(network(), Role::Guard { daemon: None, off: vec![5, 6] });
    let foreign = Call { ancestors: vec![1, 3, 6, 9], ..call(Hook::Bind4, "127.0.12.2", 80) };
    assert_eq!(run(&foreign, &[&off]).verdict, 1);
    assert_eq!(run(&Call { ancestors: vec![1, 3, 7, 9], ..foreign }, &[&off]).verdict, 0);
}

#[test]
fn each_program_is_small() {
    for hook in Hook::ALL {
        let most = Policy { resolvers: vec![Ipv4Addr::LOCALHOST; 100], host_ports: vec![1; 100], lan: true, ..slot() };
        for policy in [slot(), guard(), most] {
            let length = program(hook, &policy).len();
            assert!((3..400).contains(&length), "{hook:?}: {length}");
        }
    }
}

proptest! {
    /// Whatever is asked: nothing outside the /26 is bound, and nothing of 127/8 outside it is reached but resolvers.
    #[test]
    fn nobody_gets_out(address: u32, port: u16, udp: bool, v6: bool, v6_only: bool, loopback: bool, bound: bool) {
        let address = Ipv4Addr::from(if loopback { (127 << 24) | (address & 0x00ff_ffff) } else { address });
        let shown: IpAddr = if v6 { IpAddr::V6(address.to_ipv6_mapped()) } else { IpAddr::V4(address) };
        let bound = if bound { Ipv4Addr::new(127, 0, 11, 2) } else { Ipv4Addr::UNSPECIFIED };
        for hook in Hook::ALL {
            if matches!(hook, Hook::Recvmsg4 | Hook::Recvmsg6) { continue }
            let is_v6 = matches!(hook, Hook::Bind6 | Hook::Connect6 | Hook::Sendmsg6);
            if is_v6 != v6 { continue }
            let protocol = if udp { UDP } else { TCP };
            let made = Call { protocol, v6_only, bound, ..call(hook, &shown.to_string(), port) };
            let done = service(&made);
            if done.verdict == 0 { continue }
            let end = match done.address {
                IpAddr::V4(end) => end,
                IpAddr::V6(end) => match end.to_ipv4_mapped() { Some(end) => end, None => continue },
            };
            let is_within = network().owns(end) || end == network().network() || u32::from(end) == u32::from(network().network()) + 1
                || u32::from(end) == u32::from(network().network()) + 63;
            let is_bind = matches!(hook, Hook::Bind4 | Hook::Bind6);
            if is_bind {
                prop_assert!(end == Ipv4Addr::new(127, 0, 11, 2) || (end.is_unspecified() && port == 0), "{made:?} {done:?}");
            } else if end.is_loopback() {
                let is_dns = port == 53 && [53, 54].contains(&end.octets()[3]);
                let is_answer = hook == Hook::Sendmsg4 && end == Ipv4Addr::LOCALHOST && port >= 32768 && !bound.is_unspecified();
                prop_assert!(is_within || is_dns || is_answer, "{made:?} {done:?}");
            }
        }
    }
}
