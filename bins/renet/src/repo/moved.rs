//! A repository that is at another place than before. Its containers still mount directories of the old place: a daemon
//! that brought them back would make these anew, empty, and a database would begin in one.

use std::{
    fs::{self, File},
    io::Read as _,
    path::{Path, PathBuf},
};

use command_line::Failure;
use repo_lifecycle::HostConfig;

use crate::files::{fault, read, replace};

/// Below the repository's root: where it was when its daemon was started last.
const HOME: &str = ".rediacc/home";
/// Below the repository's root: dockerd keeps what it knows of each container there.
const CONTAINERS: &str = ".rediacc/docker/containers";
/// The most bytes of what it knows of one.
const MAX_FILE: u64 = 1 << 20;

/// Before dockerd is started: has it leave containers of another place down, which `up` makes anew; notes the place.
/// Returns how many there are.
pub(super) fn settle(root: &Path) -> Result<usize, Failure> {
    let now = root.to_string_lossy();
    let mut count = 0;
    if let Some(before) = home(root)?.filter(|before| *before != now) {
        for (file, config) in host_configs(root) {
            let Some(changed) = config.kept_down(&before) else { continue };
            replace(&file, &changed, 0o600)?;
            count += 1;
        }
    }
    fs::create_dir_all(root.join(".rediacc")).map_err(fault("create", root))?;
    replace(&root.join(HOME), &now, 0o600)?;
    Ok(count)
}

/// Where its containers were made, as far as that is known.
pub(super) fn home(root: &Path) -> Result<Option<String>, Failure> {
    read(&root.join(HOME))
}

/// What dockerd keeps of each container, whether it runs or not. One that was not finished has none.
pub(super) fn host_configs(root: &Path) -> impl Iterator<Item = (PathBuf, HostConfig)> {
    let containers = fs::read_dir(root.join(CONTAINERS)).into_iter().flatten().filter_map(Result::ok);
    containers.filter_map(|container| {
        let file = container.path().join("hostconfig.json");
        let mut text = String::new();
        File::open(&file).ok()?.take(MAX_FILE).read_to_string(&mut text).ok()?;
        Some((file, HostConfig::parse(&text)?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers_of_another_place_stay_down() {
        let scratch = tempfile::tempdir().unwrap();
        let root = scratch.path();
        let file = root.join(CONTAINERS).join("abc/hostconfig.json");
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        let text = r#"{"Binds":["/old/data:/data:rw"],"RestartPolicy":{"Name":"always","MaximumRetryCount":0}}"#;
        fs::write(&file, text).unwrap();
        fs::create_dir_all(root.join(CONTAINERS).join("empty")).unwrap();
        assert_eq!(settle(root).unwrap(), 0, "nothing is known of another place");
        assert_eq!(fs::read_to_string(&file).unwrap(), text);
        fs::write(root.join(HOME), "/old").unwrap();
        assert_eq!(settle(root).unwrap(), 1);
        assert!(fs::read_to_string(&file).unwrap().contains(r#""Name":"no""#));
        assert_eq!(settle(root).unwrap(), 0);
    }
}
