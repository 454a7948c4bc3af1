#!/bin/bash
# hardening.sh BUILD: the programs and the library there carry what the hardening flags are for.
set -u
build=${1:?the build directory}
bad=0

# wants FILE WHAT COMMAND...: the command must succeed
wants() {
	"${@:3}" >/dev/null 2>&1 || { echo "$1: $2"; bad=1; }
}

has() {
	readelf -W "$1" "$2" | grep -qE "$3"
}

stack_is_not_executable() {
	readelf -Wl "$1" | grep -qE 'GNU_STACK .* RW '
}

for file in "$build"/secretstored "$build"/secretstorectl "$build"/libsecretstore.so; do
	wants "$file" 'is not position-independent' has -h "$file" 'Type: +DYN'
	wants "$file" 'has no read-only relocations' has -l "$file" GNU_RELRO
	wants "$file" 'binds lazily' has -d "$file" 'BIND_NOW|FLAGS.*NOW'
	wants "$file" 'has an executable stack' stack_is_not_executable "$file"
	wants "$file" 'has no stack protector' has -s "$file" __stack_chk_fail
done
wants "$build/secretstored" 'is not fortified' has -s "$build/secretstored" '__[a-z]+_chk'
# Debian's start-up objects lack the mark, so that the linker drops it from the programs: the code itself has it.
if [[ $(uname -m) == x86_64 ]]; then
	for file in "$build"/obj/daemon/main.o "$build"/obj/libsecretstore.o; do
		wants "$file" 'has no control-flow protection' has -n "$file" 'IBT, SHSTK'
	done
fi
exit $bad
