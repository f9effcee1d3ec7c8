//! What planning costs beside the least that it could: reading the two models that docker compose prints.

#![expect(clippy::disallowed_types, reason = "a benchmark measures time")]
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark")]

use std::{collections::BTreeMap, hint::black_box, path::Path, time::Instant};

use compose_inject::{Allowed, Model, Place, Places, Plan, Surroundings, refusals};
use repo_network::SlotFile;
use serde_json::{Value, json};

/// A project as compose prints it: as it is written, and with everything put in.
struct Project {
    written: String,
    made: String,
    file: String,
}

fn project(count: usize) -> Project {
    let (mut written, mut made) = (BTreeMap::new(), BTreeMap::new());
    let mut file = String::from("services:\n");
    for at in 0..count {
        let name = format!("service-{at:02}");
        let labels = json!({"traefik.enable": "true", format!("traefik.http.routers.{name}.rule"): format!("Host(`{name}.example.com`)")});
        let environment: BTreeMap<_, _> =
            (0..12).map(|at| (format!("VARIABLE_{at}"), "value of some length".to_owned())).collect();
        let mut service = json!({
            "image": "example/app:1", "labels": labels, "environment": environment, "container_name": format!("the-{name}"),
            "networks": {"default": {"aliases": [format!("alias-{at}")]}}, "ports": [{"target": 8080, "published": "80"}],
            "depends_on": {"service-00": {"condition": "service_healthy"}}, "healthcheck": {"test": ["CMD", "true"]},
            "volumes": [{"type": "bind", "source": format!("/srv/app/data/{name}"), "target": "/data"}],
        });
        written.insert(name.clone(), service.clone());
        let fields = service.as_object_mut().unwrap();
        fields.retain(|key, _| key != "networks" && key != "ports");
        fields.insert("network_mode".to_owned(), "host".into());
        made.insert(name.clone(), service);
        file.push_str(&format!("  {name}:\n    image: example/app:1\n    labels:\n      - traefik.enable=true\n"));
    }
    let text = |services: &BTreeMap<String, Value>| json!({"name": "app", "services": services}).to_string();
    Project { written: text(&written), made: text(&made), file }
}

/// Everything of ours between the calls of docker compose.
fn plan(project: &Project) -> usize {
    let model = Model::parse(&project.written).unwrap();
    let mut slots = SlotFile::default();
    slots.assign(model.services.keys().map(String::as_str)).unwrap();
    let plan = Plan::new(&model, &slots, &Place::new("2816".parse().unwrap(), "/srv/app/.rediacc/app").unwrap());
    let surroundings = Surroundings { own: "/srv/app".into(), others: BTreeMap::new() };
    let resolve = |path: &Path| path.to_owned();
    let problems = [
        plan.verify(&project.made).unwrap(),
        refusals(&project.made, &model, &surroundings, &Allowed::default(), &resolve).unwrap(),
        plan.warnings(&project.made, &model, &BTreeMap::from([(80, "web")])).unwrap(),
    ];
    black_box(Places::of(&project.file));
    plan.override_document().len() + plan.hosts_files().len() + problems.iter().map(Vec::len).sum::<usize>()
}

fn read(project: &Project) -> usize {
    let values = [&project.written, &project.made].map(|text| serde_json::from_str::<Value>(text).unwrap());
    values.iter().filter(|value| value.is_object()).count()
}

/// The milliseconds of one call: the best of some runs, since whatever else the machine does only adds to it.
fn milliseconds(call: impl Fn() -> usize) -> f64 {
    let run = |_| {
        let started = Instant::now();
        black_box(call());
        started.elapsed().as_secs_f64() * 1e3
    };
    (0..200).map(run).fold(f64::INFINITY, f64::min)
}

fn main() {
    println!("{:>8} {:>12} {:>14} {:>7}", "services", "planning", "reading JSON", "ratio");
    for count in [5, 15, 57] {
        let project = project(count);
        let (ours, least) = (milliseconds(|| plan(black_box(&project))), milliseconds(|| read(black_box(&project))));
        println!("{count:>8} {ours:>9.3} ms {least:>11.3} ms {:>6.1}×", ours / least);
    }
}
