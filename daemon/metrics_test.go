package daemon

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestMetricsHost: a web page whose name resolves to loopback does not get at the metrics.
func TestMetricsHost(t *testing.T) {
	h := newMeters().handler(func(context.Context) error { return nil })
	for host, want := range map[string]int{
		"127.0.0.1:9443": http.StatusOK, "localhost:9443": http.StatusOK, "[::1]:9443": http.StatusOK, "127.0.0.1": http.StatusOK, "[::1]": http.StatusOK,
		"evil.example:9443": http.StatusForbidden, "": http.StatusForbidden, "10.0.0.1:9443": http.StatusForbidden, "localhost.evil.example": http.StatusForbidden,
	} {
		r := httptest.NewRequest(http.MethodGet, "/healthz", nil)
		r.Host = host
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("Host %q: status %d, want %d", host, w.Code, want)
		}
	}
}
