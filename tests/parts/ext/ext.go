// Package ext is the extension point that Traefik leaves to whoever builds it; ours adds nothing.
package ext

// HTTP extends the HTTP configuration.
type HTTP struct{}

// Router extends an HTTP router.
type Router struct{}
