use std::{io, net::SocketAddr, process::ExitCode, sync::Arc};

use container_snapshot::Transport;
use docker_discovery::follow;
use machine_sockets::holder_of_port;
use route_http::{Polls, Service, Token};
use route_synthesis::Policy;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::{Notify, mpsc},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use crate::{
    cli::ServeOptions,
    control::{self, Desk, Place},
    exit::Failure,
    fleet::{Fleet, Start},
    logging,
    published::{ENDPOINTS, Machine},
    publisher::Publisher,
    settings,
    state::{RETRY, Saver, StateDir, keep_last},
    systemd::{self, Sockets},
};

/// How many messages of discovery may wait.
const BACKLOG: usize = 1024;
/// How many commands of the operator may wait.
const COMMANDS: usize = 8;

/// Serves until SIGTERM or SIGINT.
pub(crate) fn run(options: &ServeOptions) -> Result<ExitCode, Failure> {
    logging::init(options.log_format);
    let (policy, token) = settings::validated(options)?;
    runtime()?.block_on(serve(options, policy, token))?;
    Ok(ExitCode::SUCCESS)
}

/// One thread is enough: the work is small, and one slow thing cannot hide behind another.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Failure::runtime("cannot start", &error))
}

/// Binds, follows the daemons, serves, and ends in order.
pub(crate) async fn serve(options: &ServeOptions, policy: Policy, token: Option<Token>) -> Result<(), Failure> {
    let Sockets { http, control } = Sockets::take().map_err(|error| Failure::runtime("cannot serve", &error))?;
    let listener = match http {
        Some(socket) => TcpListener::from_std(socket).map_err(|error| Failure::runtime("cannot serve", &error))?,
        None => bind(options.listen).await?,
    };
    let address = listener.local_addr().map_err(|error| Failure::runtime("cannot serve", &error))?;
    let shutdown = CancellationToken::new();
    let refresh = Arc::new(Notify::new());
    watch_signals(&shutdown, &refresh)?;
    let polls = Arc::new(Polls::default());
    let state = StateDir::new(&options.state_dir);
    let published = state.load_published();
    let stale_for = policy.stale_for;
    let restored = published.as_ref().map(|document| document.revision.to_string());
    let machine = Machine {
        base_domain: policy.base_domain.clone(),
        polls: polls.clone(),
        state: state.report().clone(),
        proxy_check: options.proxy_check.as_path().into(),
    };
    let mut publisher = Publisher::new(policy, Arc::new(machine), published);
    let service = Service {
        published: publisher.subscribe(),
        endpoints: &ENDPOINTS,
        settings: route_http::Settings { token, ..Default::default() },
        polls: polls.clone(),
    };
    let sockets = options.sockets.join(" ");
    let on_ready = move || tracing::info!(listen = %address, sockets, restored, "serving");
    let serving = tokio::spawn(route_http::serve(vec![listener], service, on_ready, shutdown.clone()));
    // Traefik has its answer by now; a large fleet takes a moment to be read, and a disk to say that it can be written.
    let known = state.clone();
    let known = tokio::task::spawn_blocking(move || (known.load(), known.load_snapshot())).await;
    let (loaded, snapshot) = known.map_err(|error| Failure::runtime("a task ended badly", &error))?;
    let (saver, saving) = Saver::start(state.clone(), &loaded, RETRY);
    publisher.begin(loaded);
    let report = state.report().clone();
    let keeping = tokio::spawn(keep_last(state, publisher.subscribe(), shutdown.clone()));

    let (sender, messages) = mpsc::channel(BACKLOG);
    let (asking, commands) = mpsc::channel(COMMANDS);
    let discovery = docker_discovery::Settings { globs: options.sockets.clone(), ..Default::default() };
    let following = tokio::spawn(follow(discovery, sender, refresh.clone(), shutdown.clone()));
    let place = match (control, settings::control_socket(options)) {
        (Some(given), _) => Place::Given(given),
        (None, Some(path)) => Place::File(path.to_owned()),
        (None, None) => Place::Nowhere,
    };
    let desk = Desk { commands: asking, report, polls };
    let controlling = tokio::spawn(control::run(place, desk, shutdown.clone()));
    let now = Instant::now();
    let start = Start { first_view: now + options.first_view, stale: now + stale_for };
    let fleet = Fleet::new(publisher, saver, refresh, snapshot, start);
    shutdown.run_until_cancelled(fleet.run(messages, commands)).await;
    shutdown.cancel();
    // With the fleet its savers are gone, so that the last write ends the saving.
    for task in [following, serving, controlling, saving, keeping] {
        task.await.map_err(|error| Failure::runtime("a task ended badly", &error))?;
    }
    tracing::info!("ended");
    Ok(())
}

async fn bind(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => {
            let holder = holder_of_port(Transport::Tcp, address).map(|holder| holder.to_string());
            let holder = holder.unwrap_or_else(|| "somebody whom this user cannot see".to_owned());
            Failure::Refused(format!("{address} is taken by {holder}; stop that, or choose another --listen"))
        }
        _ => Failure::runtime(format_args!("cannot listen on {address}"), &error),
    })
}

/// SIGTERM and SIGINT end, SIGHUP asks all daemons again.
fn watch_signals(shutdown: &CancellationToken, refresh: &Arc<Notify>) -> Result<(), Failure> {
    let on = |kind| signal(kind).map_err(|error| Failure::runtime("cannot listen for signals", &error));
    let (mut terminate, mut interrupt, mut hangup) =
        (on(SignalKind::terminate())?, on(SignalKind::interrupt())?, on(SignalKind::hangup())?);
    let (shutdown, refresh) = (shutdown.clone(), refresh.clone());
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
                _ = hangup.recv() => refresh.notify_one(),
            }
        }
        tracing::info!("ending");
        systemd::stopping();
        shutdown.cancel();
    });
    Ok(())
}
