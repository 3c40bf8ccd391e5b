package api

import (
	"net/http"
	"testing"
)

// TestOneOperation: a request that names an operation in two places is refused, signed or not; other parameters beside the
// operation do no harm.
func TestOneOperation(t *testing.T) {
	w := newWorld(t)
	for _, test := range []struct {
		query  string
		status int
	}{
		{"Action=DeleteUser", http.StatusBadRequest},
		{"Version=2010-05-08", http.StatusBadRequest},
		{whoAmI, http.StatusBadRequest},
		{"%41ction=GetCallerIdentity", http.StatusBadRequest},
		{"a=b", http.StatusOK},
	} {
		for service, r := range map[string]*http.Request{"kms": jsonRequest("ListKeys", "{}"), "sts": formRequest(whoAmI)} {
			r.URL.RawQuery = test.query
			out := w.serve(w.sign(r, service, home))
			if test.status == http.StatusOK {
				if out.Code != http.StatusOK {
					t.Errorf("%s ?%s: %d %s", service, test.query, out.Code, out.Body)
				}
				continue
			}
			wantError(t, service+" ?"+test.query, out, test.status, "MalformedInput")
		}
	}
}
