package kms

import (
	"strings"

	"ostiary.dev/access"
	"ostiary.dev/api/model/kmsapi"
	"ostiary.dev/state"
)

// named is a key as a caller named it.
type named struct {
	key   *state.Key // nil when it does not exist in an account that is not the caller's
	arn   string     // ARN of the key; of what the caller asked for when key is nil
	owner string     // account
	alias string     // the alias name that the caller used, "" for ids and key ARNs
	asked string     // ARN of what the caller asked for: arn, or that of the alias
	hide  string     // what a stranger hears instead of a denial that would tell that the key exists
}

// keyARN is the ARN of a key.
func keyARN(r state.KeyRef) string {
	return "arn:aws:kms:" + r.Region + ":" + r.Account + ":key/" + r.ID
}

func aliasARN(account, region, name string) string {
	return "arn:aws:kms:" + region + ":" + account + ":" + name
}

// findKey resolves a key id or key ARN, the forms that every operation takes.
func findKey(c *access.Call, id string) (named, error) { return find(c, id, false) }

// findKeyOrAlias also resolves alias names and alias ARNs.
func findKeyOrAlias(c *access.Call, id string) (named, error) { return find(c, id, true) }

// find resolves what a KeyId parameter names (AWS KMS API, DescribeKey, KeyId). A missing key of the caller's own
// account is NotFoundException; one of another account is left to the decision, so that nobody learns which keys
// a foreign account has.
func find(c *access.Call, id string, aliases bool) (named, error) {
	account, region, rest := c.Principal.Account, c.Region, id
	if strings.HasPrefix(id, "arn:") {
		var err error
		if account, region, rest, err = splitARN(id); err != nil {
			return named{}, err
		}
		if region != c.Region {
			return named{}, kmsapi.NotFoundException("Invalid arn " + region)
		}
		if bare, ok := strings.CutPrefix(rest, "key/"); ok && !strings.HasPrefix(bare, aliasPrefix) {
			rest = bare
		} else if !strings.HasPrefix(rest, aliasPrefix) {
			return named{}, kmsapi.InvalidArnException("Invalid arn " + id)
		}
	}
	if strings.HasPrefix(rest, aliasPrefix) {
		if !aliases {
			return named{}, kmsapi.NotFoundException("Invalid keyId '" + id + "'")
		}
		return findAlias(c, account, region, rest)
	}
	if !isKeyID(rest) {
		return named{}, kmsapi.NotFoundException("Invalid keyId '" + rest + "'")
	}
	ref := state.KeyRef{Account: account, Region: region, ID: rest}
	arn := keyARN(ref)
	return known(c, named{key: c.View.Key(ref), arn: arn, owner: account, asked: arn})
}

func findAlias(c *access.Call, account, region, name string) (named, error) {
	a := c.View.Alias(account, region, name)
	if a == nil && account == c.Principal.Account {
		return named{}, aliasNotFound(account, region, name)
	}
	n := named{owner: account, alias: name, asked: aliasARN(account, region, name)}
	if a == nil {
		n.arn = n.asked
		return n, nil
	}
	ref := a.TargetRef()
	n.key, n.arn = c.View.Key(ref), keyARN(ref)
	return known(c, n)
}

func aliasNotFound(account, region, name string) error {
	return kmsapi.NotFoundException("Alias " + aliasARN(account, region, name) + " is not found.")
}

// known refuses a missing key of the caller's own account.
func known(c *access.Call, n named) (named, error) {
	if n.key == nil && n.owner == c.Principal.Account {
		return named{}, notFound(n.arn)
	}
	return n, nil
}

// splitARN takes apart arn:aws:kms:REGION:ACCOUNT:RESOURCE.
func splitARN(arn string) (account, region, resource string, err error) {
	bad := kmsapi.InvalidArnException("Invalid arn " + arn)
	rest, ok := strings.CutPrefix(arn, "arn:aws:kms:")
	if !ok {
		return "", "", "", bad
	}
	region, rest, ok = strings.Cut(rest, ":")
	if !ok || region == "" {
		return "", "", "", bad
	}
	account, resource, ok = strings.Cut(rest, ":")
	if !ok || len(account) != 12 || strings.Trim(account, "0123456789") != "" || resource == "" {
		return "", "", "", bad
	}
	return account, region, resource, nil
}

// isKeyID accepts the two forms of a key id: a lower-case UUID and, for multi-Region keys, mrk- and 32 hexadecimal digits.
func isKeyID(s string) bool {
	if hex, ok := strings.CutPrefix(s, "mrk-"); ok {
		return len(hex) == 32 && isHex(hex)
	}
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return false
	}
	return isHex(s[:8]) && isHex(s[9:13]) && isHex(s[14:18]) && isHex(s[19:23]) && isHex(s[24:])
}

func isHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
