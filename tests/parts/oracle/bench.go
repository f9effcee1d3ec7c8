package main

import (
	"testing"

	"github.com/traefik/traefik/v3/pkg/config/label"
)

// cost is what one decode took.
type cost struct {
	Nanos  float64 `json:"nanos"`
	Allocs int64   `json:"allocs"`
	Bytes  int64   `json:"bytes"`
}

// bench measures Traefik's label decoder for about a second.
func bench(labels map[string]string) response {
	if _, err := label.DecodeConfiguration(labels); err != nil {
		return response{Err: err.Error()}
	}
	result := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for range b.N {
			if _, err := label.DecodeConfiguration(labels); err != nil {
				b.Fatal(err)
			}
		}
	})
	return response{Cost: &cost{
		Nanos:  float64(result.T.Nanoseconds()) / float64(result.N),
		Allocs: result.AllocsPerOp(),
		Bytes:  result.AllocedBytesPerOp(),
	}}
}
