package daemon

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kms"
)

const (
	elsewhere = "eu-central-1"
	other     = "444455556666"
)

func (d *running) keys(c *kms.Client) (ids []string) {
	d.Helper()
	for _, k := range must(c.ListKeys(d.Context(), &kms.ListKeysInput{}))(d).Keys {
		ids = append(ids, *k.KeyId)
	}
	return ids
}

// TestRegionsAreAdded: a later start may name more regions, and need not name the earlier ones.
func TestRegionsAreAdded(t *testing.T) {
	t.Parallel()
	d := newRunning(t, hurried)
	first := d.who()
	key := d.newKey(d.kms(), "")
	blob := d.encrypt(d.kms(), key)
	if _, err := d.as(first, elsewhere).ListKeys(t.Context(), &kms.ListKeysInput{}); code(err) != "InvalidSignatureException" {
		t.Errorf("a region that is not served: %v", err)
	}
	d.stop()
	d.config.Regions = []string{elsewhere, "us-west-2", elsewhere}
	d.start()
	if d.env["AWS_REGION"] != elsewhere || d.env["AWS_DEFAULT_REGION"] != elsewhere || d.who() != first {
		t.Errorf("env: %v", d.env)
	}
	if !strings.Contains(d.banner, "regions "+home+" "+elsewhere+" us-west-2;") {
		t.Errorf("banner: %s", d.banner)
	}
	if ids := d.keys(d.as(first, elsewhere)); ids != nil {
		t.Errorf("keys of the new region: %v", ids)
	}
	there := d.newKey(d.as(first, "us-west-2"), "")
	d.stop()
	d.config.Regions = []string{home}
	d.start()
	if ids := d.keys(d.as(first, "us-west-2")); !slices.Equal(ids, []string{*there.KeyId}) {
		t.Errorf("keys of a region that was not named again: %v", ids)
	}
	if err := decrypt(t, d.kms(), blob); err != nil {
		t.Error(err)
	}
}

// TestAccountsAreAdded: a later start may name another account. Each has its own credentials, which stay, and its own keys.
func TestAccountsAreAdded(t *testing.T) {
	t.Parallel()
	d := newRunning(t, hurried)
	first := d.who()
	mine := d.newKey(d.kms(), "")
	blob := d.encrypt(d.kms(), mine)

	d.stop()
	d.config.Account = other
	d.start()
	second := d.who()
	if second.accessKeyID == first.accessKeyID || second.secretAccessKey == first.secretAccessKey {
		t.Error("two accounts share credentials")
	}
	theirs := d.newKey(d.kms(), "")
	if *theirs.AWSAccountId != other {
		t.Errorf("the key is of account %s", *theirs.AWSAccountId)
	}
	if err := decrypt(t, d.kms(), blob); code(err) != "AccessDeniedException" {
		t.Errorf("Decrypt under the other account's key: %v", err)
	}
	if err := decrypt(t, d.as(first, home), blob); err != nil {
		t.Errorf("the first account's credentials: %v", err)
	}
	for account, test := range map[string]struct {
		who credentials
		key string
	}{account: {first, *mine.KeyId}, other: {second, *theirs.KeyId}} {
		d.stop()
		d.config.Account = account
		d.start()
		if d.who() != test.who {
			t.Errorf("account %s has other credentials after a restart", account)
		}
		if ids := d.keys(d.kms()); !slices.Equal(ids, []string{test.key}) {
			t.Errorf("keys of account %s: %v", account, ids)
		}
	}
}
