// Puts an image of one layer into a registry.
//
//	push REGISTRY NAME TAG LAYER.tar.gz CONFIG-JSON
package main

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"runtime"
	"strings"
)

const docker = "application/vnd.docker."

func main() {
	if len(os.Args) != 6 {
		log.Fatal("usage: push REGISTRY NAME TAG LAYER.tar.gz CONFIG-JSON")
	}
	registry, name, tag := os.Args[1], os.Args[2], os.Args[3]
	layer, err := os.ReadFile(os.Args[4])
	check(err)
	unpacked, err := gzip.NewReader(bytes.NewReader(layer))
	check(err)
	hash := sha256.New()
	_, err = io.Copy(hash, unpacked)
	check(err)
	config, err := json.Marshal(map[string]any{
		"architecture": runtime.GOARCH, "os": "linux", "config": json.RawMessage(os.Args[5]),
		"rootfs":  map[string]any{"type": "layers", "diff_ids": []string{"sha256:" + hex.EncodeToString(hash.Sum(nil))}},
		"history": []map[string]string{{"created_by": "tests"}},
	})
	check(err)
	base := fmt.Sprintf("http://%s/v2/%s", registry, name)
	manifest, err := json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": docker + "distribution.manifest.v2+json",
		"config": described(docker+"container.image.v1+json", config, blob(base, config)),
		"layers": []any{described(docker+"image.rootfs.diff.tar.gzip", layer, blob(base, layer))},
	})
	check(err)
	send("PUT", base+"/manifests/"+tag, docker+"distribution.manifest.v2+json", manifest)
}

func described(kind string, content []byte, digest string) map[string]any {
	return map[string]any{"mediaType": kind, "size": len(content), "digest": digest}
}

func blob(base string, content []byte) string {
	sum := sha256.Sum256(content)
	digest := "sha256:" + hex.EncodeToString(sum[:])
	if response, err := http.Head(base + "/blobs/" + digest); err == nil && response.StatusCode == 200 {
		return digest
	}
	at := send("POST", base+"/blobs/uploads/", "", nil).Get("Location")
	separator := "?"
	if strings.Contains(at, "?") {
		separator = "&"
	}
	send("PUT", at+separator+"digest="+digest, "application/octet-stream", content)
	return digest
}

func send(method, url, kind string, content []byte) http.Header {
	request, err := http.NewRequest(method, url, bytes.NewReader(content))
	check(err)
	if kind != "" {
		request.Header.Set("Content-Type", kind)
	}
	response, err := http.DefaultClient.Do(request)
	check(err)
	defer response.Body.Close()
	if response.StatusCode >= 300 {
		said, _ := io.ReadAll(response.Body)
		log.Fatalf("%s %s: %s %s", method, url, response.Status, said)
	}
	return response.Header
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
