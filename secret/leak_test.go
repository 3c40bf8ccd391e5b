package secret_test

import (
	"bytes"
	"encoding"
	"encoding/asn1"
	"encoding/base64"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"log"
	"log/slog"
	"os"
	"os/exec"
	"reflect"
	"strings"
	"testing"
	"text/template"

	"github.com/fxamacker/cbor/v2"
	"github.com/google/go-cmp/cmp"

	"ostiary.dev/secret"
)

// canary is long and odd enough that its forms cannot turn up by chance.
const canary = "kWq7ZcanaryX3vP"

// holder puts a secret wherever a printer may find one.
type holder struct {
	Public  secret.Bytes
	private secret.Bytes
	Pointer *secret.Bytes
	Any     any
	List    []secret.Bytes
	Map     map[string]secret.Bytes
}

func newHolder() holder {
	s := secret.FromString(canary)
	return holder{Public: s, private: s, Pointer: &s, Any: s, List: []secret.Bytes{s}, Map: map[string]secret.Bytes{"k": s}}
}

// shapes are the values that every printing path is tried with.
func shapes() map[string]any {
	s := secret.FromString(canary)
	h := newHolder()
	return map[string]any{
		"value": s, "pointer": &s, "struct": h, "struct pointer": &h, "slice": []secret.Bytes{s},
		"array": [1]secret.Bytes{s}, "map": map[string]secret.Bytes{"k": s}, "any": []any{s, &s},
	}
}

// leaked names the form in which out shows the canary, or is empty.
func leaked(out string) string {
	decimal := strings.Trim(fmt.Sprint([]byte(canary)), "[]")
	goSyntax := strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%#v", []byte(canary)), "[]byte{"), "}")
	for name, form := range map[string]string{
		"plain": canary, "hex": hex.EncodeToString([]byte(canary)), "decimal": decimal, "Go syntax": goSyntax,
		"comma decimal": strings.ReplaceAll(decimal, " ", ","), "hex with spaces": fmt.Sprintf("% x", canary),
		"base64": base64.StdEncoding.EncodeToString([]byte(canary)),
	} {
		if strings.Contains(strings.ToLower(out), strings.ToLower(form)) {
			return name
		}
	}
	return ""
}

func TestLeakedSeesEveryForm(t *testing.T) {
	b := []byte(canary)
	for _, out := range []string{
		string(b), fmt.Sprintf("%v", b), fmt.Sprintf("%x", b), fmt.Sprintf("%X", b), fmt.Sprintf("% x", b),
		fmt.Sprintf("%#v", b), fmt.Sprintf("%q", b), fmt.Sprintf("%d", b),
	} {
		if leaked(out) == "" {
			t.Errorf("leaked does not see %q", out)
		}
	}
}

func TestNoFmtVerbPrintsIt(t *testing.T) {
	verbs := "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	for name, v := range shapes() {
		for _, flags := range []string{"", "+", "#", "-", " ", "0", "20", ".3", "+#", "# "} {
			for _, verb := range verbs {
				format := "%" + flags + string(verb)
				if form := leaked(fmt.Sprintf(format, v)); form != "" {
					t.Errorf("Sprintf(%q) of %s shows it as %s", format, name, form)
				}
			}
		}
		if form := leaked(fmt.Sprint(v) + fmt.Sprintln(v) + fmt.Sprint(reflect.ValueOf(v))); form != "" {
			t.Errorf("Sprint of %s shows it as %s", name, form)
		}
	}
	for _, format := range []string{"%s", "%v", "%+v", "%#v", "%q", "%x", "%d"} {
		if got := fmt.Sprintf(format, secret.FromString(canary)); got != secret.Placeholder {
			t.Errorf("Sprintf(%q) = %q, want %q", format, got, secret.Placeholder)
		}
	}
}

func TestNoLoggerPrintsIt(t *testing.T) {
	for name, v := range shapes() {
		var out bytes.Buffer
		text := slog.New(slog.NewTextHandler(&out, nil))
		text.Info("m", "v", v, slog.Group("g", "v", v))
		slog.New(slog.NewJSONHandler(&out, nil)).With("w", v).Info("m", "v", v, slog.Any("a", v))
		old := log.New(&out, "", 0)
		old.Print(v)
		old.Printf("%+v %#v", v, v)
		if form := leaked(out.String()); form != "" {
			t.Errorf("logging %s shows it as %s: %s", name, form, out.String())
		}
	}
}

func TestNoErrorPrintsIt(t *testing.T) {
	for name, v := range shapes() {
		err := errors.Join(fmt.Errorf("bad %v: %w", v, os.ErrInvalid), fmt.Errorf("%+v %#v", v, v))
		if form := leaked(fmt.Sprintf("%v %+v %#v %s", err, err, err, err.Error())); form != "" {
			t.Errorf("an error with %s shows it as %s", name, form)
		}
	}
}

func TestNoTemplatePrintsIt(t *testing.T) {
	const page = `{{.}} {{printf "%v %x %#v" . . .}} {{print .}} {{html .}} {{js .}} {{urlquery .}}`
	for name, v := range shapes() {
		var out bytes.Buffer
		// A template may fail on a value that refuses to be encoded; what matters is what it wrote.
		_ = template.Must(template.New("t").Parse(page)).Execute(&out, v)
		_ = htmltemplate.Must(htmltemplate.New("h").Parse(page+`<script>x={{.}}</script>`)).Execute(&out, v)
		if form := leaked(out.String()); form != "" {
			t.Errorf("a template shows %s as %s", name, form)
		}
	}
}

func TestNoEncoderWritesIt(t *testing.T) {
	encoders := map[string]func(any) ([]byte, error){
		"json": json.Marshal,
		"xml":  xml.Marshal,
		"cbor": cbor.Marshal,
		"asn1": asn1.Marshal,
		"gob": func(v any) ([]byte, error) {
			var out bytes.Buffer
			err := gob.NewEncoder(&out).Encode(v)
			return out.Bytes(), err
		},
	}
	for encoder, encode := range encoders {
		for name, v := range shapes() {
			out, err := encode(v)
			if form := leaked(string(out) + fmt.Sprint(err)); form != "" {
				t.Errorf("%s of %s shows it as %s", encoder, name, form)
			}
		}
		if out, err := encode(secret.FromString(canary)); err == nil {
			t.Errorf("%s of a secret gave %q instead of an error", encoder, out)
		}
	}
	if _, err := json.Marshal(map[string]any{"k": secret.FromString(canary)}); !errors.Is(err, secret.ErrNoEncoding) {
		t.Errorf("json error = %v, want ErrNoEncoding", err)
	}
	var (
		_ json.Marshaler           = secret.Bytes{}
		_ encoding.TextMarshaler   = secret.Bytes{}
		_ encoding.BinaryMarshaler = secret.Bytes{}
		_ gob.GobEncoder           = secret.Bytes{}
	)
}

func TestNoDiffPrintsIt(t *testing.T) {
	diff := cmp.Diff(secret.FromString(canary), secret.FromString("other"))
	if diff == "" {
		t.Error("cmp sees no difference between two secrets")
	}
	diff += cmp.Diff(newHolder(), holder{}, cmp.AllowUnexported(holder{}))
	diff += cmp.Diff(any(secret.FromString(canary)), any(1))
	if form := leaked(diff); form != "" {
		t.Errorf("cmp.Diff shows it as %s: %s", form, diff)
	}
}

// A printer that walks unexported fields by reflection ends at a function, of which it can show the address only.
func TestReflectionEndsAtAFunction(t *testing.T) {
	typ := reflect.TypeFor[secret.Bytes]()
	for i := range typ.NumField() {
		if kind := typ.Field(i).Type.Kind(); kind != reflect.Func {
			t.Errorf("field %s is a %v; only a function hides what it holds", typ.Field(i).Name, kind)
		}
	}
	if typ.Comparable() {
		t.Error("secret.Bytes can be compared with ==, which is not constant time")
	}
}

const panicVariable = "OSTIARY_SECRET_TEST_PANIC"

// The runtime's own panic printer knows neither Format nor LogValue, so it is tried in a process of its own.
func TestPanicDoesNotPrintIt(t *testing.T) {
	if shape := os.Getenv(panicVariable); shape != "" {
		panic(shapes()[shape])
	}
	for shape := range shapes() {
		cmd := exec.Command(os.Args[0], "-test.run=^TestPanicDoesNotPrintIt$")
		cmd.Env = append(os.Environ(), panicVariable+"="+shape, "GOTRACEBACK=all")
		out, err := cmd.CombinedOutput()
		if err == nil || !bytes.Contains(out, []byte("panic:")) {
			t.Fatalf("%s: the child did not panic: %v\n%s", shape, err, out)
		}
		if form := leaked(string(out)); form != "" {
			t.Errorf("a panic with %s shows it as %s", shape, form)
		}
	}
}
