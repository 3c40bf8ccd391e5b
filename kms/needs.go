package kms

import (
	"ostiary.dev/access"
	"ostiary.dev/state"
)

// need is the usual rule: one action on one key.
func need(c *access.Call, action string, n named, f *facts) []access.Need {
	f.call, f.key, f.alias = c, n.key, n.alias
	one := access.Need{Action: action, Resource: n.arn, Owner: n.owner, Key: n.key, Facts: f}
	if n.owner != c.Principal.Account {
		one.Stranger = access.Stranger{Resource: n.asked, Facts: f.ofRequestAlone(), Hide: n.hide}
	}
	return []access.Need{one}
}

// needOwn is need for the operations that AWS does not open to other accounts: the key must be the caller's.
func needOwn(c *access.Call, action string, n named, f *facts) []access.Need {
	needs := need(c, action, n, f)
	needs[0].OwnOnly = true
	return needs
}

// needAccount is the rule of operations that act on no key yet.
func needAccount(c *access.Call, action string, f *facts) []access.Need {
	f.call = c
	return []access.Need{{Action: action, Resource: "*", Owner: c.Principal.Account, Facts: f}}
}

// needNewKey is for an action on a key that is still to be made, which any key ARN of a policy may mean.
func needNewKey(c *access.Call, action string, f *facts) access.Need {
	f.call = c
	anyKey := state.KeyRef{Account: c.Principal.Account, Region: c.Region, ID: "*"}
	return access.Need{Action: action, Resource: keyARN(anyKey), Owner: anyKey.Account, Facts: f}
}

// needAlias is the part of a rule that concerns an alias. Aliases have no policy of their own: the caller's account
// decides by its identity policies.
func needAlias(c *access.Call, action, name string) access.Need {
	return access.Need{Action: action, Resource: aliasARN(c.Principal.Account, c.Region, name), Owner: c.Principal.Account,
		Facts: &facts{call: c}}
}
