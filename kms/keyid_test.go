package kms

import (
	"strings"
	"testing"

	"ostiary.dev/state"
)

// TestKeyIDForms names a key in every form, for every operation, as its own account and region and as others.
func TestKeyIDForms(t *testing.T) {
	const missing = "12345678-1234-1234-1234-123456789012"
	w := newWorld(t, memoryConfig)
	k, blob := w.inState(state.Enabled)
	w.alias("alias/name", k)
	id, arn := k.Ref.ID, keyARN(k.Ref)
	upper := strings.ToUpper(id)
	notFound := func(id string) string {
		return "NotFoundException: Key 'arn:aws:kms:" + home + ":" + here + ":key/" + id + "' does not exist"
	}
	tests := []struct {
		name, id string
		want     string // "ok", "denied" as a stranger, or the exception
		alias    bool   // wanted of operations that take aliases; the others do not know the name
	}{
		{name: "id", id: id, want: "ok"},
		{name: "ARN", id: arn, want: "ok"},
		{name: "alias", id: "alias/name", want: "ok", alias: true},
		{name: "alias ARN", id: aliasARN(here, home, "alias/name"), want: "ok", alias: true},
		{name: "no such id", id: missing, want: notFound(missing)},
		{name: "no such multi-Region id", id: "mrk-12345678123412341234123456789012", want: notFound("mrk-12345678123412341234123456789012")},
		{name: "no such ARN", id: strings.Replace(arn, id, missing, 1), want: notFound(missing)},
		{name: "no such alias", id: "alias/none", want: "NotFoundException: Alias " + aliasARN(here, home, "alias/none") + " is not found.", alias: true},
		{name: "alias of AWS", id: "alias/aws/s3", want: "NotFoundException: Alias " + aliasARN(here, home, "alias/aws/s3") + " is not found.", alias: true},
		{name: "alias in capitals", id: "alias/NAME", want: "NotFoundException: Alias " + aliasARN(here, home, "alias/NAME") + " is not found.", alias: true},
		{name: "id in capitals", id: upper, want: "NotFoundException: Invalid keyId '" + upper + "'"},
		{name: "id with a blank", id: id + " ", want: "NotFoundException: Invalid keyId '" + id + " '"},
		{name: "id with NUL", id: id[:35] + "\x00", want: "NotFoundException: Invalid keyId '" + id[:35] + "\x00'"},
		{name: "not an id", id: "key", want: "NotFoundException: Invalid keyId 'key'"},
		{name: "resource", id: "key/" + id, want: "NotFoundException: Invalid keyId 'key/" + id + "'"},
		{name: "other region", id: strings.Replace(arn, home, away, 1), want: "NotFoundException: Invalid arn " + away},
		{name: "other account", id: strings.Replace(arn, here, there, 1), want: "denied"},
		{name: "alias of other account", id: aliasARN(there, home, "alias/name"), want: "denied", alias: true},
		{name: "other service", id: strings.Replace(arn, "kms", "iam", 1), want: "InvalidArnException: Invalid arn " + strings.Replace(arn, "kms", "iam", 1)},
		{name: "other partition", id: strings.Replace(arn, "aws", "aws-cn", 1), want: "InvalidArnException: Invalid arn " + strings.Replace(arn, "aws", "aws-cn", 1)},
		{name: "other kind", id: strings.Replace(arn, "key/", "keys/", 1), want: "InvalidArnException: Invalid arn " + strings.Replace(arn, "key/", "keys/", 1)},
		{name: "alias as a key", id: strings.Replace(arn, id, "alias/name", 1), want: "InvalidArnException: Invalid arn " + strings.Replace(arn, id, "alias/name", 1)},
		{name: "short account", id: strings.Replace(arn, here, here[1:], 1), want: "InvalidArnException: Invalid arn " + strings.Replace(arn, here, here[1:], 1)},
		{name: "account in letters", id: strings.Replace(arn, here, "accountabcde", 1), want: "InvalidArnException: Invalid arn " + strings.Replace(arn, here, "accountabcde", 1)},
		{name: "no resource", id: "arn:aws:kms:" + home + ":" + here + ":", want: "InvalidArnException: Invalid arn arn:aws:kms:" + home + ":" + here + ":"},
		{name: "no region", id: "arn:aws:kms::" + here + ":key/" + id, want: "InvalidArnException: Invalid arn arn:aws:kms::" + here + ":key/" + id},
		{name: "ARN of nothing", id: "arn:", want: "InvalidArnException: Invalid arn arn:"},
	}
	for _, test := range tests {
		for _, op := range w.onKey(blob) {
			w := newWorld(t, memoryConfig)
			_, blob := w.inState(state.Enabled)
			w.alias("alias/name", k)
			got, want := text(w.onlyOp(blob, op.name).run(w.admin(), test.id)), test.want
			action := op.name
			if action == "ReEncrypt" {
				action = "ReEncryptFrom"
			}
			switch {
			case test.alias && !op.aliases:
				want = "NotFoundException: Invalid keyId '" + test.id + "'"
			case want == "ok" && op.name == "CancelKeyDeletion":
				want = "KMSInvalidStateException: " + arn + " is not pending deletion."
			case want == "denied" && op.name == "ListAliases":
				want = "NotFoundException: Key '" + test.id + "' does not exist"
			case want == "denied":
				want = strangerHears("arn:aws:iam::"+here+":user/admin", action)
			}
			if got != want {
				t.Errorf("%s of %s: %s\nwant %s", op.name, test.name, got, want)
			}
		}
	}
}
