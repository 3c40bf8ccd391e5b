#!/bin/sh
# Runs every fuzz target of every package, each for the time given (such as 30s). It ends with the first that fails.
set -eu
time=${1:-30s}
packages=$(go list ./...)
for pkg in $packages; do
	tests=$(go test -list '^Fuzz' "$pkg")
	for target in $(printf '%s\n' "$tests" | grep '^Fuzz' || true); do
		echo "== $pkg $target"
		go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" "$pkg"
	done
done
