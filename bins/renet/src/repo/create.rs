//! Making a repository, and forgetting one.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use command_line::{Failure, chain, must_agree};
use repo_lifecycle::{Place, shown};
use repo_network::SlotFile;
use route_api::{Claims, ControlError, Request};

use super::{
    Repository,
    daemons::Daemons,
    image::{self, Image},
    registry::Book,
};
use crate::{
    cli::{CreateOptions, DeleteOptions},
    files::{fault, read, replace},
    output::say,
    paths::Paths,
    repository::SLOT_FILE,
};

/// How long the route server may take to forget claims.
const ANSWER: Duration = Duration::from_secs(15);

/// Makes a repository. The same command again goes on where one was cut off.
pub(super) fn create(options: &CreateOptions) -> Result<ExitCode, Failure> {
    let CreateOptions { name, path, network_id, image, size } = options;
    let root = path.clone().unwrap_or_else(|| Paths::of_this_machine().repositories().join(name.as_str()));
    let root = std::path::absolute(&root).map_err(fault("find", &root))?;
    let image = image.as_deref().map(std::path::absolute).transpose().map_err(fault("find", &root))?;
    let place = Place { path: plain_path(&root)?, image: image.as_deref().map(plain_path).transpose()? };
    let book = Book::of_this_machine();
    let _lock = book.lock()?;
    let mut registry = book.read()?;
    // What is taken is told before anything is made.
    let refused = |error: repo_lifecycle::RegistryError| Failure::Refused(error.to_string());
    registry.clone().create(name.clone(), place.clone(), *network_id).map_err(refused)?;
    if let Some(file) = image {
        let made = make_image(&file, *size)?;
        let mounted = Image { file: file.clone(), point: root.clone() }.mount();
        if mounted.is_err() && made {
            let _ = fs::remove_file(&file);
        }
        mounted?;
    }
    // One that was here before, or comes from another machine, keeps its network.
    let slot_file = root.join(SLOT_FILE);
    let slots = match read(&slot_file)? {
        Some(text) => SlotFile::parse(&text).map_err(|error| Failure::usage(slot_file.display(), &error))?,
        None => SlotFile::default(),
    };
    let id = registry.create(name.clone(), place, network_id.or(slots.network_id())).map_err(refused)?;
    let mut bound = slots;
    bound.bind(id).map_err(|error| Failure::refused(slot_file.display(), &error))?;
    fs::create_dir_all(&root).map_err(fault("create", &root))?;
    replace(&slot_file, &bound.format(), 0o644)?;
    crate::step("the repository has its network");
    // Last: what is in the registry is whole.
    book.write(&registry)?;
    crate::step("the repository is entered");
    say(format_args!("repository {name}: network {id} ({}/26), in {}", id.network(), root.display()))?;
    Ok(ExitCode::SUCCESS)
}

/// Makes the image, unless there is one to be taken as it is; returns whether it was made.
fn make_image(file: &Path, size: Option<repo_lifecycle::Size>) -> Result<bool, Failure> {
    match (file.exists(), size) {
        (true, None) => image::look(file).map(|_| false),
        (true, Some(size)) => {
            let is = image::look(file)?.length;
            if is == size.bytes() {
                return Ok(false);
            }
            Err(Failure::Refused(format!(
                "{} is there already, with {}; leave out --size to take it as it is",
                file.display(),
                shown(is)
            )))
        }
        (false, Some(size)) => image::make(file, size).map(|()| true),
        (false, None) => Err(Failure::Usage(format!("{} is not there; with --size 10G it is made", file.display()))),
    }
}

/// A path that a file and a message can carry.
pub(super) fn plain_path(path: &Path) -> Result<String, Failure> {
    let text = path.to_str().filter(|text| !text.chars().any(char::is_control));
    match text {
        Some("/") => Err(Failure::Usage("/ is no directory for a repository".to_owned())),
        Some(text) => Ok(text.trim_end_matches('/').to_owned()),
        None => Err(Failure::Usage(format!("{path:?} has characters that no file can carry"))),
    }
}

/// Forgets a repository, and whose hosts and ports were its; its files stay, unless they are to go too.
pub(super) fn delete(options: &DeleteOptions) -> Result<ExitCode, Failure> {
    let DeleteOptions { name, yes, files } = options;
    let repository = Repository::find(name)?;
    let what = match (files, &repository.image) {
        (false, _) => String::new(),
        (true, Some(image)) => format!(", and its disk image {} with everything in it", image.display()),
        (true, None) => format!(", and {} with everything in it", repository.root.display()),
    };
    if !yes {
        must_agree(&format!("delete repository {name}{what}?"))?;
    }
    let daemons = Daemons::of(&repository);
    let _lock = daemons.lock()?;
    if daemons.is_there()? {
        daemons.let_go()?;
    }
    if let Some(image) = repository.image().filter(|image| image.file.exists()) {
        image.unmount()?;
    }
    let socket = Paths::of_this_machine().control_socket();
    match route_api::ask_within(&socket, &Request::Claims(Claims::Forget { network_id: repository.id }), ANSWER) {
        Ok(_) => say("its hosts and public ports are free")?,
        Err(error @ ControlError::Nobody { .. }) => {
            say(format_args!("its hosts and public ports are not freed: {}", chain(&error)))?;
        }
        Err(error) => return Err(Failure::runtime("its hosts and public ports cannot be freed", &error)),
    }
    crate::step("claims are freed");
    if *files {
        remove_files(&repository)?;
    }
    let book = Book::of_this_machine();
    let _lock = book.lock()?;
    let mut registry = book.read()?;
    registry.remove(name);
    book.write(&registry)?;
    let stays = repository.image.as_ref().unwrap_or(&repository.root);
    let stays = if *files { String::new() } else { format!("; {} stays", stays.display()) };
    say(format_args!("repository {name} is deleted{stays}"))?;
    Ok(ExitCode::SUCCESS)
}

fn remove_files(repository: &Repository) -> Result<(), Failure> {
    let gone = |done: io::Result<()>, path: &PathBuf| match done {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other.map_err(fault("remove", path)),
    };
    if let Some(image) = &repository.image {
        gone(fs::remove_file(image), image)?;
        // The place that it was mounted at; not when others put something there.
        let _ = fs::remove_dir(&repository.root);
        return Ok(());
    }
    if image::has_mounts(&repository.root)? {
        let root = repository.root.display();
        return Err(Failure::Refused(format!("something is mounted at or below {root}; unmount that first")));
    }
    gone(fs::remove_dir_all(&repository.root), &repository.root)
}
