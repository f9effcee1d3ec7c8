package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/rs/zerolog"
	zerologger "github.com/rs/zerolog/log"
	"github.com/traefik/traefik/v3/pkg/config/dynamic"
	"github.com/traefik/traefik/v3/pkg/provider/docker"
	"github.com/traefik/traefik/v3/pkg/safe"
)

// dockerBuild runs Traefik's Docker provider once, against a daemon that knows the given containers.
func dockerBuild(req request) response {
	var logs bytes.Buffer
	logger := zerolog.New(&logs).Level(zerolog.InfoLevel)
	zerologger.Logger = logger
	zerolog.DefaultContextLogger = &logger

	// The provider asks for host.docker.internal; the answer must not depend on who runs this, nor take seconds.
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("the oracle resolves no names")
	}}

	daemon := httptest.NewServer(daemonOf(req.Inspects))
	defer daemon.Close()

	var provider docker.Provider
	provider.SetDefaults()
	provider.Watch = false
	provider.Endpoint = "tcp://" + daemon.Listener.Addr().String()
	provider.Constraints = req.Constraints
	if req.ExposedByDefault != nil {
		provider.ExposedByDefault = *req.ExposedByDefault
	}
	if req.DefaultRule != nil {
		provider.DefaultRule = *req.DefaultRule
	}
	if err := provider.Init(); err != nil {
		return response{Err: err.Error()}
	}

	pool := safe.NewPool(context.Background())
	messages := make(chan dynamic.Message, 1)
	if err := provider.Provide(messages, pool); err != nil {
		return response{Err: err.Error()}
	}
	select {
	case message := <-messages:
		pool.Stop()
		return response{Config: message.Configuration, Logs: lines(&logs)}
	case <-time.After(5 * time.Second):
		pool.Stop()
		return response{Panic: strings.Join(lines(&logs), "\n")}
	}
}

func daemonOf(inspects []json.RawMessage) http.Handler {
	byID := map[string]json.RawMessage{}
	list := []map[string]string{}
	for _, inspect := range inspects {
		var container struct{ ID string }
		if err := json.Unmarshal(inspect, &container); err != nil {
			panic(err)
		}
		byID[container.ID] = inspect
		list = append(list, map[string]string{"Id": container.ID})
	}
	return http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
		rw.Header().Set("Content-Type", "application/json")
		rw.Header().Set("Api-Version", "1.51")
		path := strings.Split(strings.Trim(req.URL.Path, "/"), "/")
		if last := path[len(path)-1]; last == "_ping" {
			_, _ = rw.Write([]byte("OK"))
		} else if last == "version" {
			_, _ = rw.Write([]byte(`{"Version":"29.0.0","ApiVersion":"1.51"}`))
		} else if len(path) >= 2 && path[len(path)-2] == "containers" {
			_ = json.NewEncoder(rw).Encode(list)
		} else if inspect, ok := byID[path[len(path)-2]]; ok {
			_, _ = rw.Write(inspect)
		} else {
			http.Error(rw, `{"message":"no such container"}`, http.StatusNotFound)
		}
	})
}

// lines are the log entries, without the name of the provider that all of them have.
func lines(logs *bytes.Buffer) []string {
	text := strings.ReplaceAll(strings.TrimSpace(logs.String()), `"providerName":"docker",`, "")
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}
