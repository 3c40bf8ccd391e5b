package access

import (
	"errors"
	"slices"
	"strings"

	"ostiary.dev/authz"
)

// CheckKeyPolicy parses a new policy of the key with this ARN, of the caller's account, and refuses it with ErrLockout
// if the caller could not put another one afterwards, unless bypass is set (AWS KMS, BypassPolicyLockoutSafetyCheck).
// facts are the condition keys of that other call. A policy that tests a condition key which this service never
// fills is refused too: a Deny that can never hold is worse than an error.
func CheckKeyPolicy(c *Call, keyARN string, facts authz.ContextKeys, text string, bypass bool) error {
	p, err := authz.Parse(text, authz.ResourcePolicy)
	if err != nil {
		return err
	}
	if err := conditionsKnown(p); err != nil {
		return err
	}
	if bypass || authz.AllowsPolicyChange(p, c.Principal, keyARN, &keys{c, facts}) {
		return nil
	}
	return ErrLockout
}

// knownKeys are the condition keys, in lower case, that this service fills or that AWS leaves out of such calls as
// they are made here; knownPrefixes are those with a name of the client's choice behind them.
var (
	knownKeys = []string{
		"aws:currenttime", "aws:epochtime", "aws:multifactorauthage", "aws:multifactorauthpresent", "aws:principalaccount",
		"aws:principalarn", "aws:principalisawsservice", "aws:principaltype", "aws:referer", "aws:requestedregion",
		"aws:resourceaccount", "aws:securetransport", "aws:sourceip", "aws:sourcevpc", "aws:sourcevpce", "aws:tagkeys",
		"aws:useragent", "aws:userid", "aws:username", "aws:viaawsservice", "aws:vpcsourceip",
		"kms:bypasspolicylockoutsafetycheck", "kms:calleraccount", "kms:customermasterkeyspec", "kms:customermasterkeyusage",
		"kms:encryptionalgorithm", "kms:encryptioncontextkeys", "kms:keyorigin", "kms:keyspec", "kms:keyusage",
		"kms:multiregion", "kms:reencryptonsamekey", "kms:requestalias", "kms:resourcealiases",
		"kms:schedulekeydeletionpendingwindowindays", "kms:viaservice",
	}
	knownPrefixes = []string{"aws:requesttag/", "aws:resourcetag/", "kms:encryptioncontext:"}
)

func conditionsKnown(p *authz.Policy) error {
	for name := range p.ConditionKeys() {
		lower := strings.ToLower(name)
		prefixed := slices.ContainsFunc(knownPrefixes, func(prefix string) bool { return strings.HasPrefix(lower, prefix) })
		if !prefixed && !slices.Contains(knownKeys, lower) {
			return errors.New("Condition key " + name + " is not supported.")
		}
	}
	return nil
}
