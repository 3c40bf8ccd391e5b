package stsapi

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ostiary.dev/api/codec"
)

func ptr[T any](v T) *T { return &v }

func check(t *testing.T, operation, text string) (codec.Input, *codec.Error) {
	t.Helper()
	form, err := codec.ParseForm(text)
	if err != nil {
		t.Fatal(err)
	}
	in := Lookup(operation).NewInput()
	if err := form.Decode(in.(codec.QueryInput)); err != nil {
		return nil, err
	}
	var v codec.Validator
	in.Validate(&v)
	return in, v.Err(codec.Query)
}

func TestAssumeRoleRequest(t *testing.T) {
	in, err := check(t, "AssumeRole", "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A111122223333%3Arole%2Fdemo&RoleSessionName=me"+
		"&DurationSeconds=900&Tags.member.1.Key=a&Tags.member.1.Value=b&TransitiveTagKeys.member.1=a&PolicyArns.member.1.arn=arn%3Aaws%3Aiam%3A%3Aaws%3Apolicy%2Fx")
	if err != nil {
		t.Fatal(err)
	}
	want := &AssumeRoleRequest{
		RoleArn: ptr("arn:aws:iam::111122223333:role/demo"), RoleSessionName: ptr("me"), DurationSeconds: ptr[int32](900),
		Tags: []Tag{{Key: ptr("a"), Value: ptr("b")}}, TransitiveTagKeys: []string{"a"},
		PolicyArns: []PolicyDescriptorType{{Arn: ptr("arn:aws:iam::aws:policy/x")}},
	}
	if diff := cmp.Diff(want, in); diff != "" {
		t.Errorf("input (-want +got):\n%s", diff)
	}
	audit := `{"durationSeconds":900,"policyArns":[{"arn":"arn:aws:iam::aws:policy/x"}],"roleArn":"arn:aws:iam::111122223333:role/demo",` +
		`"roleSessionName":"me","tags":[{"key":"a","value":"b"}],"transitiveTagKeys":["a"]}`
	if got := string(in.AppendAudit(nil)); got != audit {
		t.Errorf("audit form %s", got)
	}
}

// The messages that were recorded from AWS STS are marked.
func TestValidationMessages(t *testing.T) {
	const ok = "RoleArn=arn:aws:iam::111122223333:role/demo&"
	const long = "sssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssss"
	tests := map[string]struct{ operation, text, want string }{
		"recorded: pattern": {"AssumeRole", ok + "RoleSessionName=Session1:2",
			`1 validation error detected: Value 'Session1:2' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w+=,.@-]*`},
		"recorded: length": {"AssumeRole", ok + "RoleSessionName=" + long,
			"1 validation error detected: Value '" + long + "' at 'roleSessionName' failed to satisfy constraint: Member must have length less than or equal to 64"},
		"both": {"AssumeRole", ok + "RoleSessionName=!",
			`2 validation errors detected: Value '!' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w+=,.@-]*; ` +
				`Value '!' at 'roleSessionName' failed to satisfy constraint: Member must have length greater than or equal to 2`},
		"duration": {"AssumeRole", ok + "RoleSessionName=me&DurationSeconds=43201",
			"1 validation error detected: Value '43201' at 'durationSeconds' failed to satisfy constraint: Member must have value less than or equal to 43200"},
		"absent": {"AssumeRole", ok,
			"1 validation error detected: Value null at 'roleSessionName' failed to satisfy constraint: Member must not be null"},
		"tag": {"GetFederationToken", "Name=bob&Tags.member.1.Key=a&Tags.member.1.Value=b&Tags.member.2.Key=%21&Tags.member.2.Value=",
			`1 validation error detected: Value '!' at 'tags.2.member.key' failed to satisfy constraint: Member must satisfy regular expression pattern: [\p{L}\p{Z}\p{N}_.:/=+\-@]+`},
		"secret": {"AssumeRoleWithWebIdentity", ok + "RoleSessionName=me&WebIdentityToken=abc",
			"1 validation error detected: Value at 'webIdentityToken' failed to satisfy constraint: Member must have length greater than or equal to 4"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := check(t, test.operation, test.text)
			if err == nil {
				t.Fatal("accepted")
			}
			if diff := cmp.Diff(&codec.Error{Code: "ValidationError", Message: test.want, Status: 400, Sender: true}, err); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

func TestResponses(t *testing.T) {
	s := Service()
	out := &GetCallerIdentityResponse{Account: ptr("111122223333"), Arn: ptr("arn:aws:iam::111122223333:user/admin"), UserId: ptr("AIDAEXAMPLE")}
	want := `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult><Account>111122223333</Account>` +
		`<Arn>arn:aws:iam::111122223333:user/admin</Arn><UserId>AIDAEXAMPLE</UserId></GetCallerIdentityResult>` +
		`<ResponseMetadata><RequestId>id</RequestId></ResponseMetadata></GetCallerIdentityResponse>`
	if got := string(codec.AppendResponse(nil, s, Lookup("GetCallerIdentity"), out, "id")); got != want {
		t.Errorf("body %s", got)
	}
	session := &GetSessionTokenResponse{Credentials: &Credentials{AccessKeyId: ptr("ASIA"), Expiration: ptr(time.Unix(1700000000, 0))}}
	want = `<GetSessionTokenResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetSessionTokenResult><Credentials><AccessKeyId>ASIA</AccessKeyId>` +
		`<Expiration>2023-11-14T22:13:20Z</Expiration></Credentials></GetSessionTokenResult>` +
		`<ResponseMetadata><RequestId>id</RequestId></ResponseMetadata></GetSessionTokenResponse>`
	if got := string(codec.AppendResponse(nil, s, Lookup("GetSessionToken"), session, "id")); got != want {
		t.Errorf("body %s", got)
	}
}

func TestOperations(t *testing.T) {
	s := Service()
	if len(s.Operations) != 11 || s.Protocol != codec.Query || s.APIVersion != "2011-06-15" {
		t.Errorf("service %s has %d operations, version %s", s.Name, len(s.Operations), s.APIVersion)
	}
	var unsigned []string
	for i := range s.Operations {
		op := &s.Operations[i]
		if s.Lookup(op.Name) != op {
			t.Errorf("Lookup(%s) finds another", op.Name)
		}
		if op.NoAuth {
			unsigned = append(unsigned, op.Name)
		}
	}
	if diff := cmp.Diff([]string{"AssumeRoleWithSAML", "AssumeRoleWithWebIdentity"}, unsigned); diff != "" {
		t.Errorf("operations without a signature (-want +got):\n%s", diff)
	}
	if got := MalformedPolicyDocumentException("m"); got.Code != "MalformedPolicyDocument" || got.Status != 400 {
		t.Errorf("error %+v", got)
	}
	if got := IDPRejectedClaimException("m"); got.Code != "IDPRejectedClaim" || got.Status != 403 {
		t.Errorf("error %+v", got)
	}
}

func BenchmarkGetCallerIdentity(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		form, err := codec.ParseForm("Action=GetCallerIdentity&Version=2011-06-15")
		if err != nil {
			b.Fatal(err)
		}
		if err := form.Decode(new(GetCallerIdentityRequest)); err != nil {
			b.Fatal(err)
		}
	}
}
