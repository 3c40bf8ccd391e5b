#!/bin/sh
# Installs the Debian packages that a step needs and that are missing: build, run, test.
set -eu

missing=
want() { missing="$missing $*"; }

have() { command -v "$1" >/dev/null 2>&1; }

# aws and boto3 may come from elsewhere than Debian; any that work will do.
have_boto3() { python3 -c 'import boto3' 2>/dev/null || /usr/bin/python3 -c 'import boto3' 2>/dev/null; }

for step in "$@"; do
	case $step in
	build)
		have go || { echo "need.sh: Go 1.26 is not installed: see https://go.dev/doc/install" >&2; exit 1; }
		[ -e /etc/ssl/certs/ca-certificates.crt ] || want ca-certificates # for Go's module proxy
		have gcc || want gcc
		echo '#include <dlfcn.h>' | gcc -E - >/dev/null 2>&1 || want libc6-dev
		;;
	run)
		found=${OSTIARY_SOFTHSM_LIBRARY:-}
		for lib in /usr/lib*/softhsm/libsofthsm2.so /usr/lib/*/softhsm/libsofthsm2.so /usr/lib*/pkcs11/libsofthsm2.so \
			/usr/local/lib/softhsm/libsofthsm2.so; do # as package softhsm finds it
			[ ! -e "$lib" ] || found=$lib
		done
		[ -n "$found" ] || want softhsm2
		;;
	test)
		have aws || want awscli
		have_boto3 || want python3-boto3
		;;
	*) echo "need.sh: unknown step $step" >&2; exit 2 ;;
	esac
done

[ -n "$missing" ] || exit 0
have apt-get || { echo "need.sh: install these packages first:$missing" >&2; exit 1; }
root=
[ "$(id -u)" = 0 ] || root=sudo
echo "need.sh: installing$missing" >&2
export DEBIAN_FRONTEND=noninteractive
$root apt-get update -qq >/dev/null
# shellcheck disable=SC2086 # a list
$root apt-get install -y -qq --no-install-recommends $missing >/dev/null
