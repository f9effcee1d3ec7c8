//! The override document: compose reads it after the user's files.
//!
//! It is written by hand, line by line, for compose's tags `!reset`, which YAML libraries drop. Every value is a JSON
//! string, which is a YAML string in quotes.

use std::fmt::{self, Write as _};

use serde_json::Value;

use crate::{Plan, ServicePlan};

impl Plan {
    /// The override document. It holds no secret: only names, addresses and paths.
    #[must_use]
    pub fn override_document(&self) -> String {
        let mut text =
            String::from("# Written by renet compose at every call; what is changed here is lost.\nservices:\n");
        for service in &self.services {
            // Writing to a string does not fail.
            let _ = write_service(&mut text, service, &self.directory);
        }
        if self.services.is_empty() {
            text = text.replace("services:\n", "services: {}\n");
        }
        text
    }
}

fn write_service(text: &mut String, service: &ServicePlan, directory: &str) -> fmt::Result {
    let (name, shape) = (&service.name, &service.shape);
    writeln!(text, "  {}:", quoted(name))?;
    if shape.hosts_network {
        writeln!(text, "    network_mode: host")?;
        // Compose refuses networks beside network_mode, and Docker publishes no ports of the host's network.
        writeln!(text, "    networks: !reset null")?;
        if shape.hostname {
            writeln!(text, "    hostname: {}", quoted(name))?;
        }
    }
    writeln!(text, "    ports: !reset []")?;
    if let Some(depends_on) = &shape.depends_on {
        writeln!(text, "    links: !reset []\n    depends_on: {}", escaped(depends_on))?;
    }
    if shape.mac_address {
        writeln!(text, "    mac_address: !reset null")?;
    }
    match shape.sysctls.as_deref() {
        None => {}
        Some("{}") => writeln!(text, "    sysctls: !reset {{}}")?,
        // As they were written, variables included.
        Some(kept) => writeln!(text, "    sysctls: !override {kept}")?,
    }
    if let Some(fence) = service.fence {
        writeln!(text, "    cgroup_parent: {}", quoted(&fence.group()))?;
        if fence.drops_raw {
            writeln!(text, "    cap_drop: [\"NET_RAW\"]")?;
        }
    }
    if shape.build_network {
        writeln!(text, "    build:\n      network: host")?;
    }
    for (key, entries) in [("labels", &service.injected.labels), ("environment", &service.injected.environment)] {
        writeln!(text, "    {key}:")?;
        for (key, value) in entries {
            writeln!(text, "      {key}: {}", quoted(value))?;
        }
    }
    if shape.hosts_network {
        let file = format!("{directory}/{}", service.hosts_file());
        writeln!(text, "    volumes:\n      - type: bind\n        source: {}", quoted(&file))?;
        writeln!(text, "        target: /etc/hosts\n        read_only: true")?;
    }
    Ok(())
}

fn quoted(text: &str) -> String {
    escaped(&Value::from(text).to_string())
}

/// Compose looks for variables everywhere.
fn escaped(text: &str) -> String {
    text.replace('$', "$$")
}

#[cfg(test)]
mod tests {
    use repo_network::SlotFile;

    use crate::{Model, Place, Plan};

    fn plan(services: &str, directory: &str) -> Plan {
        let model = Model::parse(&format!(r#"{{"name": "p", "services": {services}}}"#)).unwrap();
        let mut slots = SlotFile::default();
        slots.assign(model.services.keys().map(String::as_str)).unwrap();
        Plan::new(&model, &slots, &Place::new("2816".parse().unwrap(), directory).unwrap())
    }

    #[test]
    fn every_shape() {
        let plan = plan(
            r#"{
                "web": {"build": ".", "links": ["db:database"], "depends_on": {"cache": {"condition": "service_healthy"}},
                        "container_name": "the-web", "networks": {"default": {"aliases": ["www"]}}},
                "db": {"hostname": "database", "mac_address": "02:42:ac:11:65:43"},
                "cache": {"network_mode": "service:db"},
                "job": {"network_mode": "none", "build": {"context": ".", "network": "none"}},
                "tuned": {"sysctls": {"net.core.somaxconn": 1024, "kernel.msgmax": "${MSG}"},
                          "extra_hosts": ["db.local:10.0.0.1", "gw:host-gateway", "bad name:1.2.3.4", "x:$y"]},
                "wired": {"sysctls": ["net.ipv4.ip_forward=1"], "extra_hosts": {"db.local": "10.0.0.1"}}
            }"#,
            "/srv/a $b",
        );
        insta::assert_snapshot!(plan.override_document());
        insta::assert_debug_snapshot!(plan.hosts_files());
        let mut plan = plan;
        plan.with_variables(r#"{"services": {"tuned": {"extra_hosts": ["x=fd00::1"]}}}"#).unwrap();
        assert!(plan.hosts_files()["hosts.tuned"].ends_with("\nfd00::1 x\n"));
        insta::assert_json_snapshot!(plan);
    }

    #[test]
    fn behind_a_fence() {
        let model = Model::parse(
            r#"{"name": "p", "services": {
                "web": {"extra_hosts": ["gw:host-gateway"]}, "side": {"network_mode": "service:web"},
                "job": {"network_mode": "none"}, "own": {"cgroup_parent": "/mine"},
                "ping": {"cap_add": ["NET_RAW"]}, "media": {"labels": ["rediacc.fence=lan"]},
                "free": {"labels": {"rediacc.fence": "off"}}, "odd": {"labels": {"rediacc.fence": "false"}}
            }}"#,
        )
        .unwrap();
        let mut slots = SlotFile::default();
        slots.assign(["web", "side", "job", "own", "ping", "media", "free", "odd"]).unwrap();
        let place = Place::new("2816".parse().unwrap(), "/hosts").unwrap().fenced(true);
        let plan = Plan::new(&model, &slots, &place);
        insta::assert_snapshot!(plan.override_document());
        insta::assert_json_snapshot!(plan.problems);
        assert!(plan.hosts_files()["hosts"].starts_with("127.0.0.1 localhost\n127.0.11.1 host.docker.internal\n"));
        assert!(plan.hosts_files()["hosts.web"].ends_with("\n127.0.11.1 gw\n"));
    }

    #[test]
    fn no_service_at_all() {
        assert!(plan("{}", "/hosts").override_document().ends_with("services: {}\n"));
    }

    #[test]
    fn what_cannot_be_started_is_refused() {
        let plan = plan(r#"{"web": {"deploy": {"replicas": 2}}}"#, "/hosts");
        assert!(plan.is_refused());
        insta::assert_json_snapshot!(plan.problems);
    }

    #[test]
    fn paths_that_no_file_can_carry() {
        for path in ["relative", "/a\nb", "/a\u{1b}b"] {
            assert!(Place::new("2816".parse().unwrap(), path).is_err(), "{path:?}");
        }
    }
}
