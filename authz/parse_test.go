package authz_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"ostiary.dev/authz"
)

var documentKinds = map[string]authz.Kind{
	"identity": authz.IdentityPolicy, "key": authz.ResourcePolicy, "trust": authz.TrustPolicy,
}

func TestParseRefuses(t *testing.T) {
	var file struct {
		About string `json:"about"`
		Cases []struct {
			Name, Kind, Document, Message string
			Line, Column                  int // 0: not compared
		} `json:"cases"`
	}
	readStrict(t, filepath.Join("..", "fixtures", "authz", "refused.json"), &file)
	for _, c := range file.Cases {
		t.Run(c.Name, func(t *testing.T) {
			p, err := authz.Parse(c.Document, documentKinds[c.Kind])
			var refused *authz.Error
			if !errors.As(err, &refused) || p != nil {
				t.Fatalf("Parse = %v, %v; want an *authz.Error", p, err)
			}
			if refused.Message != c.Message {
				t.Errorf("message is %q (%v), want %q", refused.Message, err, c.Message)
			}
			if c.Line != 0 && (refused.Line != c.Line || refused.Column != c.Column) {
				t.Errorf("place is line %d, column %d, want %d, %d", refused.Line, refused.Column, c.Line, c.Column)
			}
		})
	}
}

func TestParseRefusesInvalidUTF8(t *testing.T) {
	_, err := authz.Parse("{\"Id\":\n\"\xff\"}", authz.IdentityPolicy)
	var refused *authz.Error
	if !errors.As(err, &refused) || refused.Line != 2 || refused.Column != 2 {
		t.Errorf("Parse: %v, want a refusal at line 2, column 2", err)
	}
}

func TestParseRefusesLongText(t *testing.T) {
	padded := authz.AdministratorAccess + strings.Repeat(" ", authz.MaxText-len(authz.AdministratorAccess))
	mustParse(t, padded, authz.IdentityPolicy)
	if _, err := authz.Parse(padded+" ", authz.IdentityPolicy); err == nil {
		t.Error("a text longer than MaxText is accepted")
	}
}

// TestParseAccepts has documents in unusual but valid forms.
func TestParseAccepts(t *testing.T) {
	for name, c := range map[string]struct {
		kind authz.Kind
		text string
	}{
		"one statement":      {authz.IdentityPolicy, `{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`},
		"version last":       {authz.IdentityPolicy, `{"Statement":{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::b/${aws:username}"},"Version":"2012-10-17"}`},
		"escapes":            {authz.IdentityPolicy, `{"Statement":[{"\u0045ffect":"All\u006fw","Action":"\u002a","Resource":"*","Sid":""}],"Id":"\ud83d\ude00\/\"\\\b\f\n\r\t"}`},
		"empty condition":    {authz.IdentityPolicy, `{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{}}}`},
		"condition no keys":  {authz.IdentityPolicy, `{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"DateGreaterThan":{}}}}`},
		"condition no value": {authz.IdentityPolicy, `{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"DateGreaterThan":{"aws:CurrentTime":[]}}}}`},
		"action with spaces": {authz.IdentityPolicy, `{"Statement":{"Effect":"Allow","Action":"iam: asdf safdsf af ","Resource":"*"}}`},
		"sid with spaces":    {authz.ResourcePolicy, `{"Statement":{"Sid":"Enable IAM User Permissions","Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}}`},
		"canonical user":     {authz.ResourcePolicy, `{"Statement":{"Effect":"Allow","Principal":{"CanonicalUser":"` + strings.Repeat("0a", 32) + `"},"Action":"*","Resource":"*"}}`},
		"web identity":       {authz.TrustPolicy, `{"Statement":{"Effect":"Allow","Principal":{"Federated":"cognito-identity.amazonaws.com"},"Action":"sts:AssumeRoleWithWebIdentity"}}`},
		"china":              {authz.ResourcePolicy, `{"Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws-cn:iam::111122223333:root"},"Action":"*","Resource":"arn:aws-cn:kms:*:111122223333:key/*"}}`},
	} {
		t.Run(name, func(t *testing.T) { mustParse(t, c.text, c.kind) })
	}
}

func TestPolicyTellsWhatItIs(t *testing.T) {
	p := mustParse(t, authz.DefaultKeyPolicy(account), authz.ResourcePolicy).WithName("default")
	if p.Name() != "default" || p.Kind() != authz.ResourcePolicy || p.Version() != authz.Version2012 ||
		p.ID() != "key-default-1" || p.Len() != 1 {
		t.Errorf("policy is %q, %v, %q, %q, %d", p.Name(), p.Kind(), p.Version(), p.ID(), p.Len())
	}
	const want = `{"Version":"2012-10-17","Id":"key-default-1","Statement":[{"Sid":"Enable IAM User Permissions",` +
		`"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":"kms:*","Resource":"*"}]}`
	if p.String() != want {
		t.Errorf("String is %s, want %s", p, want)
	}
}

// TestErrorIsFitForAnAnswer shows the form in which a refusal is told.
func TestErrorIsFitForAnAnswer(t *testing.T) {
	_, err := authz.Parse("{\n  \"Statement\": 1\n}", authz.IdentityPolicy)
	const want = "Syntax errors in policy. (line 2, column 16: Statement must be an object or a list of them)"
	if err == nil || err.Error() != want {
		t.Errorf("error is %v, want %s", err, want)
	}
}

func TestParseRefusesDeepNesting(t *testing.T) {
	_, err := authz.Parse(strings.Repeat("[", 50000), authz.IdentityPolicy)
	var refused *authz.Error
	if !errors.As(err, &refused) || refused.Detail != "nested too deeply" || refused.Offset > 20 {
		t.Errorf("Parse: %v, want a refusal of the depth, early", err)
	}
}
