.DEFAULT_GOAL := help
.PHONY: help run test check unit conformance e2e story units bench

help: ## this list
	@sed -n 's/^\([a-z0-9]*\): .*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

run: ## install what is missing, build, and show two containers routed by a real Traefik (ctrl-C ends it)
	@scripts/run

test: ## everything CI runs: set-up, checks, unit tests, conformance with Traefik, end to end
	@scripts/test

check: ## format, clippy, dependencies, layers: the quick look before a commit
	@scripts/setup
	@scripts/check

unit: ## unit, fixture and property tests: the quick loop
	@scripts/test unit

conformance: ## our label decoder against Traefik's own
	@scripts/test conformance

e2e: ## real dockerds, a real Traefik, requests through it
	@scripts/test e2e

story: ## from an empty machine to https://app.example.com: the whole line on real parts, with a time line
	@scripts/test story

units: ## the units under a real systemd: restarts, kills, a reboot, while requests run
	@scripts/test units

bench: ## latencies and costs, as ratios measured in one run
	@scripts/bench
