package access

import (
	"errors"
	"slices"
	"strings"

	"ostiary.dev/authz"
)

// CheckKeyPolicy parses a new policy of the key with this ARN, of the caller's account, and refuses it with ErrLockout
// if the caller could not put another one afterwards, unless bypass is set (AWS KMS, BypassPolicyLockoutSafetyCheck).
// facts are the condition keys of that other call. A policy that tests a condition key which AWS would fill and this
// service does not, or which nobody knows, is refused too: a Deny that can never hold is worse than an error.
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

// knownKeys are the condition keys, in lower case, that this service fills; knownPrefixes are those with a name of the
// client's choice behind them. absentKeys and absentPrefixes are those that AWS too leaves out of every call that can be made
// here: calls come from users with long-term credentials and without tags, of accounts outside any organization, directly; and
// the operations that the other keys of KMS are about are refused. Whoever builds one of these moves its keys up, and fills them.
var (
	knownKeys = []string{
		"aws:currenttime", "aws:epochtime", "aws:principalaccount", "aws:principalarn", "aws:principalisawsservice",
		"aws:principaltype", "aws:referer", "aws:requestedregion", "aws:resourceaccount", "aws:securetransport", "aws:sourceip",
		"aws:tagkeys", "aws:useragent", "aws:userid", "aws:username", "aws:viaawsservice",
		"kms:bypasspolicylockoutsafetycheck", "kms:calleraccount", "kms:customermasterkeyspec", "kms:customermasterkeyusage",
		"kms:encryptionalgorithm", "kms:encryptioncontextkeys", "kms:keyorigin", "kms:keyspec", "kms:keyusage",
		"kms:multiregion", "kms:reencryptonsamekey", "kms:requestalias", "kms:resourcealiases",
		"kms:schedulekeydeletionpendingwindowindays",
	}
	knownPrefixes = []string{"aws:requesttag/", "aws:resourcetag/", "kms:encryptioncontext:"}

	absentKeys = []string{
		"aws:calledvia", "aws:calledviafirst", "aws:calledvialast", "aws:ec2instancesourceprivateipv4", "aws:ec2instancesourcevpc",
		"aws:federatedprovider", "aws:multifactorauthage", "aws:multifactorauthpresent", "aws:principalorgid",
		"aws:principalorgpaths", "aws:principalservicename", "aws:principalservicenameslist", "aws:resourceorgid",
		"aws:resourceorgpaths", "aws:sourceaccount", "aws:sourcearn", "aws:sourceidentity", "aws:sourceorgid",
		"aws:sourceorgpaths", "aws:sourcevpc", "aws:sourcevpce", "aws:tokenissuetime", "aws:vpceaccount", "aws:vpceorgid",
		"aws:vpceorgpaths", "aws:vpcsourceip",
		"kms:datakeypairspec", "kms:expirationmodel", "kms:grantconstrainttype", "kms:grantisforawsresource",
		"kms:grantoperations", "kms:granteeprincipal", "kms:keyagreementalgorithm", "kms:macalgorithm", "kms:messagetype",
		"kms:primaryregion", "kms:replicaregion", "kms:retiringprincipal", "kms:rotationperiodindays", "kms:signingalgorithm",
		"kms:validto", "kms:viaservice", "kms:wrappingalgorithm", "kms:wrappingkeyspec",
	}
	absentPrefixes = []string{"aws:principaltag/", "kms:recipientattestation:"}
)

func conditionsKnown(p *authz.Policy) error {
	for name := range p.ConditionKeys() {
		lower := strings.ToLower(name)
		prefixed := func(prefix string) bool { return strings.HasPrefix(lower, prefix) }
		if slices.Contains(knownKeys, lower) || slices.Contains(absentKeys, lower) ||
			slices.ContainsFunc(knownPrefixes, prefixed) || slices.ContainsFunc(absentPrefixes, prefixed) {
			continue
		}
		return errors.New("Condition key " + name + " is not supported.")
	}
	return nil
}
