package authz

import (
	"fmt"
	"strings"
	"testing"
)

// TestManyServices: a policy may name more services than there are bits to tell them apart.
func TestManyServices(t *testing.T) {
	for _, n := range []int{1, 62, 63, 64, 65, 200} {
		actions := make([]string, n)
		for i := range actions {
			actions[i] = fmt.Sprintf(`{"Effect":"Allow","Action":"s%d:Get","Resource":"*"}`, i)
		}
		p, err := Parse(`{"Statement":[`+strings.Join(actions, ",")+`]}`, IdentityPolicy)
		if err != nil {
			t.Fatal(err)
		}
		user := Principal{Type: User, Account: "111122223333", ARN: "arn:aws:iam::111122223333:user/a"}
		for i := range n + 1 {
			r := Request{Principal: user, Action: fmt.Sprintf("S%d:get", i), Resource: "*"}
			if d := Decide(r, Policies{Identity: []*Policy{p}}); d.Allowed != (i < n) {
				t.Errorf("of %d services, the action of number %d is allowed: %v", n, i, d.Allowed)
			}
			r.Action = fmt.Sprintf("s%d:Put", i)
			if d := Decide(r, Policies{Identity: []*Policy{p}}); d.Allowed {
				t.Errorf("of %d services, another action of number %d is allowed", n, i)
			}
		}
	}
}
