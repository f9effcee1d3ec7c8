//! What containers write: directories of the repository that are mounted into them, writable.

use std::{
    fs::{self, File},
    io::Read as _,
    path::{Path, PathBuf},
};

use serde_json::Value;

/// The most bytes of what dockerd knows of a container.
const MAX_FILE: u64 = 1 << 20;

/// Directories below the root, relative to it.
pub(super) struct Data(Vec<PathBuf>);

// === impl Data ===

impl Data {
    /// By what dockerd keeps of each container, whether it runs or not.
    pub(super) fn of(root: &Path) -> Self {
        let containers = fs::read_dir(root.join(".rediacc/docker/containers")).into_iter().flatten();
        let configs = containers.filter_map(|container| {
            let mut text = String::new();
            let file = File::open(container.ok()?.path().join("hostconfig.json")).ok()?;
            file.take(MAX_FILE).read_to_string(&mut text).ok()?;
            serde_json::from_str::<Value>(&text).ok()
        });
        let writable = configs.flat_map(|config| sources(&config));
        let inside = writable.filter_map(|source| {
            let source = PathBuf::from(source);
            // A single file is a setting, and meant to be pushed.
            source.is_dir().then(|| source.strip_prefix(root).map(Path::to_owned).ok())?
        });
        Self(inside.collect())
    }

    /// Whether something is in one of them.
    pub(super) fn has(&self, path: &Path) -> bool {
        self.0.iter().any(|directory| path.starts_with(directory))
    }
}

/// `source:target[:flags]` of what is mounted writable.
fn sources(config: &Value) -> Vec<String> {
    let list = |key: &str| config.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    let bind = |bind: &Value| {
        let mut parts = bind.as_str()?.split(':');
        let (source, _target) = (parts.next()?, parts.next()?);
        let is_read_only = parts.next().is_some_and(|flags| flags.split(',').any(|flag| flag == "ro"));
        (!is_read_only && source.starts_with('/')).then(|| source.to_owned())
    };
    let mount = |mount: &Value| {
        let is_read_only = mount.get("ReadOnly").and_then(Value::as_bool).unwrap_or_default();
        let source = mount.get("Source").and_then(Value::as_str).filter(|source| source.starts_with('/'))?;
        (!is_read_only).then(|| source.to_owned())
    };
    list("Binds").iter().filter_map(bind).chain(list("Mounts").iter().filter_map(mount)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writable_directories_inside() {
        let scratch = tempfile::tempdir().unwrap();
        let root = scratch.path();
        let container = root.join(".rediacc/docker/containers/abc");
        for directory in [&container, &root.join("data/postgres"), &root.join("static"), &root.join("source")] {
            fs::create_dir_all(directory).unwrap();
        }
        fs::write(root.join("app.conf"), "").unwrap();
        let binds = serde_json::json!({
            "Binds": [format!("{}/data/postgres:/var/lib", root.display()), format!("{}/static:/www:ro", root.display()),
                      format!("{}/app.conf:/app.conf", root.display()), "volume:/x", "/etc:/host"],
            "Mounts": [{"Type": "bind", "Source": root.join("source")}, {"Type": "bind", "Source": root.join("static"), "ReadOnly": true}],
        });
        fs::write(container.join("hostconfig.json"), binds.to_string()).unwrap();
        let data = Data::of(root);
        let has = |path: &str| data.has(Path::new(path));
        assert!(has("data/postgres/base") && has("source/main.py"));
        assert!(!has("static/index.html") && !has("app.conf") && !has("data/other") && !has("docker-compose.yml"));
    }
}
