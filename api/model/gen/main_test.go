package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestGeneratedCodeIsCurrent makes everything again and compares it with what is in the tree, so that neither a model
// nor the generator can change without its output, and no generated file can be edited or left behind.
func TestGeneratedCodeIsCurrent(t *testing.T) {
	const root = ".."
	packages, err := generate(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range packages {
		for name, want := range p.files {
			got, err := os.ReadFile(filepath.Join(root, p.dir, name))
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s/%s is not what the generator makes (run: go run ./api/model/gen): %v", p.dir, name, err)
			}
		}
		have, err := filepath.Glob(filepath.Join(root, p.dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range have {
			if _, ok := p.files[filepath.Base(path)]; !ok && !strings.HasSuffix(path, "_test.go") {
				t.Errorf("%s is not generated any more", path)
			}
		}
	}
}

func TestEnumOrder(t *testing.T) {
	tests := map[string]struct{ model, want string }{
		"KMS KeySpec, as answered in 2022": {
			"RSA_2048 RSA_3072 RSA_4096 ECC_NIST_P256 ECC_NIST_P384 ECC_NIST_P521 ECC_SECG_P256K1 SYMMETRIC_DEFAULT HMAC_224 HMAC_256 HMAC_384 HMAC_512",
			"RSA_2048 ECC_NIST_P384 ECC_NIST_P256 ECC_NIST_P521 HMAC_384 RSA_3072 ECC_SECG_P256K1 RSA_4096 SYMMETRIC_DEFAULT HMAC_256 HMAC_224 HMAC_512",
		},
		"DynamoDB ReturnValue":                 {"NONE ALL_OLD UPDATED_OLD ALL_NEW UPDATED_NEW", "ALL_NEW UPDATED_OLD ALL_OLD NONE UPDATED_NEW"},
		"DynamoDB ReturnConsumedCapacity":      {"INDEXES TOTAL NONE", "INDEXES TOTAL NONE"},
		"DynamoDB ReturnItemCollectionMetrics": {"SIZE NONE", "SIZE NONE"},
		"DynamoDB Select": {
			"ALL_ATTRIBUTES ALL_PROJECTED_ATTRIBUTES SPECIFIC_ATTRIBUTES COUNT", "SPECIFIC_ATTRIBUTES COUNT ALL_ATTRIBUTES ALL_PROJECTED_ATTRIBUTES",
		},
		"DynamoDB ScalarAttributeType": {"S N B", "B N S"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := enumOrder(strings.Fields(test.model))
			if diff := cmp.Diff(strings.Fields(test.want), got); diff != "" {
				t.Errorf("order (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNames(t *testing.T) {
	for _, test := range []struct{ got, want string }{
		{constant("KeySpec", "ECC_NIST_P256"), "KeySpecEccNistP256"},
		{constant("KeySpec", "SYMMETRIC_DEFAULT"), "KeySpecSymmetricDefault"},
		{constant("KeyState", "PendingDeletion"), "KeyStatePendingDeletion"},
		{constant("ContextKeyTypeEnum", "stringList"), "ContextKeyTypeEnumStringList"},
		{exported("statusType"), "StatusType"},
		{lowerCamel("KeyId"), "keyId"},
		{lowerCamel("SAMLAssertion"), "sAMLAssertion"},
	} {
		if test.got != test.want {
			t.Errorf("got %s, want %s", test.got, test.want)
		}
	}
}

func TestPattern(t *testing.T) {
	tests := map[string]string{
		`[0-9]{12}`:                        `Expr: "[0-9]{12}"`,
		`^[a-f0-9]+$`:                      `Low: [4]uint64{0x3ff000000000000, 0x7e00000000, 0x0, 0x0}}`,
		`[\w+=,.@-]*`:                      `Empty: true`,
		`[\u0020-\u00FF]+`:                 `Low: [4]uint64{0xffffffff00000000, 0xffffffffffffffff, 0xffffffffffffffff, 0xffffffffffffffff}`,
		`[\u0020-\uD7FF\u10000-\u10FFFF]+`: `High: [][2]rune{{0x100, 0xd7ff}, {0x10000, 0x10ffff}}`,
		`[\p{L}]+`:                         `Expr: "[\\p{L}]+"`,
		`^[a-z0-9]([a-z0-9]|-(?!-)){1,61}[a-z0-9]$`: `Without: "--"`,
	}
	for source, want := range tests {
		got, err := pattern(source)
		if err != nil || !strings.Contains(got, want) {
			t.Errorf("pattern(%s) = %s, %v; want %s in it", source, got, err, want)
		}
	}
	if _, err := pattern(`a(?!b)`); err == nil {
		t.Error("a lookahead that nobody translated is accepted")
	}
}
