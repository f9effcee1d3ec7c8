//! The server over real sockets of 127.0.0.1.

#[cfg(test)]
mod limits;
#[cfg(test)]
mod long_poll;
#[cfg(test)]
mod paths;
#[cfg(test)]
mod starting;
#[cfg(test)]
mod stopping;
#[cfg(test)]
mod support;
