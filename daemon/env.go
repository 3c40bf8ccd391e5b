package daemon

import (
	"fmt"
	"strings"

	"ostiary.dev/durable"
)

// credentials are what a client needs besides the endpoint.
type credentials struct {
	accessKeyID, secretAccessKey string
}

// oldClients is for aws-cli before 2.13 and 1.29, Debian 12's among them, which does not read AWS_ENDPOINT_URL and would
// call AWS itself.
const oldClients = `
# aws-cli before 2.13 (and 1.29) does not read AWS_ENDPOINT_URL: name the endpoint for it.
unset -f aws 2>/dev/null
case "$(aws --version 2>/dev/null)" in
aws-cli/2.[0-9].*|aws-cli/2.1[0-2].*|aws-cli/1.[0-9].*|aws-cli/1.1[0-9].*|aws-cli/1.2[0-8].*)
	aws() { command aws --endpoint-url "$AWS_ENDPOINT_URL" "$@"; } ;;
esac
`

// writeEnv writes the file that a shell sources to reach this daemon.
func (f *folder) writeEnv(endpoint, region string, c credentials) error {
	var b strings.Builder
	b.WriteString("# Source this file, then use any AWS client: it reaches the ostiary of this folder.\n")
	for _, v := range [][2]string{
		{"AWS_ENDPOINT_URL", endpoint},
		{"AWS_CA_BUNDLE", f.file(caFile)},
		{"AWS_ACCESS_KEY_ID", c.accessKeyID},
		{"AWS_SECRET_ACCESS_KEY", c.secretAccessKey},
		{"AWS_REGION", region},
		{"AWS_DEFAULT_REGION", region},
	} {
		fmt.Fprintf(&b, "export %s=%s\n", v[0], shellQuote(v[1]))
	}
	b.WriteString("unset AWS_SESSION_TOKEN AWS_PROFILE\n")
	b.WriteString(oldClients)
	return durable.WriteFile(f.file(envFile), []byte(b.String()), 0o600)
}

// shellQuote leaves plain words alone and quotes everything else for sh.
func shellQuote(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/:._-+=@%,", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
