// Reads JSON as the backend parser of Grafana's data source Infinity does: a root selector and the selectors of
// columns are gjson paths, a column's type converts its values, fields come sorted by name.
//
// Standard input: a list of {body, root_selector, columns}. Standard output: a list of {fields}, times in
// milliseconds since 1970.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"sort"
	"strconv"
	"time"

	"github.com/tidwall/gjson"
)

type column struct {
	Selector, Text, Type string
}

type question struct {
	Body         string
	RootSelector string `json:"root_selector"`
	Columns      []column
}

type field struct {
	Name   string `json:"name"`
	Type   string `json:"type"`
	Values []any  `json:"values"`
}

type frame struct {
	Fields []field `json:"fields"`
}

var grafanaTypes = map[string]string{"timestamp": "time", "string": "string", "number": "number", "boolean": "boolean"}

func main() {
	var questions []question
	if err := json.NewDecoder(os.Stdin).Decode(&questions); err != nil {
		fail(err)
	}
	frames := []frame{}
	for _, asked := range questions {
		made, err := read(asked)
		if err != nil {
			fail(err)
		}
		frames = append(frames, made)
	}
	if err := json.NewEncoder(os.Stdout).Encode(frames); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func read(asked question) (frame, error) {
	if !gjson.Valid(asked.Body) {
		return frame{}, fmt.Errorf("no JSON")
	}
	root := gjson.Parse(asked.Body)
	if asked.RootSelector != "" {
		root = root.Get(asked.RootSelector)
	}
	if !root.IsArray() {
		return frame{}, fmt.Errorf("nothing at %q", asked.RootSelector)
	}
	if len(asked.Columns) == 0 { // a plain array, for a variable
		values := []any{}
		for _, each := range root.Array() {
			values = append(values, each.Value())
		}
		return frame{[]field{{"variable", "string", values}}}, nil
	}
	made := frame{}
	for _, each := range asked.Columns {
		kind, known := grafanaTypes[each.Type]
		if !known {
			return frame{}, fmt.Errorf("no such type: %q", each.Type)
		}
		values := []any{}
		for _, row := range root.Array() {
			values = append(values, convert(row.Get(each.Selector).Value(), kind))
		}
		made.Fields = append(made.Fields, field{each.Text, kind, values})
	}
	sort.Slice(made.Fields, func(i, j int) bool { return made.Fields[i].Name < made.Fields[j].Name })
	return made, nil
}

// convert returns nil for what does not fit the type: the panel shows nothing then.
func convert(value any, kind string) any {
	text, isText := value.(string)
	switch kind {
	case "number":
		if isText {
			if number, err := strconv.ParseFloat(text, 64); err == nil {
				return number
			}
			return nil
		}
		if number, ok := value.(float64); ok {
			return number
		}
	case "string":
		if value != nil {
			return fmt.Sprintf("%v", value)
		}
	case "boolean":
		if truth, ok := value.(bool); ok {
			return truth
		}
	case "time":
		if moment, err := time.Parse(time.RFC3339, text); isText && err == nil {
			return moment.UnixMilli()
		}
	}
	return nil
}
