// Command gen writes the generated packages below api/model from the service models beside them.
//
//	go run ./api/model/gen [-root api/model]
//
// A model is a JSON document of facts: operations, shapes and their constraints, errors, protocol. For each service the
// command writes types, readers, writers, constraints, audit forms and the operation table, only for the protocol that
// the service speaks, and only for the direction in which a shape travels. The same input gives the same output,
// byte for byte.
//
// The same code is also made for the models in fixtures/protocols, below api/model/internal/vectors, for tests only.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	root := flag.String("root", "api/model", "folder of the models and of the packages to write")
	flag.Parse()
	if err := run(*root); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

// services are the models and the packages made from them.
var services = []struct{ model, pkg string }{
	{"kms.json", "kmsapi"},
	{"sts.json", "stsapi"},
	{"iam.json", "iamapi"},
}

// run writes every package below root.
func run(root string) error {
	packages, err := generate(root)
	if err != nil {
		return err
	}
	for _, p := range packages {
		if err := p.write(root); err != nil {
			return err
		}
	}
	return nil
}

// generate makes every package from the models below root, in memory.
func generate(root string) ([]output, error) {
	var all []output
	for _, s := range services {
		m, err := readModel(filepath.Join(root, s.model))
		if err != nil {
			return nil, err
		}
		out, err := generateService(s.pkg, m)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.model, err)
		}
		all = append(all, out)
	}
	vectors, err := generateVectors(filepath.Join(root, "..", "..", "fixtures", "protocols"))
	return append(all, vectors...), err
}
