use serde_json::json;

use super::*;

fn surroundings() -> Surroundings {
    let others = [("/mnt/rediacc/second", "repository second"), ("/opt/rediacc/proxy", "the proxy's files")];
    Surroundings {
        own: "/mnt/rediacc/my-app".into(),
        others: others.map(|(path, whose)| (path.into(), whose.to_owned())).into(),
    }
}

/// `/var/run` is `/run`, and the repository has a link to its neighbour.
fn resolve(path: &Path) -> PathBuf {
    for (link, real) in [("/var/run", "/run"), ("/mnt/rediacc/my-app/link", "/mnt/rediacc/second/data")] {
        if let Ok(rest) = path.strip_prefix(link) {
            return if rest.as_os_str().is_empty() { real.into() } else { Path::new(real).join(rest) };
        }
    }
    path.to_owned()
}

fn judged(json: &str, allowed: &Allowed) -> Vec<Problem> {
    refusals(json, &Model::parse(json).unwrap(), &surroundings(), allowed, &resolve).unwrap()
}

fn said(service: Value, allowed: &Allowed) -> Vec<String> {
    let model = json!({"services": {"web": service}}).to_string();
    judged(&model, allowed).into_iter().map(|problem| format!("{} {}", problem.key, problem.message)).collect()
}

fn bind(source: &str, read_only: bool) -> Value {
    json!({"image": "x", "volumes": [{"type": "bind", "source": source, "target": "/x", "read_only": read_only}]})
}

#[test]
fn what_leads_out_is_named() {
    let nothing = Allowed::default();
    for (service, expected) in [
        (json!({"privileged": true}), "services.web.privileged a privileged container"),
        (json!({"pid": "host"}), "services.web.pid pid: host"),
        (json!({"ipc": "host"}), "services.web.ipc ipc: host"),
        (json!({"userns_mode": "host"}), "services.web.userns_mode"),
        (json!({"cap_add": ["CHOWN", "cap_net_admin"]}), "services.web.cap_add.1 NET_ADMIN reaches"),
        (json!({"cap_add": ["ALL"]}), "services.web.cap_add.0 ALL reaches"),
        (json!({"security_opt": ["seccomp:unconfined"]}), "services.web.security_opt.0"),
        (json!({"devices": [{"source": "/dev/fuse", "target": "/dev/fuse"}]}), "services.web.devices.0 /dev/fuse is"),
        (json!({"device_cgroup_rules": ["a *:* rwm"]}), "services.web.device_cgroup_rules"),
        (bind("/var/run/docker.sock", true), "services.web.volumes.0 who reaches a Docker socket"),
        (bind("/var/run/rediacc/docker-2880.sock", false), "services.web.volumes.0 who reaches a Docker socket"),
        (bind("/etc/pihole", false), "services.web.volumes.0 /etc/pihole is the system's"),
        (bind("/usr/src", false), "services.web.volumes.0 /usr/src is the system's"),
        (bind("/", false), "services.web.volumes.0 / is the system's"),
        (bind("/", true), "services.web.volumes.0 / tells everything"),
        (bind("/var/run", true), "services.web.volumes.0 /var/run (which is /run) tells everything"),
        (bind("/etc/../etc", true), "services.web.volumes.0 /etc/../etc (which is /etc) tells everything"),
        (
            bind("/mnt/rediacc/second/x", true),
            "services.web.volumes.0 /mnt/rediacc/second/x reaches into repository second",
        ),
        (bind("/mnt/rediacc", true), "services.web.volumes.0 /mnt/rediacc reaches into repository second"),
        (
            bind("/mnt/rediacc/my-app/link", false),
            "services.web.volumes.0 /mnt/rediacc/my-app/link (which is /mnt/rediacc/second/data) reaches into",
        ),
        (bind("/mnt/rediacc/my-app/../second", false), "services.web.volumes.0 /mnt/rediacc/my-app/../second (which"),
        (
            json!({"build": {"context": "/mnt/rediacc/second"}}),
            "services.web.build.context /mnt/rediacc/second reaches",
        ),
        (json!({"build": {"additional_contexts": {"a": "/etc"}}}), "services.web.build.additional_contexts.a /etc"),
        (
            json!({"develop": {"watch": [{"action": "sync", "path": "/mnt/rediacc/second/x", "target": "/x"}]}}),
            "services.web.develop.watch.0 /mnt/rediacc/second/x reaches into",
        ),
        (json!({"env_file": "/mnt/rediacc/second/.env"}), "services.web.env_file /mnt/rediacc/second/.env reaches"),
        (
            json!({"env_file": ["/mnt/rediacc/my-app/a", {"path": "/opt/rediacc/proxy/infra.json"}]}),
            "services.web.env_file.1 /opt/rediacc/proxy/infra.json reaches",
        ),
        (
            bind("/opt/rediacc/proxy/cloudflare-token", true),
            "services.web.volumes.0 /opt/rediacc/proxy/cloudflare-token reaches into the proxy's",
        ),
    ] {
        let said = said(service.clone(), &nothing);
        assert!(said.len() == 1 && said[0].starts_with(expected), "{service}: {said:?}");
    }
}

#[test]
fn what_people_need_is_left_alone() {
    for service in [
        json!({"cap_drop": ["ALL"], "cap_add": ["CHOWN", "NET_BIND_SERVICE", "SETUID"]}),
        json!({"security_opt": ["no-new-privileges:true"], "ipc": "shareable", "pid": "service:x"}),
        bind("/mnt/rediacc/my-app/data", false),
        bind("/srv/media", false),
        bind("/etc/localtime", true),
        bind("/lib/modules", true),
        json!({"build": {"context": "/mnt/rediacc/my-app/app", "additional_contexts": {"a": "docker-image://x"}}}),
        json!({"build": {"context": "https://example.com/x.git"}, "env_file": "/mnt/rediacc/${X}/.env"}),
        json!({"volumes": [{"type": "volume", "source": "data", "target": "/x"}]}),
    ] {
        assert_eq!(said(service.clone(), &Allowed::default()), [""; 0], "{service}");
    }
}

#[test]
fn what_the_operator_allows() {
    let allowed = Allowed {
        fence: vec!["lan".to_owned()],
        host_ports: Vec::new(),
        privileged: true,
        namespaces: vec!["pid".to_owned()],
        capabilities: vec!["CAP_NET_ADMIN".to_owned()],
        devices: vec!["/dev/dri".to_owned()],
        paths: vec!["/etc/pihole".to_owned()],
    };
    let service = json!({
        "privileged": true, "pid": "host", "cap_add": ["NET_ADMIN"], "devices": ["/dev/dri/card0:/dev/dri/card0"],
        "volumes": [{"type": "bind", "source": "/etc/pihole/x"}],
    });
    assert_eq!(said(service, &allowed), [""; 0]);
    assert_eq!(said(json!({"ipc": "host", "cap_add": ["SYS_ADMIN"]}), &allowed).len(), 2);
}

#[test]
fn a_reverse_proxy_is_told_that_there_is_one() {
    let model = json!({"services": {"proxy": {"image": "jwilder/nginx-proxy", "volumes": [{"type": "bind", "source": "/var/run/docker.sock"}]}}});
    let problems = judged(&model.to_string(), &Allowed::default());
    assert!(problems[0].hint.starts_with("the machine has a Traefik: remove this service"), "{}", problems[0].hint);
}

#[test]
fn secrets_and_configs_are_binds_too() {
    let model = json!({
        "secrets": {"a": {"file": "/mnt/rediacc/second/password"}, "own": {"file": "/mnt/rediacc/my-app/x"}},
        "configs": {"b": {"file": "/opt/rediacc/proxy/infra.json"}, "c": {"content": "x"}},
    });
    let problems = judged(&model.to_string(), &Allowed::default());
    let keys: Vec<_> = problems.iter().map(|problem| problem.key.as_str()).collect();
    assert_eq!(keys, ["secrets.a.file", "configs.b.file"]);
}

#[test]
fn a_volume_that_is_a_directory_in_disguise() {
    let model = json!({"volumes": {
        "a": {"driver_opts": {"type": "none", "o": "bind", "device": "/etc"}},
        "b": {"driver_opts": {"type": "nfs", "o": "addr=10.0.0.1", "device": ":/export"}},
        "c": {"driver_opts": {"type": "ext4", "device": "/dev/vda1"}},
        "d": {"driver_opts": {"o": "bind", "device": "etc"}},
        "e": {"driver_opts": {"type": "overlay", "device": "overlay", "o": "lowerdir=/srv/a:/etc,upperdir=/srv/b"}},
        "f": {"driver_opts": {"type": "tmpfs", "device": "tmpfs", "o": "size=1m"}},
    }});
    let problems = judged(&model.to_string(), &Allowed::default());
    let keys: Vec<_> = problems.iter().map(|problem| problem.key.as_str()).collect();
    let device = |name: &str| format!("volumes.{name}.driver_opts.device");
    assert_eq!(keys, [&device("a"), &device("c"), &device("d"), "volumes.e.driver_opts.o"]);
}
