// The world around the machine in the story test: written for it, built into the cache by scripts/parts.
module rediacc.invalid/world

go 1.26.0

require (
	github.com/lib/pq v1.12.3
	golang.org/x/net v0.62.0
)
