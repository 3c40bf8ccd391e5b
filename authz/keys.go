package authz

// ContextKeys gives the condition keys of a request. Lookup is called with a key in lower case ("aws:sourceip",
// "kms:encryptioncontext:appname") and only if a condition or variable asks for it, so values can be computed when
// asked. ok is false where the request has no such key; a key without values counts as absent. Lookup must give the
// same answer to the same question throughout a decision, and the caller must not change the values.
//
// The keys that follow from the Request (aws:PrincipalArn, aws:PrincipalAccount, aws:PrincipalType, aws:userid,
// aws:username, aws:PrincipalIsAWSService, aws:PrincipalServiceName and aws:ResourceAccount) are answered by this
// package and never asked for.
type ContextKeys interface {
	Lookup(key string) (values []string, ok bool)
}

// KeyFunc makes ContextKeys of a function.
type KeyFunc func(key string) ([]string, bool)

// Lookup calls f.
func (f KeyFunc) Lookup(key string) ([]string, bool) { return f(key) }

// keyValues are the values of one key, without allocation where there is only one.
type keyValues struct {
	one  string
	many []string // nil where there is one
	n    int
}

func (v *keyValues) at(i int) string {
	if v.many == nil {
		return v.one
	}
	return v.many[i]
}

// blank tells that there is no value but empty strings.
func (v *keyValues) blank() bool {
	for i := range v.n {
		if v.at(i) != "" {
			return false
		}
	}
	return true
}

// lookup gives the values of a key in lower case. n is 0 where there are none.
func (ev *evaluator) lookup(key string) keyValues {
	if value, known := ev.requestKey(key); known {
		if value == "" {
			return keyValues{}
		}
		return keyValues{one: value, n: 1}
	}
	if ev.keys == nil || !ev.spend(lookupSteps) {
		return keyValues{}
	}
	values, ok := ev.keys.Lookup(key)
	if !ok {
		return keyValues{}
	}
	return keyValues{many: values, n: len(values)}
}

// requestKey answers the keys that follow from the Request, "" where they are absent for this principal.
func (ev *evaluator) requestKey(key string) (value string, known bool) {
	p := &ev.principal
	switch key {
	case "aws:principalarn":
		if p.Type == AssumedRole {
			return p.SessionOf, true
		}
		if p.Account == "" {
			return "", true
		}
		return p.ARN, true
	case "aws:principalaccount":
		return p.Account, true
	case "aws:principaltype":
		return p.Type.contextValue(), true
	case "aws:userid":
		return p.UserID, true
	case "aws:username":
		if p.Type == User {
			return p.Name, true
		}
		return "", true
	case "aws:principalisawsservice":
		if p.Type == Service {
			return "true", true
		}
		return "false", true
	case "aws:principalservicename":
		if p.Type == Service {
			return p.Name, true
		}
		return "", true
	case "aws:resourceaccount":
		return ev.resourceAccount, true
	}
	return "", false
}

// contextValue is the value of aws:PrincipalType (IAM User Guide, "AWS global condition context keys").
func (t PrincipalType) contextValue() string {
	switch t {
	case Root:
		return "Account"
	case User:
		return "User"
	case AssumedRole:
		return "AssumedRole"
	case FederatedUser:
		return "FederatedUser"
	case Anonymous:
		return "Anonymous"
	}
	return ""
}

// variable gives what a policy variable stands for. Only a key with exactly one value, or a default, has a value.
func (ev *evaluator) variable(t *token) (string, bool) {
	if v := ev.lookup(t.text); v.n == 1 {
		return v.at(0), true
	} else if v.n == 0 && t.hasFallback {
		return t.fallback, true
	}
	ev.unresolved = true
	return "", false
}
