#!/bin/bash
# exports.sh LIBRARY [MAP [HEADER]]: the shared client library exports exactly the functions that its symbol map names,
# all of them ss_..., which are those of the public header.
set -u
library=${1:?the shared library}
map=${2:-client-lib/libsecretstore.map}
header=${3:-client-lib/secretstore.h}
bad=0
export LC_ALL=C

# complain TEXT NAMES: one line for each name, if there are any
complain() {
	[[ -z $2 ]] || { while read -r name; do echo "$library: $name: $1"; done <<<"$2"; bad=1; }
}

for file in "$library" "$map" "$header"; do
	[[ -r $file ]] || { echo "$file: cannot be read"; exit 1; }
done

# "ss_get@@LIBSECRETSTORE_0" without its version; the version's own symbol is of type A
exported=$(nm -D --defined-only "$library" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort -u)
mapped=$(sed 's,/\*.*\*/,,' "$map" | grep -oE '^[[:space:]]+ss_[a-z0-9_]+;' | tr -d ' \t;' | sort -u)
declared=$(grep -E '^[a-z].*[ *]ss_[a-z0-9_]+\(' "$header" | grep -v '^typedef' | grep -oE 'ss_[a-z0-9_]+\(' | tr -d '(' | sort -u)
unversioned=$(nm -D --defined-only "$library" | awk '$2 != "A" { print $3 }' | grep -v '@@LIBSECRETSTORE_' | sort -u)

[[ -n $mapped ]] || { echo "$map: names nothing"; bad=1; }
complain 'is exported but not ss_...' "$(grep -v '^ss_' <<<"$exported")"
complain 'is exported but not in the map' "$(comm -23 <(echo "$exported") <(echo "$mapped"))"
complain 'is in the map but not exported' "$(comm -13 <(echo "$exported") <(echo "$mapped"))"
complain 'is in the map but not in the header' "$(comm -23 <(echo "$mapped") <(echo "$declared"))"
complain 'is in the header but not in the map' "$(comm -13 <(echo "$mapped") <(echo "$declared"))"
complain 'has no version' "$unversioned"
exit $bad
