package authz

// AllowsPolicyChange tells whether, under p as the policy of the key keyARN, the principal could still call
// kms:PutKeyPolicy: AWS's policy lockout safety check (KMS API, PutKeyPolicy, BypassPolicyLockoutSafetyCheck). A key
// policy that lets the principal's account in passes, whatever identity policies the principal has today. keys may
// be nil.
func AllowsPolicyChange(p *Policy, principal Principal, keyARN string, keys ContextKeys) bool {
	r := Request{Principal: principal, Action: "kms:PutKeyPolicy", Resource: keyARN, Keys: keys}
	if a, ok := splitARN(keyARN); ok {
		r.ResourceAccount = a[arnAccount]
	}
	ev := newEvaluator(&r)
	var v verdict
	v.ask(&ev, p)
	return !v.denied && v.allows() && !ev.exhausted()
}
