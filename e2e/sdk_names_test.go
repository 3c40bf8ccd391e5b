package e2e

import (
	"fmt"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// TestSDKKeyNames: a key can be named by id, ARN, alias and alias ARN where AWS takes them, and a moved or deleted alias is
// in force for the next call.
func TestSDKKeyNames(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c, ctx := s.kms(), t.Context()
	key, other := newKey(t, c), newKey(t, c)
	alias := "alias/app/main"
	aliasARN := "arn:aws:kms:us-east-1:" + account + ":" + alias
	must(c.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: &alias, TargetKeyId: key.Arn}))(t)
	for _, name := range []string{*key.KeyId, *key.Arn, alias, aliasARN} {
		out := must(c.Encrypt(ctx, &kms.EncryptInput{KeyId: &name, Plaintext: []byte(name)}))(t)
		if *out.KeyId != *key.Arn {
			t.Errorf("Encrypt under %s says %s", name, *out.KeyId)
		}
		back := must(c.Decrypt(ctx, &kms.DecryptInput{KeyId: &name, CiphertextBlob: out.CiphertextBlob}))(t)
		if string(back.Plaintext) != name || *back.KeyId != *key.Arn {
			t.Errorf("Decrypt under %s = %q, %s", name, back.Plaintext, *back.KeyId)
		}
		if m := must(c.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &name}))(t).KeyMetadata; *m.KeyId != *key.KeyId {
			t.Errorf("DescribeKey of %s = %s", name, *m.KeyId)
		}
	}
	_, err := c.DisableKey(ctx, &kms.DisableKeyInput{KeyId: &alias}) // takes ids and key ARNs only
	raises[*types.NotFoundException]("Invalid keyId '"+alias+"'")(t, err)

	must(c.UpdateAlias(ctx, &kms.UpdateAliasInput{AliasName: &alias, TargetKeyId: other.KeyId}))(t)
	if out := must(c.Encrypt(ctx, &kms.EncryptInput{KeyId: &alias, Plaintext: []byte("x")}))(t); *out.KeyId != *other.Arn {
		t.Errorf("the moved alias still names %s", *out.KeyId)
	}
	of := must(c.ListAliases(ctx, &kms.ListAliasesInput{KeyId: other.KeyId}))(t)
	if len(of.Aliases) != 1 || *of.Aliases[0].AliasArn != aliasARN || *of.Aliases[0].TargetKeyId != *other.KeyId ||
		of.Aliases[0].LastUpdatedDate.Before(*of.Aliases[0].CreationDate) {
		t.Errorf("ListAliases of the key = %+v", of.Aliases)
	}
	must(c.DeleteAlias(ctx, &kms.DeleteAliasInput{AliasName: &alias}))(t)
	_, err = c.Encrypt(ctx, &kms.EncryptInput{KeyId: &alias, Plaintext: []byte("x")})
	raises[*types.NotFoundException]("Alias "+aliasARN+" is not found.")(t, err)
}

// TestSDKPaging: every list comes whole and without repetition through the SDK's paginators, whatever the page size.
func TestSDKPaging(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c, ctx := s.kms(), t.Context()
	var keys, aliases, tags []string
	for i := range 7 {
		key := newKey(t, c)
		keys = append(keys, *key.KeyId)
		aliases = append(aliases, fmt.Sprintf("alias/a%d", i))
		must(c.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: &aliases[i], TargetKeyId: key.KeyId}))(t)
		tags = append(tags, fmt.Sprintf("tag %d", i))
		must(c.TagResource(ctx, &kms.TagResourceInput{KeyId: &keys[0], Tags: []types.Tag{{TagKey: &tags[i], TagValue: aws.String("v")}}}))(t)
	}
	slices.Sort(keys)
	for limit := int32(1); limit <= 8; limit++ {
		var got []string
		pages := 0
		for p := kms.NewListKeysPaginator(c, &kms.ListKeysInput{Limit: &limit}); p.HasMorePages(); pages++ {
			for _, k := range must(p.NextPage(ctx))(t).Keys {
				got = append(got, *k.KeyId)
			}
		}
		slices.Sort(got)
		samePages(t, "ListKeys", limit, pages, got, keys)
		got, pages = nil, 0
		for p := kms.NewListAliasesPaginator(c, &kms.ListAliasesInput{Limit: &limit}); p.HasMorePages(); pages++ {
			for _, a := range must(p.NextPage(ctx))(t).Aliases {
				got = append(got, *a.AliasName)
			}
		}
		samePages(t, "ListAliases", limit, pages, got, aliases)
		got, pages = nil, 0
		for p := kms.NewListResourceTagsPaginator(c, &kms.ListResourceTagsInput{KeyId: aws.String(taggedKey(t, c)), Limit: &limit}); p.HasMorePages(); pages++ {
			for _, tag := range must(p.NextPage(ctx))(t).Tags {
				got = append(got, *tag.TagKey)
			}
		}
		samePages(t, "ListResourceTags", limit, pages, got, tags)
	}
	_, err := c.ListKeys(ctx, &kms.ListKeysInput{Marker: aws.String("nonsense")})
	raises[*types.InvalidMarkerException]("Invalid marker: nonsense")(t, err)
}

// taggedKey gives the key that alias/a0 names.
func taggedKey(t *testing.T, c *kms.Client) string {
	t.Helper()
	return *must(c.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: aws.String("alias/a0")}))(t).KeyMetadata.KeyId
}

func samePages(t *testing.T, what string, limit int32, pages int, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s by %d: %v, want %v", what, limit, got, want)
	}
	if least := (len(want) + int(limit) - 1) / int(limit); pages != least {
		t.Errorf("%s by %d took %d pages, want %d", what, limit, pages, least)
	}
}

// TestSDKTags: tags are added, replaced and removed.
func TestSDKTags(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c, ctx := s.kms(), t.Context()
	key := newKey(t, c)
	tag := func(k, v string) types.Tag { return types.Tag{TagKey: &k, TagValue: &v} }
	must(c.TagResource(ctx, &kms.TagResourceInput{KeyId: key.KeyId, Tags: []types.Tag{tag("a", "1"), tag("b", "2"), tag("c", "")}}))(t)
	must(c.TagResource(ctx, &kms.TagResourceInput{KeyId: key.KeyId, Tags: []types.Tag{tag("b", "22")}}))(t)
	must(c.UntagResource(ctx, &kms.UntagResourceInput{KeyId: key.KeyId, TagKeys: []string{"a", "not there"}}))(t)
	var got []string
	for _, tag := range must(c.ListResourceTags(ctx, &kms.ListResourceTagsInput{KeyId: key.KeyId}))(t).Tags {
		got = append(got, *tag.TagKey+"="+*tag.TagValue)
	}
	if !slices.Equal(got, []string{"b=22", "c="}) {
		t.Errorf("tags = %v", got)
	}
}

// TestSDKRegions: the regions served at one endpoint share nothing but the account.
func TestSDKRegions(t *testing.T) {
	t.Parallel()
	s := newServer(t, "--region", "eu-central-1", "--region", "us-west-2")
	ctx := t.Context()
	east, west := kms.NewFromConfig(s.config("eu-central-1")), kms.NewFromConfig(s.config("us-west-2"))
	key := newKey(t, east)
	if want := "arn:aws:kms:eu-central-1:" + account + ":key/" + *key.KeyId; *key.Arn != want {
		t.Errorf("ARN = %s, want %s", *key.Arn, want)
	}
	alias := aws.String("alias/same")
	must(east.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: alias, TargetKeyId: key.KeyId}))(t)
	must(west.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: alias, TargetKeyId: newKey(t, west).KeyId}))(t)
	blob := encrypt(t, east, *key.KeyId, "east")
	if n := len(must(west.ListKeys(ctx, &kms.ListKeysInput{}))(t).Keys); n != 1 {
		t.Errorf("%d keys in the other region, want its one", n)
	}
	_, err := west.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: key.KeyId})
	raises[*types.NotFoundException]("Key 'arn:aws:kms:us-west-2:"+account+":key/"+*key.KeyId+"' does not exist")(t, err)
	_, err = west.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: key.Arn})
	raises[*types.NotFoundException]("Invalid arn eu-central-1")(t, err)
	_, err = west.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: blob})
	fails("AccessDeniedException", "The ciphertext refers to a customer master key that does not exist, does not exist in this region, "+
		"or you are not allowed to access.")(t, err)
	decrypts(t, east, blob, "east")
	_, err = kms.NewFromConfig(s.config("us-east-1")).ListKeys(ctx, &kms.ListKeysInput{})
	fails("InvalidSignatureException", "Credential should be scoped to a valid region, not 'us-east-1'. ")(t, err)
	// STS is global too: us-east-1 is its region whatever the server's are.
	must(sts.NewFromConfig(s.config("us-east-1")).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{}))(t)
	must(sts.NewFromConfig(s.config("us-west-2")).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{}))(t)
}
