#!/usr/bin/env bats
# A vendor's system is away for a while: reports are taken, others go on, nothing is lost or sent
# twice.

load helpers

@test "the waste system is down: reports are taken, the others get theirs" {
	mode waste '{"mode": "down"}'
	local n references=()
	for n in 1 2 3 4 5; do
		accepted Graffiti "20$n" "$(title "Tag $n")"
		references+=("$REFERENCE")
	done
	accepted Potholes 206 "$(title 'A hole')"
	wait_is 1 count highways enquiry "$REFERENCE"
	wait_is 6 eval 'kept crm case .id | wc -l'
	[ "$(queue waste dead)" = 0 ]
	equal "$(queue waste 'ready + .in_flight + .held')" 5
	wait_until eval '[ -n "$(queue waste last_error)" ] && [ "$(queue waste last_error)" != null ]'
	equal "$(status balance)" 0

	mode waste '{"mode": "up"}'
	settle_down
	for n in "${references[@]}"; do
		equal "$(count waste worksheet "$n")" 1
	done
	equal "$(dead .id)" ''
}

@test "503 and faults of the server are tried again" {
	mode highways '{"mode": "down", "how": "503", "on": "send", "count": 2}'
	mode crm '{"mode": "fault", "count": 2}'
	accepted Potholes 210 "$(title 'A hole')"
	settle_down
	equal "$(count highways enquiry "$REFERENCE")" 1
	equal "$(count crm case "$REFERENCE")" 1
	mode highways '{"mode": "fault", "count": 2}'
	accepted Potholes 211 "$(title 'Another hole')"
	settle_down
	equal "$(count highways enquiry "$REFERENCE")" 1
	equal "$(dead .id)" ''
}

@test "a slow vendor is waited for, and delays nobody else" {
	mode highways '{"mode": "slow", "delay": 600, "count": 1}'
	accepted Potholes 220 "$(title 'A hole')"
	wait_is 1 count crm case "$REFERENCE"
	equal "$(count highways enquiry "$REFERENCE" 2>/dev/null || echo 0)" 0
	mode highways '{"mode": "up"}'
	settle_down
	equal "$(count highways enquiry "$REFERENCE")" 1
}

@test "a vendor is killed and comes back: everything goes on from its file" {
	accepted Potholes 230 "$(title 'A hole')"
	settle_down
	local first=$REFERENCE
	vendor_end highways KILL
	vendor_end crm KILL
	accepted Potholes 231 "$(title 'Another hole')"
	vendor_start highways
	vendor_start crm
	settle_down
	equal "$(count highways enquiry "$first")$(count crm case "$first")" 11
	equal "$(count highways enquiry "$REFERENCE")$(count crm case "$REFERENCE")" 11
	equal "$(kept highways enquiry .number | tr '\n' ' ')" '2000001 2000002 '
	tell highways status '{"number": 2000001, "code": "FIX"}'
	wait_is 1 count crm change "$first"
}
