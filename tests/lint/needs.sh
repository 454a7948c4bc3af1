#!/bin/bash
# needs.sh BUILD: which libraries the programs and the client library there need. The client's are those that every
# Debian has, since dpkg needs them too; and of each kind there is one: OpenSSL is the daemon's, libmd the client's.
set -u
build=${1:?the build directory}
bad=0

# refuse FILE PATTERN [-v]: it must need no library that the pattern matches; with -v none that it does not match
refuse() {
	local name
	while read -r name; do
		echo "$1: needs $name"
		bad=1
	done < <(readelf -d "$1" 2>/dev/null | sed -nE 's/.*\(NEEDED\).*\[(.*)\]/\1/p' | grep -E "${@:3}" "^($2)\.so\.")
}

for file in "$build"/secretstored "$build"/secretstorectl "$build"/libsecretstore.so; do
	readelf -d "$file" 2>/dev/null | grep -q NEEDED || { echo "$file: needs nothing, not even libc"; bad=1; }
done
refuse "$build/secretstored" 'libmd|libsecretstore'
refuse "$build/secretstorectl" 'libc|libz|libmd|ld-linux.*' -v
refuse "$build/libsecretstore.so" 'libc|libz|libmd|ld-linux.*' -v
exit $bad
