//! Real dockerds, a real Traefik and a real route-server, for the tests beside this file.
//!
//! ```no_run
//! use end_to_end::{Dockerd, Image, Scratch, Service};
//!
//! let scratch = Scratch::new()?;
//! let image = Image::build(&scratch, &[])?;
//! let dockerd = Dockerd::start(&scratch, "2816".parse()?)?;
//! dockerd.import(&image)?;
//! dockerd.run(&Service::pages("myapp", 0, 80))?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//! Whatever is started belongs to a value, and is stopped, by its process ID, when that is dropped.

mod client;
mod dockerd;
mod error;
mod image;
mod process;
mod programs;
mod renet;
mod route_server;
mod scratch;
mod service;
mod traefik;
mod wait;

pub use client::{Answer, Client, ask_udp, greeting};
pub use dockerd::Dockerd;
pub use error::Error;
pub use image::{BACKEND, Image};
pub use process::Process;
pub use renet::Renet;
pub use route_server::RouteServer;
pub use scratch::Scratch;
pub use service::Service;
pub use traefik::{Following, Traefik, api_url, dynamic_files, free_address};
pub use wait::until;
