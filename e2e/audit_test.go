package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/smithy-go/middleware"
)

func idOf(t *testing.T, m middleware.Metadata) string {
	t.Helper()
	id, ok := awsmiddleware.GetRequestIDMetadata(m)
	if !ok {
		t.Fatal("an answer without a request id")
	}
	return id
}

// TestAuditRead: a call that changes nothing has one record, with all that CloudTrail says of it.
func TestAuditRead(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c := s.kms()
	key := newKey(t, c)
	out := must(c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: key.KeyId, Plaintext: []byte("text"), EncryptionContext: map[string]string{"a": "b \" \n <"}}))(t)
	all := s.recordsOf(idOf(t, out.ResultMetadata))
	if len(all) != 1 {
		t.Fatalf("%d records, want 1", len(all))
	}
	r := all[0]
	for _, name := range []string{"eventVersion", "userIdentity", "eventTime", "eventSource", "eventName", "awsRegion", "sourceIPAddress", "userAgent",
		"requestParameters", "responseElements", "requestID", "eventID", "readOnly", "resources", "eventType", "managementEvent",
		"recipientAccountId", "eventCategory", "tlsDetails"} {
		if _, ok := r.members[name]; !ok {
			t.Errorf("the record has no %s", name)
		}
	}
	if r.EventSource != "kms.amazonaws.com" || r.EventName != "Encrypt" || r.AWSRegion != "us-east-1" || r.SourceIPAddress != "127.0.0.1" || !r.ReadOnly ||
		r.ErrorCode != "" || r.RecipientAccountID != account || r.EventType != "AwsApiCall" || r.EventCategory != "Management" || r.EventVersion != "1.11" ||
		!strings.Contains(r.UserAgent, "aws-sdk-go-v2") || !requestID.MatchString(r.EventID) || time.Since(r.EventTime).Abs() > time.Minute {
		t.Errorf("record = %+v", r)
	}
	who := r.UserIdentity
	if who.Type != "IAMUser" || who.ARN != "arn:aws:iam::"+account+":user/admin" || who.AccountID != account || who.AccessKeyID != s.env["AWS_ACCESS_KEY_ID"] ||
		who.UserName != "admin" || !strings.HasPrefix(who.PrincipalID, "AIDA") {
		t.Errorf("userIdentity = %+v", who)
	}
	if len(r.Resources) != 1 || r.Resources[0].ARN != *key.Arn || r.Resources[0].Type != "AWS::KMS::Key" || r.Resources[0].AccountID != account {
		t.Errorf("resources = %+v", r.Resources)
	}
	if got, _ := json.Marshal(r.RequestParameters["encryptionContext"]); string(got) != `{"a":"b \" \n \u003c"}` {
		t.Errorf("encryptionContext = %s", got)
	}
	if r.RequestParameters["keyId"] != *key.KeyId || r.RequestParameters["plaintext"] != nil {
		t.Errorf("requestParameters = %v", r.RequestParameters)
	}
	if r.TLSDetails.TLSVersion != "TLSv1.3" || !strings.HasPrefix(r.TLSDetails.CipherSuite, "TLS_") || "https://"+r.TLSDetails.ClientProvidedHostHeader != s.env["AWS_ENDPOINT_URL"] {
		t.Errorf("tlsDetails = %+v", r.TLSDetails)
	}
	if r.Ostiary.Phase != "" || r.Ostiary.Decision == "" || r.Ostiary.Node == "" {
		t.Errorf("ostiary = %+v", r.Ostiary)
	}
}

// TestAuditChange: a change has a record of the intent before it and one of the outcome after it.
func TestAuditChange(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c := s.kms()
	created := must(c.CreateKey(t.Context(), &kms.CreateKeyInput{}))(t)
	arn := *created.KeyMetadata.Arn
	all := s.recordsOf(idOf(t, created.ResultMetadata))
	if len(all) != 2 || all[0].Ostiary.Phase != "intent" || all[1].Ostiary.Phase != "outcome" {
		t.Fatalf("records = %+v", all)
	}
	if last := all[1]; last.ReadOnly || last.ErrorCode != "" || len(last.Resources) != 1 || last.Resources[0].ARN != arn {
		t.Errorf("outcome = %+v", last)
	}
	// A change that fails has both too: nobody knows beforehand.
	id := s.send(t, s.http(), jsonCall("CancelKeyDeletion", `{"KeyId":"`+arn+`"}`)).check(t, wireError{http.StatusBadRequest, inJSON, "KMSInvalidStateException", arn + " is not pending deletion."})
	all = s.recordsOf(id)
	if len(all) != 2 || all[0].Ostiary.Phase != "intent" || all[0].ErrorCode != "" || all[1].Ostiary.Phase != "outcome" || all[1].ErrorCode != "KMSInvalidStateException" {
		t.Errorf("records = %+v", all)
	}
}

// TestAuditDenied: what a policy denies is recorded with who, what and why; a denied change has no intent.
func TestAuditDenied(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c := s.kms()
	key := newKey(t, c)
	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + account + `:root"},"Action":"kms:*","Resource":"*"},` +
		`{"Effect":"Deny","Principal":"*","Action":["kms:Decrypt","kms:DisableKey"],"Resource":"*"}]}`
	must(c.PutKeyPolicy(t.Context(), &kms.PutKeyPolicyInput{KeyId: key.KeyId, Policy: &policy}))(t)
	blob := encrypt(t, c, *key.KeyId, "text")
	client := s.http()
	body, err := json.Marshal(map[string]any{"CiphertextBlob": blob})
	if err != nil {
		t.Fatal(err)
	}
	for operation, body := range map[string]string{"Decrypt": string(body), "DisableKey": `{"KeyId":"` + *key.KeyId + `"}`} {
		id := s.send(t, client, jsonCall(operation, body)).check(t, wireError{http.StatusBadRequest, inJSON, "AccessDeniedException", "*"})
		all := s.recordsOf(id)
		if len(all) != 1 {
			t.Fatalf("%s: %d records, want 1", operation, len(all))
		}
		if r := all[0]; r.EventName != operation || r.ErrorCode != "AccessDeniedException" || r.UserIdentity.UserName != "admin" || r.Ostiary.Decision != "explicit deny" {
			t.Errorf("%s: %+v", operation, r)
		}
	}
}

// TestAuditFlood: a flood of calls that nobody vouches for costs a bounded number of records, and is counted.
func TestAuditFlood(t *testing.T) {
	t.Parallel()
	const flood = 600
	s := newServer(t)
	client := s.http()
	before := len(s.records())
	unsigned := jsonCall("ListKeys", "{}")
	unsigned.unsigned = true
	for range flood {
		if a := s.send(t, client, unsigned); a.status != http.StatusBadRequest {
			t.Fatalf("status %d", a.status)
		}
	}
	if n := len(s.records()) - before; n > 100 {
		t.Errorf("%d unauthenticated calls have %d records", flood, n)
	}
	// Those who sign are recorded one by one all the while.
	out := must(s.kms().ListKeys(t.Context(), &kms.ListKeysInput{}))(t)
	if n := len(s.recordsOf(idOf(t, out.ResultMetadata))); n != 1 {
		t.Errorf("%d records of a signed call, want 1", n)
	}
	s.stop() // writes the summary
	all := s.records()
	i := slices.IndexFunc(all, func(r record) bool { return r.EventName == "UnauthenticatedSummary" })
	if i < 0 {
		t.Fatal("no summary")
	}
	summary := all[i]
	single := 0
	for _, r := range all {
		if r.ErrorCode == "MissingAuthenticationTokenException" {
			single++
		}
	}
	if got, want := summary.ServiceEventDetails["count"], float64(flood-single); got != want || summary.EventType != "AwsServiceEvent" {
		t.Errorf("the summary counts %v, want %v: %v", got, want, summary.ServiceEventDetails)
	}
	if codes := fmt.Sprint(summary.ServiceEventDetails["byErrorCode"]); !strings.Contains(codes, "MissingAuthenticationTokenException") {
		t.Errorf("byErrorCode = %s", codes)
	}
}

// TestAuditHostileText: whatever a client puts into names and headers, a record stays one line of JSON.
func TestAuditHostileText(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	client := s.http()
	for _, text := range []string{`"}` + "\t{", "\u2028\u2029", "<script>", strings.Repeat("A", 10_000)} {
		c := jsonCall("DescribeKey", `{"KeyId":"x"}`)
		c.header["User-Agent"] = text
		if a := s.send(t, client, c); a.status != http.StatusBadRequest {
			t.Errorf("status %d", a.status)
		}
		quoted, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		s.send(t, client, jsonCall("DescribeKey", `{"KeyId":`+string(quoted)+`}`))
		s.send(t, client, jsonCall("Encrypt", `{"KeyId":"x","Plaintext":"YQ==","EncryptionContext":{`+string(quoted)+`:`+string(quoted)+`}}`))
	}
	agents := 0
	for _, r := range s.records() { // which fails unless all of them parse
		if r.EventName == "DescribeKey" && !strings.HasPrefix(r.UserAgent, "Go-http-client") {
			agents++
		}
	}
	if agents != 4 {
		t.Errorf("%d records have a user agent of ours, want 4", agents)
	}
}

// TestAuditSync: --audit-sync serves too.
func TestAuditSync(t *testing.T) {
	t.Parallel()
	s := newServer(t, "--audit-sync")
	out := must(s.kms().CreateKey(t.Context(), &kms.CreateKeyInput{}))(t)
	if n := len(s.recordsOf(idOf(t, out.ResultMetadata))); n != 2 {
		t.Errorf("%d records, want 2", n)
	}
}
