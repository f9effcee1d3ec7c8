//! What `renet compose` adds to a compose file, as a function of values: nothing here runs a program or opens a file.
//!
//! The user's files are never written anew. `docker compose config --no-interpolate --format json` gives a [`Model`];
//! the model, the repository's slots and its network make a [`Plan`]; the plan is written as an
//! [override document](Plan::override_document) that compose reads after the user's files, and as a
//! [hosts file](Plan::hosts_files) that is mounted into the containers. [`Plan::verify`] looks at what compose made of
//! the two.
//!
//! ```
//! use compose_inject::{Model, Place, Plan};
//! use repo_network::SlotFile;
//!
//! let model = Model::parse(r#"{"name": "app", "services": {"web": {"image": "nginx"}}}"#)?;
//! let mut slots = SlotFile::default();
//! slots.assign(model.services.keys().map(String::as_str))?;
//! let place = Place::new("2816".parse()?, "/srv/app/.rediacc/app")?;
//! let plan = Plan::new(&model, &slots, &place);
//! assert!(plan.override_document().contains("rediacc.service_ip: \"127.0.11.2\""));
//! assert!(plan.hosts_files()["hosts"].contains("127.0.11.2 web\n"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod document;
mod fence;
mod images;
mod invocation;
mod model;
mod places;
mod plan;
mod problem;
mod refusals;
mod structure;
mod verify;
mod warnings;

pub use fence::{Fence, FenceMode};
pub use invocation::{Invocation, InvocationError};
pub use model::{Model, ModelError, NetworkMode, Service};
pub use places::{Place as FilePlace, Places, locate};
pub use plan::{Place, PlaceError, Plan, ServicePlan};
pub use problem::{Problem, ProblemCode, Severity};
pub use refusals::{Allowed, Surroundings, refusals};
