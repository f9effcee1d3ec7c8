use std::{io, net::SocketAddr, process::ExitCode, sync::Arc, time::Duration};

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
    published::{ENDPOINTS, Machine, Pulse},
    publisher::Publisher,
    settings,
    state::{RETRY, Saver, StateDir, keep_last},
    systemd::{self, Sockets},
    tasks::Tasks,
    traefik_api::{Heard, TraefikApi},
};

/// How many messages of discovery may wait.
const BACKLOG: usize = 1024;
/// How many commands of the operator may wait.
const COMMANDS: usize = 8;

/// How long the end may take, the last write included: a disk that hangs must not hold up a restart.
const LAST_WRITE: Duration = Duration::from_secs(5);

/// Serves until SIGTERM or SIGINT, or until something falls over.
pub(crate) fn run(options: &ServeOptions) -> Result<ExitCode, Failure> {
    logging::init(options.log_format);
    let (policy, token) = settings::validated(options)?;
    let runtime = runtime()?;
    let ended = runtime.block_on(serve(options, policy, token));
    // A write that hangs is not waited for.
    runtime.shutdown_background();
    ended.map(|()| ExitCode::SUCCESS)
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
    let mut tasks = Tasks::default();
    tasks.spawn("watching signals", watch_signals(shutdown.clone(), refresh.clone())?);
    let polls = Arc::new(Polls::default());
    let state = StateDir::new(&options.state_dir);
    let published = state.load_published();
    let stale_for = policy.stale_for;
    let restored = published.as_ref().map(|document| document.revision.to_string());
    let machine = Machine {
        base_domain: policy.base_domain.clone(),
        polls: polls.clone(),
        traefik: Heard::default(),
        marks: options.traefik_api.is_some(),
        state: state.report().clone(),
        proxy_check: options.proxy_check.as_path().into(),
        pulse: Pulse::default(),
    };
    let heard = machine.traefik.clone();
    let mut publisher = Publisher::new(policy, Arc::new(machine), published);
    let service = Service {
        published: publisher.subscribe(),
        endpoints: &ENDPOINTS,
        settings: route_http::Settings { token, ..Default::default() },
        polls: polls.clone(),
    };
    let sockets = options.sockets.join(" ");
    let on_ready = move || tracing::info!(listen = %address, sockets, restored, "serving");
    tasks.spawn("serving HTTP", route_http::serve(vec![listener], service, on_ready, shutdown.clone()));
    // Traefik has its answer by now; a large fleet takes a moment to be read, and a disk to say that it can be written.
    let known = state.clone();
    let known = tokio::task::spawn_blocking(move || (known.load(), known.load_snapshot())).await;
    let (loaded, snapshot) = known.map_err(|error| Failure::runtime("a task ended badly", &error))?;
    let (saver, saving) = Saver::new(state.clone(), &loaded, RETRY);
    tasks.spawn("writing who owns what", saving);
    publisher.begin(loaded);
    let report = state.report().clone();
    tasks.spawn("writing what is published", keep_last(state, publisher.subscribe(), shutdown.clone()));

    if let Some(address) = options.traefik_api {
        let api = TraefikApi { address, credentials: options.traefik_api_credentials.clone() };
        let listening = api.listen(publisher.subscribe(), heard);
        let ends = shutdown.clone();
        tasks.spawn("asking Traefik", async move {
            ends.run_until_cancelled(listening).await;
        });
    }

    let (sender, messages) = mpsc::channel(BACKLOG);
    let (asking, commands) = mpsc::channel(COMMANDS);
    let discovery = docker_discovery::Settings { globs: options.sockets.clone(), ..Default::default() };
    tasks.spawn("following daemons", follow(discovery, sender, refresh.clone(), shutdown.clone()));
    let place = match (control, settings::control_socket(options)) {
        (Some(given), _) => Place::Given(given),
        (None, Some(path)) => Place::File(path.to_owned()),
        (None, None) => Place::Nowhere,
    };
    let desk = Desk { commands: asking, report, polls };
    tasks.spawn("the control socket", control::run(place, desk, shutdown.clone()));
    let now = Instant::now();
    let start = Start { first_view: now + options.first_view, stale: now + stale_for };
    let fleet = Fleet::new(publisher, saver, refresh, snapshot, start);
    let ends = shutdown.clone();
    // With it the savers' other ends are gone, so that the last write ends the saving.
    tasks.spawn("the loop", async move {
        ends.run_until_cancelled(fleet.run(messages, commands)).await;
    });
    let early = shutdown.run_until_cancelled(tasks.next_end()).await;
    // Whoever ends because of the order to end does not end early.
    let early = early.filter(|_| !shutdown.is_cancelled());
    shutdown.cancel();
    let mut faults: Vec<_> = early.into_iter().collect();
    faults.extend(tasks.all_end(LAST_WRITE).await);
    if faults.is_empty() {
        tracing::info!("ended");
        return Ok(());
    }
    Err(Failure::Runtime(format!("it ends, since it cannot go on as it should: {}", faults.join("; "))))
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

/// SIGTERM and SIGINT end, a second one at once; SIGHUP asks all daemons again.
fn watch_signals(shutdown: CancellationToken, refresh: Arc<Notify>) -> Result<impl Future<Output = ()>, Failure> {
    let on = |kind| signal(kind).map_err(|error| Failure::runtime("cannot listen for signals", &error));
    let (mut terminate, mut interrupt, mut hangup) =
        (on(SignalKind::terminate())?, on(SignalKind::interrupt())?, on(SignalKind::hangup())?);
    Ok(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
                _ = hangup.recv() => refresh.notify_one(),
                // Something else asked for the end.
                () = shutdown.cancelled() => return,
            }
        }
        tracing::info!("ending");
        systemd::stopping();
        shutdown.cancel();
        // In a task of its own, which nobody waits for.
        tokio::spawn(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            tracing::warn!("ending at once; what was published last may not be written");
            std::process::exit(1);
        });
    })
}
