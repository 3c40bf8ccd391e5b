package sts

import (
	"testing"

	"ostiary.dev/access"
	"ostiary.dev/api/model/stsapi"
	"ostiary.dev/authz"
	"ostiary.dev/state"
)

// TestGetCallerIdentity needs no permission: an identity without any policy hears who it is.
func TestGetCallerIdentity(t *testing.T) {
	s := New()
	c := &access.Call{View: state.New().View(), Principal: authz.Principal{Type: authz.User, Account: "111122223333",
		ARN: "arn:aws:iam::111122223333:user/path/alice", UserID: "AIDAEXAMPLE", Name: "alice"}}
	needs, err := s.NeedsGetCallerIdentity(c, &stsapi.GetCallerIdentityRequest{})
	if err != nil || len(needs) != 0 {
		t.Fatalf("needs %v, %v", needs, err)
	}
	g, err := access.Decide(c, needs)
	if err != nil {
		t.Fatal(err)
	}
	out, err := s.GetCallerIdentity(t.Context(), g, &stsapi.GetCallerIdentityRequest{})
	if err != nil || *out.Account != "111122223333" || *out.Arn != "arn:aws:iam::111122223333:user/path/alice" || *out.UserId != "AIDAEXAMPLE" {
		t.Errorf("%+v, %v", out, err)
	}
}
