package vectors_test

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// suite is one group of cases of a fixtures/protocols file.
type suite struct {
	Cases []vector `json:"cases"`
}

// vector is one case. Input cases have Params and Serialized, output cases Result or an error, and Response.
type vector struct {
	ID    string `json:"id"`
	Given struct {
		Name   string                   `json:"name"`
		Input  *struct{ Shape string }  `json:"input"`
		Output *struct{ Shape string }  `json:"output"`
		Errors []struct{ Shape string } `json:"errors"`
	} `json:"given"`
	Params       any    `json:"params"`
	Result       any    `json:"result"`
	ErrorCode    string `json:"errorCode"`
	ErrorMessage string `json:"errorMessage"`
	Serialized   struct {
		Method string `json:"method"`
		Body   string `json:"body"`
	} `json:"serialized"`
	Response struct {
		Status int    `json:"status_code"`
		Body   string `json:"body"`
	} `json:"response"`
}

func readSuites(t *testing.T, path string) []suite {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("../../../../fixtures/protocols", path))
	if err != nil {
		t.Fatal(err)
	}
	var out []suite
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(&out); err != nil {
		t.Fatal(err)
	}
	return out
}

// shapeName is the name that the generator gives a shape of a suite.
func shapeName(direction string, suite int, name string) string {
	return direction + itoa(suite) + strings.ToUpper(name[:1]) + name[1:]
}

func itoa(i int) string { b, _ := json.Marshal(i); return string(b) }

// fill sets v, a generated structure, from the parameters of a case: member names as the model has them, blobs as
// text, timestamps as seconds.
func fill(t *testing.T, v reflect.Value, params any) {
	t.Helper()
	if params == nil {
		return
	}
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(seconds(t, params)))
		return
	case []byte:
		v.SetBytes([]byte(params.(string)))
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(t, v.Elem(), params)
	case reflect.Struct:
		for name, p := range params.(map[string]any) {
			field := v.FieldByName(strings.ToUpper(name[:1]) + name[1:])
			if !field.IsValid() {
				t.Fatalf("%v has no member %s", v.Type(), name)
			}
			fill(t, field, p)
		}
	case reflect.Slice:
		list := params.([]any)
		v.Set(reflect.MakeSlice(v.Type(), len(list), len(list)))
		for i := range list {
			fill(t, v.Index(i), list[i])
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for key, p := range params.(map[string]any) {
			value := reflect.New(v.Type().Elem()).Elem()
			fill(t, value, p)
			v.SetMapIndex(reflect.ValueOf(key), value)
		}
	default:
		fillScalar(t, v, params)
	}
}

func fillScalar(t *testing.T, v reflect.Value, params any) {
	t.Helper()
	switch v.Kind() {
	case reflect.String:
		s, ok := params.(string)
		if !ok { // a jsonvalue member travels as its JSON text
			b, err := json.Marshal(params)
			if err != nil {
				t.Fatal(err)
			}
			s = string(b)
		}
		v.SetString(s)
	case reflect.Bool:
		v.SetBool(params.(bool))
	case reflect.Int32, reflect.Int64:
		n, err := params.(json.Number).Int64()
		if err != nil {
			t.Fatal(err)
		}
		v.SetInt(n)
	case reflect.Float32, reflect.Float64:
		v.SetFloat(number(t, params))
	default:
		t.Fatalf("cannot fill %v", v.Type())
	}
}

func number(t *testing.T, params any) float64 {
	t.Helper()
	switch p := params.(type) {
	case string:
		return map[string]float64{"NaN": math.NaN(), "Infinity": math.Inf(1), "-Infinity": math.Inf(-1)}[p]
	case json.Number:
		f, err := p.Float64()
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	t.Fatalf("%v is no number", params)
	return 0
}

func seconds(t *testing.T, params any) time.Time {
	t.Helper()
	return time.UnixMilli(int64(math.Round(number(t, params) * 1000))).UTC()
}
