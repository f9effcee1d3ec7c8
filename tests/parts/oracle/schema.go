package main

import (
	"reflect"

	"github.com/traefik/traefik/v3/pkg/config/dynamic"
)

// structTable is a struct of the dynamic configuration as paerser sees it: exported fields only, and the ones of
// embedded structs among its own.
type structTable struct {
	Fields []fieldTable `json:"fields"`
}

type fieldTable struct {
	Name string `json:"name"`
	Type string `json:"type"`
	// Kind is Go's name of what a decoder meets below pointers: "string", "slice", "map", "struct"…
	Kind string `json:"kind"`
	// Struct is the struct that it holds, in whatever lists and maps.
	Struct  string `json:"struct,omitempty"`
	Label   string `json:"label,omitempty"`
	File    string `json:"file,omitempty"`
	SliceAs string `json:"sliceAs,omitempty"`
	// Default is what SetDefaults makes of it, unless that is the zero value.
	Default any `json:"default,omitempty"`
}

// schema lists every struct that can be reached from the dynamic configuration.
func schema() map[string]*structTable {
	tables := map[string]*structTable{}
	visit(reflect.TypeFor[dynamic.Configuration](), tables)
	return tables
}

func visit(t reflect.Type, tables map[string]*structTable) {
	t = element(t)
	if t.Kind() != reflect.Struct || tables[t.String()] != nil {
		return
	}
	table := &structTable{}
	tables[t.String()] = table
	value := reflect.New(t)
	if defaults, ok := value.Interface().(interface{ SetDefaults() }); ok {
		defaults.SetDefaults()
	}
	table.add(t, value.Elem(), tables)
}

func (s *structTable) add(t reflect.Type, value reflect.Value, tables map[string]*structTable) {
	for i := range t.NumField() {
		field := t.Field(i)
		if field.PkgPath != "" {
			continue
		}
		if field.Anonymous && field.Type.Kind() == reflect.Struct {
			s.add(field.Type, value.Field(i), tables)
			continue
		}
		row := fieldTable{
			Name:    field.Name,
			Type:    field.Type.String(),
			Kind:    pointee(field.Type).Kind().String(),
			Label:   field.Tag.Get("label"),
			File:    field.Tag.Get("file"),
			SliceAs: field.Tag.Get("label-slice-as-struct"),
		}
		if element(field.Type).Kind() == reflect.Struct {
			row.Struct = element(field.Type).String()
		}
		if !value.Field(i).IsZero() {
			row.Default = value.Field(i).Interface()
		}
		s.Fields = append(s.Fields, row)
		visit(field.Type, tables)
	}
}

func pointee(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}

func element(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
		t = t.Elem()
	}
	return t
}
