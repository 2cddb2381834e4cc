#!/usr/bin/env bats
# Processes that are there twice, that cannot start, and that are switched off.

load helpers

teardown() {
	[ -z "${SQUATTER:-}" ] || kill "$SQUATTER" 2>/dev/null || true
	site_down
}

@test "a second broker on the same state refuses, and the first goes on" {
	local second=0
	timeout 60 "$PACKHORSED" -c "$WORK/site" >"$WORK/second" 2>&1 || second=$?
	[ "$second" -gt 0 ]
	[ "$second" -ne 124 ]
	grep -q "PH5001" "$WORK/second"
	grep -q "$BROKER" "$WORK/second"
	not grep -q Sanitizer "$WORK/second"
	accepted Potholes 2001 "$(title 'A hole')"
	settle_down
	equal "$(count highways enquiry "$REFERENCE")" 1
	equal "$(ph status --json | jq .pid)" "$BROKER"
}

# refusals: how often a host has ended because of its port.
refusals() { grep -c 'host-failed.*PH4113' "$WORK/packhorsed.log"; }

@test "an adapter whose port is taken says so, the others work, and it comes when the port is free" {
	local tries
	broker_stop
	"$PYTHON" -c 'import socket, sys, time
s = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("there", flush=True)
time.sleep(600)' "$PORT_hook" >"$WORK/squatter" 3>&- &
	SQUATTER=$!
	wait_until grep -q there "$WORK/squatter"
	broker_launch
	wait_until services_answer
	wait_until eval 'ph adapter ls --json | jq -r "select(.adapter == \"waste\") | .last_error" | grep -q "PH4"'
	grep -q 'PH4113' "$WORK/packhorsed.log"
	accepted Graffiti 2002 "$(title 'A tag')"
	wait_is 1 count crm case "$REFERENCE"
	equal "$(queue waste ready)" 1
	wait_is down queue waste state # now and then it is tried
	tries=$(refusals)
	wait_until eval '(($(refusals) >= tries + 2))' # with a delivery at hand, too
	equal "$(queue waste ready)" 1
	kill "$SQUATTER"
	wait_until adapters_up
	settle_down
	equal "$(count waste worksheet "$REFERENCE")" 1
}

@test "an adapter that is switched off keeps its messages" {
	broker_stop
	echo 'enabled: no' >>"$WORK/site/adapters/crm.yaml"
	broker_launch
	wait_until services_answer
	accepted Tree 2003 "$(title 'A tree')"
	equal "$(ph adapter ls --json | jq -r 'select(.adapter == "crm") | .state')" disabled
	equal "$(queue crm ready)" 1
	equal "$(status balance)" 0
	sed -i '/^enabled/d' "$WORK/site/adapters/crm.yaml"
	reload
	settle_down
	equal "$(count crm case "$REFERENCE")" 1
}

@test "a host that is killed again and again is started again, and what it held is sent once" {
	local n
	for n in 1 2; do
		accepted Tree "201$n" "$(title 'A tree')"
		host_kill crm
	done
	accepted Tree 2013 "$(title 'A tree')"
	wait_is 0 pending
	equal "$(status balance)" 0
	# what was in flight when it died may be held, but nothing was sent twice
	equal "$(kept crm case .reference | sort | uniq -d)" ''
	equal "$(($(kept crm case .id | wc -l) + $(dead 'select(.reason != "outcome-unknown") | .id' | wc -l)))" \
		"$(kept crm case .reference | sort -u | wc -l)"
	[ "$(ph adapter ls --json | jq 'select(.adapter == "crm") | .restarts')" -ge 2 ]
}

@test "a stop ends every host, and leaves nothing on its way" {
	accepted Potholes 2020 "$(title 'A hole')"
	broker_stop
	equal "$("$PYTHON" "$ROOT/demo/parts.py" orphans "$RUN")" ''
	grep -q ' stopped ' "$WORK/packhorsed.log"
	broker_start
	settle_down
	equal "$(count highways enquiry "$REFERENCE")" 1
	equal "$(dead .id)" ''
}

@test "a delivery that comes together with the stop is given back" {
	local pid
	pid=$(host_pid highways)
	kill -STOP "$pid"
	accepted Potholes 2021 "$(title 'A hole')"
	wait_is 1 queue highways in_flight
	kill -TERM "$BROKER"
	wait_until grep -q ' stopping ' "$WORK/packhorsed.log"
	kill -CONT "$pid"
	broker_stop
	broker_start
	settle_down
	equal "$(count highways enquiry "$REFERENCE")" 1
	equal "$(dead .id)" ''
	equal "$(status balance)" 0
}
