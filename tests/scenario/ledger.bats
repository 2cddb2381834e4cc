#!/usr/bin/env bats
# The ledger is a view: deleted or spoilt, it is built again from the journal, equal.

load helpers

# everything that the ledger answers, without what changes by itself
answers() {
	local reference
	for reference in $(kept crm case .reference | sort); do
		ph case show "$reference" --json
	done
	ph xref get service-request highways 2000001 --json
	ph xref get service-request waste 500001 --json
	ph dead ls --json
}

fill() {
	accepted Potholes 901 "$(title 'A hole')"
	accepted Graffiti 902 "$(title 'A tag')"
	mode crm '{"mode": "fault", "kind": "client", "count": 1}'
	accepted Tree 903 "$(title 'A tree')"
	wait_until eval '[ -n "$(dead .id)" ]'
	settle_down
	tell highways status '{"number": 2000001, "code": "FIX"}'
	tell waste complete '{"id": 500001}'
	wait_is 2 eval 'kept crm change .id | wc -l'
	settle_down
}

ledger() { find "$WORK/state" -name '*.sqlite*' -o -name '*ledger*' -type f; }

@test "the ledger is deleted and built again equal" {
	fill
	answers >"$WORK/before"
	broker_stop
	[ -n "$(ledger)" ]
	ledger | xargs rm
	broker_start
	wait_until eval 'answers >"$WORK/after" 2>&1 && cmp -s "$WORK/before" "$WORK/after"' ||
		diff "$WORK/before" "$WORK/after"
	equal "$(status balance)" 0
	accepted Potholes 901 "$(title 'A hole')"
	settle_down
	equal "$(count highways enquiry "$REFERENCE")" 1
}

@test "a spoilt ledger is no reason to stop" {
	fill
	answers >"$WORK/before"
	broker_kill
	ledger | while read -r file; do
		dd if=/dev/urandom of="$file" bs=1k count=8 conv=notrunc status=none
	done
	broker_start
	wait_until eval 'answers >"$WORK/after" 2>&1 && cmp -s "$WORK/before" "$WORK/after"' ||
		diff "$WORK/before" "$WORK/after"
	tell highways status '{"number": 2000001, "code": "DUP"}'
	wait_is 3 eval 'kept crm change .id | wc -l'
}

@test "a copy of the ledger is written for people to query, without bodies" {
	fill
	run ph ledger snapshot "$WORK/copy.sqlite" --json
	equal "$status" 0
	[ "$(jq .record <<<"$output")" -gt 0 ]
	equal "$(jq -r .file <<<"$output")" "$WORK/copy.sqlite"
	equal "$(stat -c %a "$WORK/copy.sqlite")" 600
	equal "$(/usr/bin/python3 - "$WORK/copy.sqlite" <<-'EOF'
		import sqlite3, sys
		db = sqlite3.connect("file:" + sys.argv[1] + "?mode=ro&immutable=1", uri=True)
		print(db.execute("select count(*) from xref where system = 'highways'").fetchone()[0],
		      db.execute("select count(*) from dead").fetchone()[0])
	EOF
	)" '1 1'
	equal "$(grep -c 'A hole' "$WORK/copy.sqlite")" 0
	run ph ledger snapshot "$WORK/copy.sqlite"
	equal "$status" 1
	[[ $output == *PH5346* ]]
	run ph ledger snapshot /nowhere/copy.sqlite
	equal "$status" 1
	[[ $output == *PH5346* ]]
}

@test "the status tells of the last checkpoint, and a start reads it" {
	fill
	answers >"$WORK/before"
	broker_stop
	broker_start
	[ "$(status checkpoint)" -ge 1 ]
	[ "$(status checkpoint_position)" -gt 0 ]
	[ "$(status checkpoint_age_s)" -lt 100 ]
	wait_until eval '[ "$(status ledger)" = current ]'
	ph status | grep -q '^checkpoint'
	ph status | grep -qE '^  position +[0-9]{10}@[0-9]+$'
	wait_until eval 'answers >"$WORK/after" 2>&1 && cmp -s "$WORK/before" "$WORK/after"' ||
		diff "$WORK/before" "$WORK/after"
	equal "$(status balance)" 0
}
