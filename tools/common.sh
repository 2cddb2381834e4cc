# shellcheck shell=bash
# common - what the check scripts share; sourced, not run.
#
# A check prints TAP: one point per rule, `not ok` with the offending places as comments.
# It reads the source tree it lies in, or PACKHORSE_SOURCE.

set -u
export LC_ALL=C
source_root=${PACKHORSE_SOURCE:-$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)}
cd "$source_root" || exit 1
points=0
failures=0

# sources PATTERN... : files of the tree by shell patterns, without what builds leave behind
sources() {
	# a release that lies unpacked inside some checkout is no part of it
	if [ "$(git rev-parse --show-toplevel 2> /dev/null)" = "$(pwd -P)" ]; then
		git ls-files --cached --others --exclude-standard -- "$@" |
			while IFS= read -r path; do
				[ -f "$path" ] && printf '%s\n' "$path"
			done | sort -u
	else
		local pattern
		for pattern in "$@"; do
			find . -path './build*' -prune -o -path './_*' -prune -o \
				-path './packhorse-*' -prune -o \
				-type f -name "${pattern##*/}" -print
		done | sed 's|^\./||' | sort -u
	fi
}

# point NAME TEXT : one TAP point, ok when TEXT (the places that break the rule) is empty
point() {
	points=$((points + 1))
	if [ -z "$2" ]; then
		printf 'ok %d - %s\n' "$points" "$1"
	else
		failures=$((failures + 1))
		printf 'not ok %d - %s\n' "$points" "$1"
		printf '%s\n' "$2" | sed 's/^/# /'
	fi
}

# skip_all WHY : nothing can be checked here
skip_all() {
	printf '1..0 # SKIP %s\n' "$1"
	exit 0
}

# finish : the plan, and the exit status
finish() {
	printf '1..%d\n' "$points"
	[ "$failures" -eq 0 ]
	exit
}
