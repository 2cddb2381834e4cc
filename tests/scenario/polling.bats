#!/usr/bin/env bats
# What was polled once is not published again, whoever was killed in between.

load helpers

polls() { curl -s "http://127.0.0.1:$CONTROL_highways/_sim/state" | jq .calls.up; }

# windows FILTER: those asked for, through a filter of jq.
windows() {
	curl -s "http://127.0.0.1:$CONTROL_highways/_sim/state" | jq -r ".windows | $1"
}

# some_polls N: until N more calls have come to the highways system.
some_polls() {
	local goal=$(($(polls) + $1))
	wait_until eval "[ \"\$(polls)\" -ge $goal ]"
}

@test "a status that was polled is not published again" {
	accepted Potholes 601 "$(title 'A hole')"
	settle_down
	tell highways status '{"number": 2000001, "code": "INP"}'
	wait_is 1 count crm change "$REFERENCE"
	local accepted
	some_polls 3 # the windows overlap: it is in each answer
	settle_down
	accepted=$(status accepted)

	host_kill highways
	some_polls 2
	broker_kill
	broker_start
	some_polls 2
	broker_kill
	hosts_kill
	broker_start
	some_polls 2
	settle_down
	equal "$(status accepted)" "$accepted"
	equal "$(count crm change "$REFERENCE")" 1
	equal "$(update_count "$REFERENCE")" 1
}

@test "the poll goes on from where it was, not from the beginning" {
	accepted Potholes 602 "$(title 'A hole')"
	settle_down
	tell highways status '{"number": 2000001, "code": "INP"}'
	wait_is 1 count crm change "$REFERENCE"
	some_polls 2
	broker_kill # a clean stop would write down in a checkpoint what the journal does not have
	hosts_kill
	local before since
	before=$(windows length)
	broker_start
	some_polls 2
	# the first window after the start reaches back by the overlap, not by a day
	since=$(windows ".[$before].since")
	[ "$(($(date +%s) - $(date -d "$since" +%s)))" -lt 600 ]
}

@test "statuses that came while the vendor, the host and the broker were away are fetched" {
	accepted Potholes 603 "$(title 'A hole')"
	settle_down
	broker_kill
	hosts_kill
	tell highways status '{"number": 2000001, "code": "INP"}'
	vendor_end highways KILL
	vendor_start highways
	tell highways status '{"number": 2000001, "code": "FIX"}'
	broker_start
	wait_is 2 count crm change "$REFERENCE"
	settle_down
	equal "$(kept crm change .record.status | tr '\n' ,)" 'in progress,resolved,'
}
