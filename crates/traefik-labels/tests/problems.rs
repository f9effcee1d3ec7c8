//! What is said of labels: codes and corrections, and what is never said.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use traefik_labels::{
    Code, Decoder, MAX_KEY_BYTES, MAX_LABELS, MAX_LIST_ITEMS, MAX_PROBLEMS, MAX_SEGMENTS, MAX_VALUE_BYTES, Problem,
    Severity, decode, decode_first,
};

/// The problems of labels that are written as `key=value`, below `traefik.`.
fn problems(labels: &[&str]) -> Vec<Problem> {
    let labels: Vec<(String, &str)> = labels
        .iter()
        .map(|label| label.split_once('=').unwrap())
        .map(|(key, value)| (format!("traefik.{key}"), value))
        .collect();
    Decoder::new().entry_points(["web", "websecure"]).resolvers(["le"]).decode(labels).problems
}

/// Labels with one thing wrong, its code, and the hint; a key's without `traefik.`.
const CASES: &[(&[&str], Code, &str)] = &[
    (&["http.services.s.loadbalancer.servers.port=80"], Code::UnknownField, "http.services.s.loadbalancer.server.port"),
    (&["http.services.s.port=80"], Code::UnknownField, "http.services.s.loadBalancer.server.port"),
    (&["http.routers.r.certresolver=le"], Code::UnknownField, "http.routers.r.tls.certresolver"),
    (&["http.middlewares.m.basicauth.users_file=f"], Code::UnknownField, "http.middlewares.m.basicauth.usersFile"),
    (&["http.services.s.loadbalancer.server=80"], Code::Standalone, "http.services.s.loadbalancer.server.port"),
    (&["http.routers.r.rule.x=1"], Code::BelowValue, "http.routers.r.rule"),
    (&["http.routers.r.priority=1O"], Code::NotANumber, "10"),
    (&["http.middlewares.m.headers.framedeny=yes"], Code::NotABool, "true"),
    (&["http.middlewares.m.ratelimit.period=1.5"], Code::NotADuration, "1.5s"),
    (&["http.routers.r].rule=x"], Code::MalformedKey, "http.routers.r.rule"),
    (&["http.routers.r.tls={}"], Code::SwitchedOff, "true"),
    (&["http.routers.r.tls=1"], Code::SwitchedOff, "true"),
    (&["http.routers.r.tls=false", "http.routers.r.tls.certresolver=le"], Code::SwitchedOff, "true"),
    (&["http.routers.r.entrypoints[0]=web"], Code::NoEffect, "http.routers.r.entrypoints"),
    (&["http.routers.apprule=Host(`a`)"], Code::NoEffect, "http.routers.app.rule"),
    (&["http.services.s.weighted.services[0].name=x"], Code::NotForLabels, ""),
    (&["http.serverstransports.t.servername=x"], Code::NotForLabels, ""),
    (&["tls.options.o.minversion=x"], Code::NotForLabels, ""),
    (&["tls.certificates=x"], Code::NotForLabels, ""),
    (&["port=80"], Code::NotRead, "http.services.NAME.loadBalancer.server.port"),
    (&["frontend.rule=Host:a"], Code::NotRead, "http.routers.NAME.rule"),
    (&["frontend.headers.SSLRedirect=true"], Code::NotRead, "http.middlewares.NAME.headers.SSLRedirect"),
    (&["backend=x"], Code::NotRead, "http.routers.NAME.service"),
    (&["tags=x"], Code::NotRead, ""),
    (&["enabled=true"], Code::NotRead, "enable"),
    (&["enable=yes"], Code::NotABool, "true"),
    (
        &["http.routers.r.rule=Host(`a`)", "http.routers.R.rule=Host(`a`)"],
        Code::SameLabel,
        "leave out `traefik.http.routers.R.rule`",
    ),
    (&["http.routers.r.entrypoints=web,,websecure"], Code::EmptyItem, "web,websecure"),
    (&["http.middlewares.m.addprefix.prefix=/x "], Code::OuterSpace, "/x"),
    (&["http.routers.r.rulesyntax=v1"], Code::UnknownRuleSyntax, "v3"),
    (&["http.routers.r@docker.priority=1"], Code::NameWithAt, "http.routers.r.priority"),
    (&["http.services.s.loadbalancer.strategy=wr"], Code::UnknownKeyword, "wrr"),
    (&["http.routers.r.service=s@docker"], Code::ForeignProvider, "s"),
    (&["http.routers.r.middlewares=a@flie"], Code::ForeignProvider, "a@file"),
    (
        &["http.routers.r.priority=1", "http.middlewares.hsts.headers.framedeny=true"],
        Code::Unused,
        "write traefik.http.routers.r.middlewares=hsts",
    ),
    (&["http.services.s.loadbalancer.server.port=http"], Code::NotAPort, ""),
    (&["http.services.s.loadbalancer.server.port=8080/tcp"], Code::NotAPort, "8080"),
    (&["http.services.s.loadbalancer.server.scheme=htps"], Code::UnknownScheme, "https"),
    (&["http.routers.r.tls.certresolver=el"], Code::UnknownResolver, "le"),
    (&["http.routers.r.entrypoints=web,websecrue"], Code::UnknownEntryPoint, "web,websecure"),
    (
        &["http.middlewares.m.ipwhitelist.sourcerange=1.1.1.1"],
        Code::Deprecated,
        "http.middlewares.m.ipAllowList.sourcerange",
    ),
    (
        &["http.services.s.loadbalancer.server.url=http://a", "http.services.s.loadbalancer.server.port=1"],
        Code::UrlAndPort,
        "leave out one of them",
    ),
    (&["http.routers.r.rule=Host('a')"], Code::RuleQuotes, "write Host(`a`)"),
    (&["tcp.routers.r.rule=HostSNI(`a`)"], Code::SniWithoutTls, "give the router `tls=true`, or write HostSNI(`*`)"),
    (&["http.routers.r.rule=Host(`a:80`)"], Code::NeverMatches, "write Host(`a`)"),
];

#[test]
fn each_slip_has_its_code_and_correction() {
    for (labels, code, hint) in CASES {
        let problems = problems(labels);
        let [problem] = problems.as_slice() else { panic!("{labels:?}: {problems:#?}") };
        assert_eq!(problem.code, *code, "{labels:?}: {problem}");
        let given = problem.hint.as_deref().unwrap_or_default();
        assert_eq!(given.strip_prefix("traefik.").unwrap_or(given), *hint, "{labels:?}: {problem}");
        assert!(problem.label.starts_with("traefik."), "{problem}");
    }
}

#[test]
fn references_and_names_are_compared() {
    let labels = [
        "http.routers.webapp.rule=Host(`a`)",
        "http.routers.webapp.service=wepapp",
        "http.routers.webapp.middlewares=auth,hst",
        "http.routers.wbapp.priority=3",
        "http.services.webapp.loadbalancer.server.port=80",
        "http.services.other.loadbalancer.server.port=80",
        "http.middlewares.hsts.headers.framedeny=true",
        "http.middlewares.hsts.compress=true",
    ];
    let said: Vec<_> =
        problems(&labels).into_iter().map(|problem| (problem.code, problem.label, problem.hint)).collect();
    let said = |code, label: &str, hint: &str| {
        said.iter().any(|(c, l, h)| *c == code && *l == format!("traefik.http.{label}") && h.as_deref() == Some(hint))
    };
    assert!(said(Code::UnknownReference, "routers.webapp.service", "webapp"));
    assert!(said(Code::MisspeltName, "routers.wbapp.priority", "traefik.http.routers.webapp.priority"));
    assert!(said(
        Code::SeveralKinds,
        "middlewares.hsts.compress",
        "define one middleware for each, and list them in the router"
    ));
}

#[test]
fn sound_labels_are_left_alone() {
    let labels = [
        "enable=true",
        "docker.network=host",
        "http.routers.api.rule=Host(`a.org`)",
        "http.routers.api.service=api@internal",
        "http.routers.api.middlewares=auth@file",
        "http.routers.api.tls=TRUE",
        "http.services.dummy.loadbalancer.server.port=9999",
        "udp.routers.dns.entrypoints=web",
        "udp.services.dns.loadbalancer.server.port=53",
    ];
    assert_eq!(problems(&labels), []);
    assert_eq!(decode([("com.docker.compose.service", "x"), ("maintainer", "y")]).problems, []);
}

#[test]
fn a_bad_rule_costs_its_router_and_is_none_of_traefiks_decoding() {
    let labels = [
        ("traefik.http.routers.a.rule", "Host('a')"),
        ("traefik.http.routers.b.rule", "Host(`b`)"),
        ("traefik.tcp.routers.c.rule", "HostSNI(`c`)"),
        ("traefik.tcp.routers.d.rule", "HostSNI(`d`)"),
        ("traefik.tcp.routers.d.tls", "true"),
        ("traefik.http.routers.e.rule", "Host(`a`,`b`)"),
        ("traefik.http.routers.e.ruleSyntax", "v2"),
    ];
    let decoded = decode(labels);
    assert_eq!(decoded.configuration.http.routers.keys().collect::<Vec<_>>(), ["b", "e"]);
    assert_eq!(decoded.configuration.tcp.routers.keys().collect::<Vec<_>>(), ["d"]);
    assert_eq!(decode_first(labels).unwrap().http.routers.len(), 3);
}

#[test]
fn secrets_are_never_repeated() {
    let hash = "admin:$apr1$H6uskkkW$IgXLP6ewTrSuBkTrqE8wj/";
    for key in [
        "basicauth",
        "basicauth.users",
        "basicauth.user",
        "basicauth.users[0]",
        "digestauth.usres",
        "basicaut.users",
        "ratelimit.redis.pasword",
    ] {
        for value in [hash.to_owned(), format!("{hash},,x"), format!(" {hash} ")] {
            let key = format!("traefik.http.middlewares.m.{key}");
            let beside = ("traefik.http.middlewares.m.basicauth.realm".to_owned(), "x".to_owned());
            let labels = [(&key, &value), (&beside.0, &beside.1)];
            for problem in decode(labels).problems {
                let own = if problem.label == key { &value } else { &beside.1 };
                let shown = format!("{problem:?} {problem} {}", problem.render(own));
                assert!(!shown.contains("apr1") && !shown.contains("H6usk"), "{shown}");
            }
        }
    }
}

#[test]
fn everything_is_bounded() {
    let code = |key: String, value: String| {
        let problems = decode([(key, value)]).problems;
        (problems.first().map(|problem| problem.code), problems)
    };
    let router = "traefik.http.routers.r";
    let (long_key, problems) = code(format!("{router}.{}", "x".repeat(MAX_KEY_BYTES)), String::new());
    assert_eq!(long_key, Some(Code::TooLarge));
    assert!(problems[0].label.len() < 2000);
    assert_eq!(code(format!("{router}.rule"), "x".repeat(MAX_VALUE_BYTES + 1)).0, Some(Code::TooLarge));
    assert_eq!(code(format!("{router}{}", ".x".repeat(MAX_SEGMENTS)), String::new()).0, Some(Code::TooLarge));
    assert_eq!(code(format!("{router}.entrypoints"), "x,".repeat(MAX_LIST_ITEMS)).0, Some(Code::TooLarge));
    let many = (0..MAX_LABELS + 9).map(|at| (format!("traefik.http.routers.r{at}.rul"), "x"));
    let problems = decode(many).problems;
    assert_eq!(problems.first().map(|problem| problem.code), Some(Code::TooLarge));
    assert_eq!(
        (problems.len(), problems.last().map(|problem| problem.code)),
        (MAX_PROBLEMS + 1, Some(Code::MoreProblems))
    );
    let hostile = format!("Host(`{}", "é\u{1b}\n".repeat(3000));
    let (_, problems) = code(format!("{router}.rule"), hostile.clone());
    assert!(
        problems.iter().all(|problem| problem.message.len() < 700 && problem.render(&hostile).to_string().len() < 4000)
    );
}

#[test]
fn hostile_labels_take_no_time_worth_the_name() {
    let sets: [fn(usize) -> (String, String); 6] = [
        |at| (format!("traefik.http.middlewares.m{at}.x.x.x.x.x.x.x.x.x.x.x"), String::new()),
        |at| (format!("traefik.http.routers.r{at}.rule"), format!("Host('{at}') && && (((")),
        |at| (format!("traefik.http.routers.r{at}.service"), format!("s{at}x")),
        |at| (format!("traefik.http.services.s{at}.loadbalancer.server.port"), "x".repeat(100)),
        |at| (format!("traefik.frontend.{at}"), String::new()),
        |at| {
            (
                format!(
                    "traefik.http.routers.{}.priority",
                    if at % 2 == 0 { format!("r{at}") } else { format!("R{}", at - 1) }
                ),
                "x".into(),
            )
        },
    ];
    for set in sets {
        let decoded = decode((0..5000).map(set));
        assert!(decoded.problems.len() <= MAX_PROBLEMS + 1);
    }
}

#[test]
fn problems_are_json_as_the_interface_says() {
    let problem = &problems(&["http.routers.r.entrypoint=web"])[0];
    let json = serde_json::to_value(problem).unwrap();
    assert_eq!(
        json,
        serde_json::json!({
            "severity": "error", "code": "TL001", "label": "traefik.http.routers.r.entrypoint",
            "place": {"in": "key", "start": 23, "end": 33},
            "message": "`entrypoint` is unknown here", "hint": "traefik.http.routers.r.entryPoints",
        })
    );
    assert_eq!(serde_json::from_value::<Problem>(json).unwrap(), *problem);
    assert_eq!(serde_json::to_value(Severity::Warning).unwrap(), "warning");
}

#[test]
fn every_code_is_documented() {
    let page = include_str!("../../../docs/LABEL-PROBLEMS.md");
    let mut texts: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
    for text in &texts {
        assert!(page.contains(&format!("\n## {text} ")), "{text} is missing in docs/LABEL-PROBLEMS.md");
    }
    let sections = page.lines().filter(|line| line.starts_with("## TL")).count();
    texts.dedup();
    assert!(texts.is_sorted() && sections == texts.len() && texts.len() == Code::ALL.len());
}

proptest::proptest! {
    #[test]
    fn nothing_panics(
        keys in proptest::collection::vec("(traefik|Traefik|trafik|[a-z.]{0,3})(\\.(http|tcp|udp|tls|routers|services|middlewares|[a-zé@.\\[\\]]{0,4}|rule|loadbalancer|server|headers)){0,6}", 0..8),
        values in proptest::collection::vec("\\PC{0,20}|(Host\\(`|a,|@docker|true| |`\\)){0,4}", 8),
    ) {
        let labels: Vec<_> = keys.iter().zip(&values).collect();
        let decoded = Decoder::new().entry_points(["web"]).decode(labels.clone());
        for problem in &decoded.problems {
            let value = labels.iter().find(|(key, _)| **key == problem.label).map_or("", |(_, value)| value);
            let shown = problem.render(value).to_string();
            proptest::prop_assert!(shown.starts_with(problem.severity.as_str()));
        }
        let refused = decoded.problems.iter().any(|p| p.severity == Severity::Error && p.code < Code::RuleSyntax);
        proptest::prop_assert_eq!(decode_first(labels).is_err(), refused);
    }
}
