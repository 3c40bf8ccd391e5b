package daemon

import (
	"os"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
)

// TestMetricsInREADME: the table of metrics has what the daemon exports of its own, with the labels, and nothing else.
func TestMetricsInREADME(t *testing.T) {
	m := newMeters()
	m.watch(&node{}) // nothing is read before somebody asks
	descriptions := make(chan *prometheus.Desc)
	go func() {
		m.registry.Describe(descriptions)
		close(descriptions)
	}()
	described := regexp.MustCompile(`fqName: "(ostiary_\w+)".*variableLabels: \{(.*?)\}`)
	exported := map[string]string{}
	for d := range descriptions {
		if part := described.FindStringSubmatch(d.String()); part != nil {
			exported[part[1]] = part[2]
		}
	}

	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]string{}
	for _, name := range regexp.MustCompile("`(ostiary_\\w+)(?:\\{(.*?)\\})?`").FindAllStringSubmatch(string(text), -1) {
		listed[name[1]] = name[2]
	}
	if diff := cmp.Diff(exported, listed); diff != "" {
		t.Errorf("exported (-) and listed (+):\n%s", diff)
	}
}
