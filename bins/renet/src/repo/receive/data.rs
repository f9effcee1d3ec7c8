//! What containers write: directories of the repository that are mounted into them, writable.

use std::path::{Path, PathBuf};

use command_line::Failure;

use super::super::moved::{home, host_configs};

/// Directories below the root, relative to it.
pub(super) struct Data(Vec<PathBuf>);

// === impl Data ===

impl Data {
    /// By what dockerd keeps of each container, whether it runs or not. A container may still be one of the place where the
    /// repository was before.
    pub(super) fn of(root: &Path) -> Result<Self, Failure> {
        let before = home(root)?.map(PathBuf::from);
        let places: Vec<_> = [Some(root), before.as_deref()].into_iter().flatten().collect();
        let mounts = host_configs(root).flat_map(|(_, config)| config.bind_mounts());
        let sources = mounts.filter(|mount| mount.is_writable).map(|mount| PathBuf::from(mount.source));
        let inside = sources.filter_map(|source| {
            let inside = places.iter().find_map(|place| source.strip_prefix(place).ok())?;
            // A single file is a setting, and meant to be pushed.
            root.join(inside).is_dir().then(|| inside.to_owned())
        });
        Ok(Self(inside.collect()))
    }

    /// Whether something is in one of them.
    pub(super) fn has(&self, path: &Path) -> bool {
        self.0.iter().any(|directory| path.starts_with(directory))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

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
        let data = Data::of(root).unwrap();
        let has = |path: &str| data.has(Path::new(path));
        assert!(has("data/postgres/base") && has("source/main.py"));
        fs::write(root.join(".rediacc/home"), "/before").unwrap();
        fs::create_dir_all(root.join("other")).unwrap();
        fs::write(container.join("hostconfig.json"), r#"{"Binds": ["/before/other:/x"]}"#).unwrap();
        assert!(Data::of(root).unwrap().has(Path::new("other/x")), "of the place before");
        assert!(!has("static/index.html") && !has("app.conf") && !has("data/other") && !has("docker-compose.yml"));
    }
}
