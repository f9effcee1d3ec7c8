//! The programs of a control group. Addresses are constants in them: no maps, nothing to be kept in step.

use std::net::Ipv4Addr;

use crate::{
    assembler::{Assembler, Instruction, R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, R10},
    policy::{MAX_ALLOWED, Policy, Role},
};

/// Where the kernel asks (`enum bpf_attach_type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u32)]
pub enum Hook {
    /// bind(2), IPv4.
    Bind4 = 8,
    /// bind(2), IPv6.
    Bind6 = 9,
    /// connect(2), IPv4; of UDP too.
    Connect4 = 10,
    /// connect(2), IPv6; of UDP too.
    Connect6 = 11,
    /// sendto(2) and the like of UDP without connect, IPv4.
    Sendmsg4 = 14,
    /// The same, IPv6.
    Sendmsg6 = 15,
    /// recvfrom(2) and the like of UDP, IPv4: whom a datagram comes from.
    Recvmsg4 = 19,
    /// The same, IPv6.
    Recvmsg6 = 20,
}

// Places in `struct bpf_sock_addr`, what a program is given.
const ADDRESS4: i16 = 4;
const ADDRESS6: i16 = 8;
const PORT: i16 = 24;
const PROTOCOL: i16 = 36;
const SOURCE4: i16 = 40;
const SOCKET: i16 = 64;
/// In `struct bpf_sock`: the address that it is bound to.
const SOCKET_ADDRESS4: i16 = 24;
/// In the kernel's `struct sock_common`: reuse (4 bits), reuseport, ipv6only (little end first). It has been there since
/// Linux 3; the self-test of whoever attaches the fence would see it move.
const SOCKET_FLAGS: i16 = 19;
const IPV6_ONLY: u32 = 0x20;

// Functions of the kernel (`enum bpf_func_id`).
const BIND: i32 = 64;
const GET_CURRENT_CGROUP_ID: i32 = 80;
const GET_CURRENT_ANCESTOR_CGROUP_ID: i32 = 123;
const SK_LOOKUP_TCP: i32 = 84;
const SK_LOOKUP_UDP: i32 = 85;
const SK_RELEASE: i32 = 86;
const SKC_TO_TCP6_SOCK: i32 = 136;
const SKC_TO_UDP6_SOCK: i32 = 140;

// What a program says.
const DENY: u32 = 0;
const ALLOW: u32 = 1;
/// And the port may be below 1024 without a capability (since Linux 5.12).
const ALLOW_ANY_PORT: u32 = 3;

/// The first port that clients get by themselves on every Linux: who has one is a client that waits for its answer, or a
/// listener on no port of its own choice.
const EPHEMERAL: u32 = 32768;
/// So deep control groups of services are looked for: those of units stand in three or four others.
const DEPTH: u32 = 10;
const LOCALHOST: Ipv4Addr = Ipv4Addr::LOCALHOST;
const UDP: u32 = libc::IPPROTO_UDP as u32;

// === impl Hook ===

impl Hook {
    /// All that the fence needs.
    pub const ALL: [Self; 8] = [
        Self::Bind4,
        Self::Bind6,
        Self::Connect4,
        Self::Connect6,
        Self::Sendmsg4,
        Self::Sendmsg6,
        Self::Recvmsg4,
        Self::Recvmsg6,
    ];

    /// The name of its program, by which the fence knows its own.
    #[must_use]
    pub fn program_name(self) -> &'static str {
        match self {
            Self::Bind4 => "fence_bind4",
            Self::Bind6 => "fence_bind6",
            Self::Connect4 => "fence_connect4",
            Self::Connect6 => "fence_connect6",
            Self::Sendmsg4 => "fence_sendmsg4",
            Self::Sendmsg6 => "fence_sendmsg6",
            Self::Recvmsg4 => "fence_recvmsg4",
            Self::Recvmsg6 => "fence_recvmsg6",
        }
    }

    fn is_v6(self) -> bool {
        matches!(self, Self::Bind6 | Self::Connect6 | Self::Sendmsg6 | Self::Recvmsg6)
    }

    fn is_bind(self) -> bool {
        matches!(self, Self::Bind4 | Self::Bind6)
    }
}

/// The program of a hook for a policy.
///
/// R6 is the context, R7 the IPv4 address or the last word of an IPv6 one, R8 the port, both in network order.
#[must_use]
pub fn program(hook: Hook, policy: &Policy) -> Vec<Instruction> {
    let mut program = Program { hook, policy, own: policy.own(), text: Assembler::default() };
    if matches!(hook, Hook::Recvmsg4 | Hook::Recvmsg6) {
        program.received()
    } else {
        program.write()
    }
    // The labels are ours, and 4096 instructions are within reach of any jump.
    program.text.finish().unwrap_or_default()
}

struct Program<'a> {
    hook: Hook,
    policy: &'a Policy,
    own: Option<Ipv4Addr>,
    text: Assembler,
}

/// As the kernel shows an address: network order, read as a word of this machine.
fn word(address: Ipv4Addr) -> u32 {
    u32::from_ne_bytes(address.octets())
}

/// The same for a port, in the lower half of a word.
fn port(port: u16) -> u32 {
    u32::from(port.to_be())
}

/// The bits of an address that are the network's: a /26.
fn network_mask() -> u32 {
    word(Ipv4Addr::new(255, 255, 255, 192))
}

/// The word before the IPv4 address in `::ffff:a.b.c.d`.
fn mapped() -> u32 {
    0xffff_u32.to_be()
}

// === impl Program ===

impl Program<'_> {
    fn write(&mut self) {
        let Self { hook, policy, .. } = *self;
        self.text.copy(R6, R1);
        if let Role::Guard { daemon, off } = &policy.role {
            if let Some(group) = daemon {
                self.text.call(GET_CURRENT_CGROUP_ID).set_wide(R1, *group).if_same(R0, R1, "allow");
            }
            // How deep a group is, whoever asks cannot say: it may see only a part of the hierarchy.
            for (group, level) in off.iter().take(MAX_ALLOWED).flat_map(|group| (1..=DEPTH).map(move |it| (group, it)))
            {
                self.text.set(R1, level).call(GET_CURRENT_ANCESTOR_CGROUP_ID);
                self.text.set_wide(R1, *group).if_same(R0, R1, "allow");
            }
        }
        self.text.load(R8, R6, PORT);
        if hook.is_v6() {
            // Anything but ::, ::1 and ::ffff:a.b.c.d is another machine's or the host's own address.
            let other = if hook.is_bind() && !policy.lan { "deny" } else { "allow" };
            self.text.load(R1, R6, ADDRESS6).load(R2, R6, ADDRESS6 + 4).or(R1, R2).if_not_equal(R1, 0, other);
            self.text.load(R7, R6, ADDRESS6 + 12).load(R1, R6, ADDRESS6 + 8);
            self.text.if_equal(R1, mapped(), "v4").if_not_equal(R1, 0, other);
            self.text.if_equal(R7, 0, "any").if_equal(R7, 1_u32.to_be(), "self").go(other);
        } else {
            self.text.load(R7, R6, ADDRESS4);
        }
        self.text.label("v4").if_equal(R7, 0, "any");
        if hook.is_bind() {
            self.binding()
        } else {
            self.destination()
        }
        self.text.label("self");
        self.localhost();
        self.text.label("within");
        // Who cannot be looked up is told by connect.
        if !hook.is_bind() && hook != Hook::Sendmsg6 {
            self.refuse_the_hosts(["udp", "found", "done"]);
        }
        self.source();
        self.text.label("allow");
        let allow = if hook.is_bind() && self.own.is_some() { ALLOW_ANY_PORT } else { ALLOW };
        self.text.exit(allow).label("deny").exit(DENY);
    }

    /// What a service sends to itself comes from localhost, since that is how it mostly asks itself: who compares the sender
    /// of an answer with whom it asked (musl, dnsmasq) finds it right. Such a program may refuse nothing.
    fn received(&mut self) {
        let at = if self.hook.is_v6() { ADDRESS6 + 12 } else { ADDRESS4 };
        self.text.copy(R6, R1);
        if let Some(own) = self.own {
            if self.hook.is_v6() {
                self.text.load(R1, R6, ADDRESS6 + 8).if_not_equal(R1, mapped(), "as it is");
            }
            self.text.load(R1, R6, at).if_not_equal(R1, word(own), "as it is");
            self.text.set(R1, word(LOCALHOST)).store(R6, at, R1);
        }
        self.text.label("as it is").exit(ALLOW);
    }

    /// bind(2) of an IPv4 address that is not 0.0.0.0, which follows.
    fn binding(&mut self) {
        self.text.if_equal(R7, word(LOCALHOST), "self");
        match self.own {
            Some(own) => drop(self.text.if_equal(R7, word(own), "allow")),
            None => {
                self.text.copy(R1, R7).and(R1, network_mask());
                self.text.if_equal(R1, word(self.policy.network.network()), "allow");
            }
        }
        if self.policy.lan {
            self.text.copy(R1, R7).and(R1, word(Ipv4Addr::new(255, 0, 0, 0)));
            self.text.if_not_equal(R1, word(Ipv4Addr::new(127, 0, 0, 0)), "allow");
        }
        // A wildcard with port 0 is what connect() and sendto() do by themselves: a client's socket.
        self.text.go("deny").label("any").if_equal(R8, 0, "allow");
        if self.policy.lan {
            self.text.load(R1, R6, PROTOCOL).if_equal(R1, UDP, "allow");
        }
    }

    /// connect(2) or sendto(2) to an IPv4 address.
    fn destination(&mut self) {
        self.text.if_equal(R7, word(LOCALHOST), "localhost");
        self.text.copy(R1, R7).and(R1, word(Ipv4Addr::new(255, 0, 0, 0)));
        self.text.if_not_equal(R1, word(Ipv4Addr::new(127, 0, 0, 0)), "allow");
        self.the_host();
        self.text.copy(R1, R7).and(R1, network_mask());
        self.text.if_equal(R1, word(self.policy.network.network()), "within");
        self.text.label("localhost").if_not_equal(R8, port(53), "not dns");
        for resolver in self.policy.resolvers.iter().take(MAX_ALLOWED) {
            self.text.if_equal(R7, word(*resolver), "allow");
        }
        self.text.label("not dns").if_not_equal(R7, word(LOCALHOST), "deny");
        if self.own.is_none() {
            // What a slot's program has made of the network's .1.
            for allowed in self.policy.host_ports.iter().take(MAX_ALLOWED) {
                self.text.if_equal(R8, port(*allowed), "allow");
            }
        }
        self.text.go("self").label("any");
    }

    /// The network's .1 is the host, at the ports that the operator allows.
    fn the_host(&mut self) {
        if self.policy.host_ports.is_empty() {
            return;
        }
        self.text.if_not_equal(R7, word(self.policy.host()), "not host");
        for allowed in self.policy.host_ports.iter().take(MAX_ALLOWED) {
            self.text.if_equal(R8, port(*allowed), "host");
        }
        self.text.go("not host").label("host");
        // The kernel refuses an IPv4-mapped address that a program puts into an IPv6 datagram (ENOTSUPP).
        if self.hook == Hook::Sendmsg6 {
            self.text.go("deny");
        } else {
            let at = if self.hook.is_v6() { ADDRESS6 + 12 } else { ADDRESS4 };
            self.text.set(R1, word(LOCALHOST)).store(R6, at, R1).go("allow");
        }
        self.text.label("not host");
    }

    /// Localhost, or everywhere.
    fn localhost(&mut self) {
        let hook = self.hook;
        match self.own {
            // What a slot's program has let through has to pass here: [::1]:0, and answers to the host.
            None if hook == Hook::Bind6 => {
                self.text.if_not_equal(R7, 1_u32.to_be(), "deny").if_equal(R8, 0, "allow").go("deny");
            }
            None if hook == Hook::Sendmsg4 => {
                self.answer(self.policy.network.network(), network_mask());
                self.text.go("deny");
            }
            None => drop(self.text.go("deny")),
            // As above: it cannot be put right.
            Some(_) if hook == Hook::Sendmsg6 => drop(self.text.go("deny")),
            Some(own) => {
                if hook == Hook::Bind6 {
                    self.ipv6_only();
                }
                if hook == Hook::Sendmsg4 {
                    self.answer(own, u32::MAX);
                }
                if hook.is_v6() {
                    self.text.set(R1, mapped()).store(R6, ADDRESS6 + 8, R1);
                }
                let at = if hook.is_v6() { ADDRESS6 + 12 } else { ADDRESS4 };
                self.text.set(R1, word(own)).store(R6, at, R1);
                if !hook.is_bind() {
                    self.text.set(R7, word(own));
                    self.refuse_the_hosts(["self udp", "self found", "self done"]);
                }
                // The source stays 127.0.0.1: pg_hba.conf and the like know "local" by it.
                self.text.go("allow");
            }
        }
    }

    /// Binding `::` or `::1` with IPV6_V6ONLY (nginx's `listen [::]:80` beside `listen 80`): an IPv4-mapped address would
    /// fail with EINVAL, so it gets [::1]:0, where it listens and nobody finds it.
    fn ipv6_only(&mut self) {
        for (function, next) in [(SKC_TO_TCP6_SOCK, "no tcp6"), (SKC_TO_UDP6_SOCK, "both")] {
            self.text.load_wide(R1, R6, SOCKET).if_null(R1, "both").call(function).if_null(R0, next);
            self.text.load_byte(R1, R0, SOCKET_FLAGS).and(R1, IPV6_ONLY).if_not_equal(R1, 0, "ipv6 only").go("both");
            self.text.label(next);
            if next == "both" {
                break;
            }
        }
        self.text.go("mapped").label("ipv6 only");
        self.text.set(R1, 1_u32.to_be()).store(R6, ADDRESS6 + 12, R1).set(R1, 0).store(R6, PORT, R1).go("allow");
        self.text.label("mapped");
    }

    /// A datagram to an ephemeral port of 127.0.0.1, from a socket that is bound to such an address, is an answer to
    /// somebody on the host (Traefik's UDP routers) and no request to a service.
    fn answer(&mut self, bound: Ipv4Addr, mask: u32) {
        self.text.load_wide(R1, R6, SOCKET).if_null(R1, "request");
        self.text.load(R1, R1, SOCKET_ADDRESS4).and(R1, mask).if_not_equal(R1, word(bound), "request");
        self.text.copy(R1, R8).swap_port(R1).if_at_least(R1, EPHEMERAL, "allow").label("request");
    }

    /// Whoever listens at R7:R8 on an address outside the repository, which is 0.0.0.0 or ::, is one of the host's (sshd,
    /// Traefik's API): every 127.x.y.z reaches those. That nobody listens is TCP's answer to give.
    fn refuse_the_hosts(&mut self, [udp, found, done]: [&'static str; 3]) {
        self.text.copy(R1, R8).swap_port(R1).if_at_least(R1, EPHEMERAL, done);
        // struct bpf_sock_tuple: both addresses, both ports; the source is anybody.
        self.text.set(R1, 0).store(R10, -40, R1).store(R10, -36, R7);
        self.text.copy(R1, R8).shift_left(R1, 16).store(R10, -32, R1);
        self.text.load(R9, R6, PROTOCOL);
        // In this process's network namespace (-1), without flags.
        self.text.copy(R1, R6).copy(R2, R10).add(R2, -40).set(R3, 12).set_signed(R4, -1).set(R5, 0);
        self.text.if_equal(R9, UDP, udp).call(SK_LOOKUP_TCP).go(found).label(udp).call(SK_LOOKUP_UDP).label(found);
        self.text.if_null(R0, done).load(R9, R0, SOCKET_ADDRESS4).copy(R1, R0).call(SK_RELEASE);
        self.text.and(R9, network_mask()).if_not_equal(R9, word(self.policy.network.network()), "deny").label(done);
    }

    /// Within the repository a service comes from its own address, by which others know it.
    fn source(&mut self) {
        let Some(own) = self.own else { return };
        match self.hook {
            // struct sockaddr_in and sockaddr_in6, with port 0.
            Hook::Connect4 => {
                self.text.set(R1, libc::AF_INET as u32).store(R10, -16, R1).set(R1, word(own)).store(R10, -12, R1);
                self.text.set(R1, 0).store(R10, -8, R1).store(R10, -4, R1);
                self.text.copy(R1, R6).copy(R2, R10).add(R2, -16).set(R3, 16).call(BIND);
            }
            Hook::Connect6 => {
                self.text.set(R1, libc::AF_INET6 as u32).store(R10, -28, R1).set(R1, 0);
                self.text.store(R10, -24, R1).store(R10, -20, R1).store(R10, -16, R1).store(R10, -4, R1);
                self.text.set(R1, mapped()).store(R10, -12, R1).set(R1, word(own)).store(R10, -8, R1);
                self.text.copy(R1, R6).copy(R2, R10).add(R2, -28).set(R3, 28).call(BIND);
            }
            // Only where it has no address yet: a connected IPv6 socket with an IPv4-mapped peer passes here too.
            Hook::Sendmsg4 => {
                self.text.load_wide(R1, R6, SOCKET).if_null(R1, "allow");
                self.text.load(R1, R1, SOCKET_ADDRESS4).if_not_equal(R1, 0, "allow");
                self.text.set(R1, word(own)).store(R6, SOURCE4, R1);
            }
            _ => {}
        }
    }
}
