package main

import (
	"fmt"
	"sort"

	"gopkg.in/yaml.v3"
)

// value is one scalar of a document: where, of what Go type (as paerser will see it), and as text.
type value struct {
	Path  []string `json:"path"`
	Type  string   `json:"type"`
	Value string   `json:"value"`
}

func yamlScalars(body string) response {
	data := map[string]any{}
	if err := yaml.Unmarshal([]byte(body), &data); err != nil {
		return response{Err: err.Error()}
	}
	values := collect(nil, nil, data)
	sort.SliceStable(values, func(i, j int) bool { return fmt.Sprint(values[i].Path) < fmt.Sprint(values[j].Path) })
	return response{Values: values}
}

// collect names a key that is no string by its type and text, as in "(int)1".
func collect(values []value, path []string, data any) []value {
	below := func(key string) []string { return append(append([]string{}, path...), key) }
	switch data := data.(type) {
	case map[string]any:
		for key, item := range data {
			values = collect(values, below(key), item)
		}
	case map[any]any:
		for key, item := range data {
			values = collect(values, below(fmt.Sprintf("(%T)%v", key, key)), item)
		}
	case []any:
		for index, item := range data {
			values = collect(values, below(fmt.Sprint(index)), item)
		}
	default:
		values = append(values, value{Path: path, Type: fmt.Sprintf("%T", data), Value: fmt.Sprint(data)})
	}
	return values
}
