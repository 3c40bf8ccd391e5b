// Package authz is the IAM policy language and the decision: who may do what.
//
// It promises three things. Parse understands a policy document wholly or refuses it: nothing is ignored, so a
// policy never means less than its author wrote. Decide is a pure function of its arguments: it has no clock, no
// state and no I/O, and does not allocate for an ordinary allowed call. And where AWS's documentation leaves a case
// open, the answer is the one that is worse for the caller.
//
// The rules are those that AWS publishes (IAM User Guide, "Policy evaluation logic", "IAM JSON policy reference";
// KMS Developer Guide, "Key policies"). In short: an explicit deny anywhere wins; organization policies, boundary
// and session policies only take away; the policy of a KMS key or the trust policy of a role is the root of its
// permissions, so that identity policies count only where it lets the account in; across accounts both sides must
// allow; everything else is denied.
//
// Principals in resource policies are matched by ARN or by unique id, as the document has them. AWS stores unique
// ids in place of the ARNs of users and roles, so that a new user with an old name inherits nothing; whoever stores
// documents does that substitution, and this package matches both forms.
package authz
