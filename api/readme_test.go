package api

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestOperationsInREADME: the table of operations has those that are built, and nothing else; and the count is right.
func TestOperationsInREADME(t *testing.T) {
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string][]string{}
	remark := regexp.MustCompile(` \(.*?\)`)
	for _, row := range regexp.MustCompile(`(?m)^\| (KMS|STS|IAM)(?:, \w+)? \| (.*) \|$`).FindAllStringSubmatch(string(text), -1) {
		service, operations := strings.ToLower(row[1]), remark.ReplaceAllString(row[2], "")
		if !strings.HasPrefix(operations, "none yet") {
			listed[service] = append(listed[service], strings.Split(operations, ", ")...)
		}
	}
	built := map[string][]string{}
	for _, s := range newWorld(t).services {
		for name := range s.built {
			built[s.model.Name] = append(built[s.model.Name], name)
		}
		if s.model.Name != "kms" {
			continue
		}
		if count := fmt.Sprintf("%d of %d KMS operations work", len(s.built), len(s.model.Operations)); !strings.Contains(string(text), count) {
			t.Errorf("README does not say %q", count)
		}
	}
	for _, tables := range []map[string][]string{listed, built} {
		for _, names := range tables {
			slices.Sort(names)
		}
	}
	if diff := cmp.Diff(built, listed); diff != "" {
		t.Errorf("built (-) and listed (+):\n%s", diff)
	}
}
