package ostiary_test

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "ostiary.dev"

// arrows are the imports that are allowed within the module: by package, or by folder for all packages in it that have
// no entry of their own. An entry allows the packages of a folder with it if it ends with a slash. Whoever adds a package
// gives it a place here.
var arrows = map[string][]string{
	"":                {},
	"cmd/ostiary":     {"daemon", "admin/"},
	"cmd/ostiary-hsm": {"hsm/", "secret"},
	"daemon": {"admin/", "api", "audit", "authz", "cluster", "durable", "hsm", "hsm/message", "hsm/worker", "iam", "kms", "sealing", "secret",
		"softhsm", "state", "sts"},

	"admin":      {"access", "audit", "authz", "cluster", "hsm", "iam", "kms", "sealing", "secret", "state", "sts"},
	"api":        {"access", "api/", "audit", "authz", "hsm", "iam", "kms", "sealing", "secret", "state", "sts", "uuid"},
	"api/codec":  {},
	"api/sigv4":  {},
	"api/model":  {"api/codec"},
	"kms":        {"access", "api/model/", "authz", "hsm", "sealing", "secret", "state", "uuid"},
	"sts":        {"access", "api/model/", "authz", "hsm", "sealing", "secret", "state", "uuid"},
	"iam":        {"access", "api/model/", "authz", "hsm", "sealing", "secret", "state", "uuid"},
	"access":     {"authz", "state"},
	"authz":      {},
	"state":      {},
	"sealing":    {"hsm/message", "secret"},
	"cluster":    {"cluster/", "durable", "state"},
	"audit":      {"durable", "uuid"},
	"secret":     {},
	"durable":    {},
	"uuid":       {},
	"softhsm":    {"durable", "secret"},
	"systemd":    {},
	"hsm":        {},
	"hsm/worker": {"hsm", "secret"},
	// A backend, and what tests use in place of one.
	"hsm/message": {"hsm"},
	"hsm/pkcs11":  {"hsm", "hsm/message", "secret"},
	"hsm/hsmtest": {"hsm", "hsm/message"},
	// Programs beside the product, which reach it only as its users do.
	"bench": {},
	"deps":  {},
	"e2e":   {},
	"tools": {},
}

// goPackage is what `go list -json` says of a package.
type goPackage struct {
	ImportPath, Dir, Doc       string
	GoFiles, CgoFiles, Imports []string
}

func packages(t *testing.T) []goPackage {
	t.Helper()
	list := exec.CommandContext(t.Context(), "go", "list", "-pgo=off", "-json", "./...")
	list.Env = append(os.Environ(), "CGO_ENABLED=1")
	list.Stderr = os.Stderr
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []goPackage
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// name is the path of a package within the module, and whether it is one of it.
func name(importPath string) (string, bool) {
	if importPath == module {
		return "", true
	}
	return strings.CutPrefix(importPath, module+"/")
}

// allowed finds the entry of a package, or of the nearest folder above it.
func allowed(pkg string) (imports []string, ok bool) {
	for {
		if imports, ok = arrows[pkg]; ok {
			return imports, true
		}
		i := strings.LastIndexByte(pkg, '/')
		if i < 0 {
			return nil, false
		}
		pkg = pkg[:i]
	}
}

func matches(imports []string, pkg string) bool {
	return slices.ContainsFunc(imports, func(entry string) bool {
		folder, whole := strings.CutSuffix(entry, "/")
		return pkg == folder || whole && strings.HasPrefix(pkg, entry)
	})
}

// TestImports holds every import within the module to the arrows.
func TestImports(t *testing.T) {
	for _, p := range packages(t) {
		pkg, ok := name(p.ImportPath)
		imports, known := allowed(pkg)
		if !ok || !known {
			t.Errorf("package %s has no place in the table of arrows", p.ImportPath)
			continue
		}
		for _, path := range p.Imports {
			if to, within := name(path); within && !matches(imports, to) {
				t.Errorf("%s must not import %s", pkg, to)
			}
		}
	}
}

// TestForeignImports keeps the wire out of the services, the cluster's machinery out of everything but package cluster,
// and C out of the process that faces the network.
func TestForeignImports(t *testing.T) {
	services := []string{"kms", "sts", "iam", "access", "authz", "state", "sealing"}
	cgo := []string{"hsm/pkcs11", "cmd/ostiary-hsm"}
	for _, p := range packages(t) {
		pkg, _ := name(p.ImportPath)
		for _, path := range p.Imports {
			switch {
			case slices.Contains(services, pkg) && (path == "net/http" || path == "net"):
				t.Errorf("%s must not import %s", pkg, path)
			case strings.HasPrefix(path, "github.com/hashicorp/") && pkg != "deps" && !matches([]string{"cluster/"}, pkg):
				t.Errorf("%s must not import %s", pkg, path)
			case strings.HasPrefix(path, "github.com/miekg/pkcs11") && pkg != "deps" && !slices.Contains(cgo, pkg):
				t.Errorf("%s must not import %s", pkg, path)
			}
		}
		if (len(p.CgoFiles) > 0 || slices.Contains(p.Imports, "C")) && !slices.Contains(cgo, pkg) {
			t.Errorf("%s must not use cgo", pkg)
		}
	}
}

// TestPure: what every node must compute alike, and what must decide alike whenever it is asked, has neither clock nor
// randomness nor files.
func TestPure(t *testing.T) {
	forbidden := map[string][]string{ // by import path; nil for all of it
		"crypto/rand": nil, "math/rand": nil, "math/rand/v2": nil, "os": nil, "net": nil, "net/http": nil, "syscall": nil,
		"time": {"Now", "Since", "Until", "After", "AfterFunc", "NewTimer", "NewTicker", "Sleep", "Tick", "Local", "LoadLocation"},
	}
	for _, p := range packages(t) {
		if pkg, _ := name(p.ImportPath); pkg != "state" && pkg != "authz" {
			continue
		}
		for _, file := range p.GoFiles {
			path := filepath.Join(p.Dir, file)
			f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			for _, i := range f.Imports {
				if names, ok := forbidden[strings.Trim(i.Path.Value, `"`)]; ok && names == nil {
					t.Errorf("%s imports %s", path, i.Path.Value)
				}
			}
			ast.Inspect(f, func(n ast.Node) bool {
				s, ok := n.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				if of, ok := s.X.(*ast.Ident); ok && of.Name == "time" && slices.Contains(forbidden["time"], s.Sel.Name) {
					t.Errorf("%s uses time.%s", path, s.Sel.Name)
				}
				return true
			})
		}
	}
}

// TestDocumented: every package says what it promises.
func TestDocumented(t *testing.T) {
	for _, p := range packages(t) {
		if len(p.GoFiles)+len(p.CgoFiles) > 0 && p.Doc == "" {
			t.Errorf("%s has no package comment", p.ImportPath)
		}
	}
}
