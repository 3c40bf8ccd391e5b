package state

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// The quotas of AWS KMS that are refused here, because only the state can count.
const (
	MaxTags          = 50 // on a key
	MaxAliasesPerKey = 50
)

// Limits of what records hold, to keep entries and snapshots bounded. Services apply AWS's own rules, which are
// narrower, and answer with AWS's messages.
const (
	maxName          = 256       // characters of whatever names something
	maxDescription   = 8192      // characters
	maxDocument      = 128 << 10 // bytes of a policy
	maxPolicies      = 100       // inline policies of a user
	maxDocuments     = 512 << 10 // bytes, all inline policies of a user together
	maxVersions      = 256       // of a key
	maxToken         = 16 << 10  // bytes
	maxTokens        = 512 << 10 // bytes, all tokens of a key together
	maxPendingWindow = 365       // days
	maxUntagged      = 1 << 10   // tag keys of one UntagKey
	maxRegions       = 64        // of a cluster
	maxSealed        = 4 << 10   // bytes of a sealed secret
	maxCertificate   = 16 << 10  // bytes
)

func invalid(format string, args ...any) *Refusal {
	return &Refusal{Code: CodeInvalid, Detail: fmt.Sprintf(format, args...)}
}

// first gives the first refusal there is.
func first(rs ...*Refusal) *Refusal {
	for _, r := range rs {
		if r != nil {
			return r
		}
	}
	return nil
}

// checkText bounds a string in characters. It must be UTF-8, since nothing else can be encoded.
func checkText(what, s string, least, most int) *Refusal {
	if !utf8.ValidString(s) {
		return invalid("%s is not UTF-8", what)
	}
	if n := utf8.RuneCountInString(s); n < least || n > most {
		return invalid("%s has %d characters, not %d to %d", what, n, least, most)
	}
	return nil
}

// checkName is for what names records: it must be there and be printable ASCII without spaces.
func checkName(what, s string) *Refusal {
	if len(s) == 0 || len(s) > maxName {
		return invalid("%s has %d characters, not 1 to %d", what, len(s), maxName)
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return invalid("%s has a character that is not printable ASCII", what)
		}
	}
	return nil
}

func checkBytes(what string, b []byte, most int) *Refusal {
	if len(b) == 0 || len(b) > most {
		return invalid("%s has %d bytes, not 1 to %d", what, len(b), most)
	}
	return nil
}

func checkTime(what string, ms int64) *Refusal {
	if ms <= 0 {
		return invalid("%s is not a time", what)
	}
	return nil
}

func checkAccount(id string) *Refusal {
	if len(id) != 12 || strings.Trim(id, "0123456789") != "" {
		return invalid("account %q is not 12 digits", id)
	}
	return nil
}

func checkRef(r KeyRef) *Refusal {
	return first(checkAccount(r.Account), checkName("region", r.Region), checkName("key id", r.ID))
}

func checkDocument(d *Document) *Refusal {
	if d == nil {
		return invalid("policy is missing")
	}
	return checkPolicy(d.Text)
}

func checkPolicy(text string) *Refusal {
	if len(text) == 0 || len(text) > maxDocument {
		return invalid("policy has %d bytes, not 1 to %d", len(text), maxDocument)
	}
	return checkText("policy", text, 1, maxDocument)
}

// checkTags wants tags sorted by key, each key once.
func checkTags(tags []Tag) *Refusal {
	if len(tags) > MaxTags {
		return &Refusal{Code: CodeLimitExceeded, Detail: "too many tags"}
	}
	for i, t := range tags {
		if i > 0 && tags[i-1].Key >= t.Key {
			return invalid("tags are not sorted by key or name one twice")
		}
		if r := first(checkText("tag key", t.Key, 1, 128), checkText("tag value", t.Value, 0, 256)); r != nil {
			return r
		}
	}
	return nil
}

func checkVersions(versions []Version) *Refusal {
	if len(versions) == 0 || len(versions) > maxVersions {
		return invalid("%d versions, not 1 to %d", len(versions), maxVersions)
	}
	seen := make(map[[32]byte]bool, len(versions))
	size := 0
	for _, v := range versions {
		if seen[v.MaterialID] {
			return invalid("two versions have one material id")
		}
		seen[v.MaterialID] = true
		size += len(v.Token)
		if r := first(checkBytes("token", v.Token, maxToken), checkTime("version's creation", v.Created)); r != nil {
			return r
		}
	}
	if size > maxTokens {
		return invalid("tokens have %d bytes, not at most %d", size, maxTokens)
	}
	return nil
}

// check holds for every key in a View.
func (k *Key) check() *Refusal {
	return first(
		checkRef(k.Ref),
		checkTime("creation", k.Created),
		checkText("description", k.Description, 0, maxDescription),
		k.checkState(),
		checkName("spec", k.Spec),
		checkName("usage", k.Usage),
		checkName("origin", k.Origin),
		checkDocument(k.Policy),
		checkTags(k.Tags),
		checkVersions(k.Versions),
	)
}

func (k *Key) checkState() *Refusal {
	switch k.State {
	case Enabled, Disabled:
		if k.DeletionDue != 0 || k.PendingWindow != 0 {
			return invalid("key has a deletion time but is not pending deletion")
		}
		return nil
	case PendingDeletion:
		return first(checkTime("deletion", k.DeletionDue), checkWindow(k.PendingWindow))
	}
	return invalid("key is in unknown state %d", k.State)
}

func checkWindow(days int32) *Refusal {
	if days < 1 || days > maxPendingWindow {
		return invalid("waiting period is %d days, not 1 to %d", days, maxPendingWindow)
	}
	return nil
}

func checkAliasName(name string) *Refusal {
	if !strings.HasPrefix(name, "alias/") || len(name) == len("alias/") {
		return invalid("alias name does not begin with alias/")
	}
	return checkName("alias name", name)
}

func (a *Alias) check() *Refusal {
	return first(
		checkRef(a.TargetRef()),
		checkAliasName(a.Name),
		checkTime("creation", a.Created),
		checkTime("update", a.Updated),
	)
}

func (a *Account) check() *Refusal {
	return first(
		checkAccount(a.ID),
		checkText("account name", a.Name, 0, maxName),
		checkTime("creation", a.Created),
	)
}

func (u *User) check() *Refusal {
	r := first(
		checkAccount(u.Account),
		checkName("user name", u.Name),
		checkText("path", u.Path, 1, 512),
		checkName("unique id", u.ID),
		checkTime("creation", u.Created),
	)
	if r != nil {
		return r
	}
	if !strings.HasPrefix(u.Path, "/") || !strings.HasSuffix(u.Path, "/") {
		return invalid("path does not begin and end with /")
	}
	return checkInline(u.Policies)
}

// checkInline wants policies sorted by name, each name once.
func checkInline(policies []InlinePolicy) *Refusal {
	if len(policies) > maxPolicies {
		return invalid("%d policies, not at most %d", len(policies), maxPolicies)
	}
	size := 0
	for i, p := range policies {
		if i > 0 && policies[i-1].Name >= p.Name {
			return invalid("policies are not sorted by name or one comes twice")
		}
		if r := first(checkName("policy name", p.Name), checkDocument(p.Document)); r != nil {
			return r
		}
		size += len(p.Document.Text)
	}
	if size > maxDocuments {
		return invalid("policies have %d bytes, not at most %d", size, maxDocuments)
	}
	return nil
}

func (a *AccessKey) check() *Refusal {
	return first(
		checkName("access key id", a.ID),
		checkAccount(a.Account),
		checkName("user name", a.User),
		checkBytes("sealed secret", a.Sealed, maxSealed),
		checkTime("creation", a.Created),
	)
}

func (c *Cluster) check() *Refusal {
	r := first(
		checkName("cluster id", c.ID),
		checkTime("creation", c.Created),
		checkBytes("host root", c.HostRoot, maxToken),
		checkBytes("sealing key", c.SealingKey, maxSealed),
		checkBytes("CA", c.CA, maxToken),
		checkBytes("CA certificate", c.CACertificate, maxCertificate),
	)
	if r != nil {
		return r
	}
	if c.DomainKey == 0 {
		return invalid("domain key has no version")
	}
	if len(c.Regions) == 0 || len(c.Regions) > maxRegions {
		return invalid("%d regions, not 1 to %d", len(c.Regions), maxRegions)
	}
	for i, region := range c.Regions {
		if r := checkName("region", region); r != nil {
			return r
		}
		for _, other := range c.Regions[:i] {
			if other == region {
				return invalid("region %q comes twice", region)
			}
		}
	}
	return nil
}
