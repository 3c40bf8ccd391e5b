# What a user types: every operation by aws-cli, after `source ENV`. Usage: bash tour.sh ENV, in an empty folder.
set -euo pipefail
trap 'echo "tour.sh failed at line $LINENO: $BASH_COMMAND" >&2' ERR
source "$1"

want() { # want WHAT EXPECTED: compares standard input
	local got
	got=$(cat)
	[ "$got" = "$2" ] || { echo "tour.sh: $1 = '$got', want '$2'" >&2; exit 1; }
}
k() { aws kms --output text "$@"; }

aws sts get-caller-identity --query Account --output text | want account 111122223333

key=$(k create-key --description tour --tags TagKey=made,TagValue=here --query KeyMetadata.KeyId)
other=$(k create-key --query KeyMetadata.Arn)
arn=arn:aws:kms:$AWS_REGION:111122223333:key/$key
k describe-key --key-id "$key" --query 'KeyMetadata.[Arn,KeyState,Description]' | want 'described key' "$arn	Enabled	tour"
aws kms list-keys --query 'length(Keys)' | want 'number of keys' 2

k create-alias --alias-name alias/tour --target-key-id "$key"
k list-aliases --query 'Aliases[0].[AliasName,TargetKeyId]' | want alias "alias/tour	$key"

printf 'a secret\nof two lines' >plain
k encrypt --key-id alias/tour --plaintext fileb://plain --encryption-context app=tour --query CiphertextBlob | base64 -d >sealed
k decrypt --ciphertext-blob fileb://sealed --encryption-context app=tour --query Plaintext | base64 -d | cmp - plain
k re-encrypt --ciphertext-blob fileb://sealed --source-encryption-context app=tour --destination-key-id "$other" \
	--destination-encryption-context app=moved --query CiphertextBlob | base64 -d >moved
k decrypt --ciphertext-blob fileb://moved --encryption-context app=moved --query Plaintext | base64 -d | cmp - plain
if k decrypt --ciphertext-blob fileb://moved --encryption-context app=tour 2>error; then exit 1; fi
grep -q 'InvalidCiphertextException' error

k generate-data-key --key-id "$arn" --key-spec AES_256 --query '[Plaintext,CiphertextBlob]' >data
cut -f2 data | base64 -d >data.sealed
k decrypt --ciphertext-blob fileb://data.sealed --query Plaintext | want 'data key' "$(cut -f1 data)"
k generate-data-key-without-plaintext --key-id "$key" --number-of-bytes 64 --query KeyId | want 'key of the data key' "$arn"
k generate-random --number-of-bytes 32 --query Plaintext | base64 -d | wc -c | want 'random bytes' 32

k update-alias --alias-name alias/tour --target-key-id "$other"
k delete-alias --alias-name alias/tour
k tag-resource --key-id "$key" --tags TagKey=more,TagValue=later
k untag-resource --key-id "$key" --tag-keys made
k list-resource-tags --key-id "$key" --query 'Tags[].[TagKey,TagValue]' | want tags "more	later"
k update-key-description --key-id "$key" --description 'tour, continued'

k list-key-policies --key-id "$key" --query PolicyNames | want 'policy names' default
k get-key-policy --key-id "$key" --policy-name default --query Policy >policy
k put-key-policy --key-id "$key" --policy-name default --policy file://policy

k disable-key --key-id "$key"
k enable-key --key-id "$key"
k schedule-key-deletion --key-id "$key" --pending-window-in-days 7 --query KeyState | want 'state' PendingDeletion
k cancel-key-deletion --key-id "$key" --query KeyId | want 'key' "$arn"
k describe-key --key-id "$key" --query 'KeyMetadata.[KeyState,Description]' | want 'key at the end' "Disabled	tour, continued"
