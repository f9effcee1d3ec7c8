// Command oracle answers with Traefik's own packages what Traefik makes of labels, documents, rules and
// containers: one JSON request per line on stdin, one JSON answer per line on stdout.
//
//	{"op":"labels","labels":{…}}                    → {"config":…} | {"err":"…"} | {"panic":"…"}
//	{"op":"httpdecode","body":"…"}                  → the same
//	{"op":"httprule","rule":"…","syntax":"v3"}      → {"prio":n,"domains":[…],"err":"…"}
//	{"op":"tcprule","rule":"…","syntax":"","tls":b} → the same; without "tls" nothing of the router is checked
//	{"op":"docker","inspects":[…]}                  → {"config":…,"logs":[…]}
//	{"op":"yamlscalars","body":"…"}                 → {"values":[{"path":[…],"type":"string","value":"…"}]}
//	{"op":"schema"}                                 → {"schema":{"dynamic.Router":{"fields":[…]},…}}
//	{"op":"bench","labels":{…}}                     → {"cost":{"nanos":n,"allocs":n,"bytes":n}}, for one decode
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"log"
	"os"

	"github.com/traefik/paerser/file"
	"github.com/traefik/traefik/v3/pkg/config/dynamic"
	"github.com/traefik/traefik/v3/pkg/config/label"
	traefiktls "github.com/traefik/traefik/v3/pkg/tls"
)

type request struct {
	Op               string            `json:"op"`
	Labels           map[string]string `json:"labels"`
	Body             string            `json:"body"`
	Rule             string            `json:"rule"`
	Syntax           string            `json:"syntax"`
	TLS              *bool             `json:"tls"`
	Inspects         []json.RawMessage `json:"inspects"`
	ExposedByDefault *bool             `json:"exposedByDefault"`
	Constraints      string            `json:"constraints"`
	DefaultRule      *string           `json:"defaultRule"`
}

type response struct {
	Config  *dynamic.Configuration `json:"config,omitempty"`
	Err     string                 `json:"err,omitempty"`
	Panic   string                 `json:"panic,omitempty"`
	Prio    int                    `json:"prio,omitempty"`
	Domains []string               `json:"domains,omitempty"`
	Logs    []string               `json:"logs,omitempty"`
	Values  []value                `json:"values,omitempty"`

	Schema map[string]*structTable `json:"schema,omitempty"`
	Cost   *cost                   `json:"cost,omitempty"`
}

func main() {
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := bufio.NewWriter(os.Stdout)
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)

	for {
		line, err := in.ReadBytes('\n')
		if len(line) > 0 {
			respond(encoder, line)
		}
		// Whoever waits for an answer has sent nothing behind its request.
		if in.Buffered() == 0 || err != nil {
			if err := out.Flush(); err != nil {
				log.Fatalf("answer: %v", err)
			}
		}
		if err != nil {
			return
		}
	}
}

func respond(encoder *json.Encoder, line []byte) {
	var req request
	if err := json.Unmarshal(line, &req); err != nil {
		log.Fatalf("request: %v", err)
	}
	if err := encoder.Encode(answer(req)); err != nil {
		log.Fatalf("answer: %v", err)
	}
}

func answer(req request) (resp response) {
	defer func() {
		if r := recover(); r != nil {
			resp = response{Panic: fmt.Sprint(r)}
		}
	}()

	switch req.Op {
	case "labels":
		return configAnswer(label.DecodeConfiguration(req.Labels))
	case "httpdecode":
		return configAnswer(decodeDocument(req.Body))
	case "httprule":
		return httpRule(req)
	case "tcprule":
		return tcpRule(req)
	case "docker":
		return dockerBuild(req)
	case "yamlscalars":
		return yamlScalars(req.Body)
	case "schema":
		return response{Schema: schema()}
	case "bench":
		return bench(req.Labels)
	default:
		return response{Err: "unknown op " + req.Op}
	}
}

func configAnswer(conf *dynamic.Configuration, err error) response {
	if err != nil {
		return response{Err: err.Error()}
	}
	return response{Config: conf}
}

// decodeDocument starts from the same empty configuration as the HTTP provider does.
func decodeDocument(body string) (*dynamic.Configuration, error) {
	conf := &dynamic.Configuration{
		HTTP: &dynamic.HTTPConfiguration{
			Routers:           map[string]*dynamic.Router{},
			Middlewares:       map[string]*dynamic.Middleware{},
			Services:          map[string]*dynamic.Service{},
			ServersTransports: map[string]*dynamic.ServersTransport{},
		},
		TCP: &dynamic.TCPConfiguration{
			Routers:           map[string]*dynamic.TCPRouter{},
			Services:          map[string]*dynamic.TCPService{},
			ServersTransports: map[string]*dynamic.TCPServersTransport{},
		},
		UDP: &dynamic.UDPConfiguration{
			Routers:  map[string]*dynamic.UDPRouter{},
			Services: map[string]*dynamic.UDPService{},
		},
		TLS: &dynamic.TLSConfiguration{
			Stores:  map[string]traefiktls.Store{},
			Options: map[string]traefiktls.Options{},
		},
	}
	if err := file.DecodeContent(body, ".yaml", conf); err != nil {
		return nil, err
	}
	return conf, nil
}
