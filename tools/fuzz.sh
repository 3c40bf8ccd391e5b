#!/bin/sh
# Runs every fuzz target of every package, each for the time given (such as 30s).
set -eu
time=${1:-30s}
go list ./... | while read -r pkg; do
	go test -list '^Fuzz' "$pkg" </dev/null | grep '^Fuzz' | while read -r target; do
		echo "== $pkg $target"
		go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" "$pkg" </dev/null
	done
done
