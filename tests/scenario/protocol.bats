#!/usr/bin/env bats
# What doc/ says of bytes is enough to speak with the broker and to read its journal.

load helpers

setup() { :; }

@test "a whole session, spoken from doc/protocol.md alone" {
	site_plain
	"$PYTHON" -B "$ROOT/tests/decoder/session.py" "$RUN/control" test council.test.v1 | tee "$WORK/tap"
	grep -q '^1\.\.' "$WORK/tap"
	not grep '^not ok' "$WORK/tap"
	equal "$(status balance)" 0
	equal "$(status delivered)" 3
}
