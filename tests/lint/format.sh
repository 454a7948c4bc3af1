#!/bin/bash
# format.sh [-i]: whether the C code is as clang-format leaves it, by .clang-format at the root of the tree; -i: makes it so.
set -euo pipefail
cd "$(dirname "$0")/../.."
if [[ ! -x .venv/bin/clang-format ]]; then
	echo 'not looked at: this version of clang-format comes with `make lint`, which installs it'
	exit 77
fi
mode=(--dry-run -Werror)
[[ ${1:-} != -i ]] || mode=(-i)
find base proto client-lib cli daemon tests -name '*.[ch]' -print0 | xargs -0 .venv/bin/clang-format "${mode[@]}"
