//! Real dockerds, a real Traefik and a real route-server, for the tests beside this file.
