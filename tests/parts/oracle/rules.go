package main

import (
	"fmt"
	"net/http"

	httpmuxer "github.com/traefik/traefik/v3/pkg/muxer/http"
	tcpmuxer "github.com/traefik/traefik/v3/pkg/muxer/tcp"
	"github.com/traefik/traefik/v3/pkg/tcp"
)

func httpRule(req request) response {
	parser, err := httpmuxer.NewSyntaxParser()
	if err != nil {
		panic(err)
	}
	resp := response{Prio: httpmuxer.GetRulePriority(req.Rule)}
	if domains, err := httpmuxer.ParseDomains(req.Rule); err == nil {
		resp.Domains = domains
	}
	muxer := httpmuxer.NewMuxer(parser, nil)
	if err := muxer.AddRoute(req.Rule, req.Syntax, resp.Prio, "", http.NotFoundHandler()); err != nil {
		resp.Err = err.Error()
	}
	return resp
}

func tcpRule(req request) response {
	muxer, err := tcpmuxer.NewMuxer(nil)
	if err != nil {
		panic(err)
	}
	resp := response{Prio: tcpmuxer.GetRulePriority(req.Rule)}
	domains, err := tcpmuxer.ParseHostSNI(req.Rule)
	if err == nil {
		resp.Domains = domains
	}
	// As the TCP router manager, which exports nothing that would do it.
	if req.TLS != nil && !*req.TLS && len(domains) > 0 && domains[0] != "*" {
		resp.Err = fmt.Sprintf("invalid rule: %q , has HostSNI matcher, but no TLS on router", req.Rule)
		return resp
	}
	handler := tcp.HandlerFunc(func(tcp.WriteCloser) {})
	if err := muxer.AddRoute(req.Rule, req.Syntax, resp.Prio, "", handler); err != nil {
		resp.Err = err.Error()
	}
	return resp
}
