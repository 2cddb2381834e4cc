#!/usr/bin/env bats
# SIGKILL of the broker and of hosts, at the worst moments.

load helpers

@test "the broker is killed while deliveries are in flight: nothing lost, nothing twice" {
	mode highways '{"mode": "slow", "delay": 600}'
	mode crm '{"mode": "slow", "delay": 600}'
	local n references=()
	for n in 1 2 3 4; do
		accepted Potholes "50$n" "$(title "Hole $n")"
		references+=("$REFERENCE")
	done
	wait_is 4 queue highways in_flight
	wait_is 4 queue crm in_flight
	broker_kill
	# the hosts live on, and their vendors' answers come while there is no broker
	mode highways '{"mode": "up"}'
	mode crm '{"mode": "up"}'
	wait_is 4 eval 'kept highways enquiry .number | wc -l'
	broker_start
	settle_down
	for n in "${references[@]}"; do
		equal "$(count highways enquiry "$n")" 1
		equal "$(count crm case "$n")" 1
	done
	equal "$(dead .id)" ''
	equal "$(status delivered)" 8
	equal "$(ph xref get service-request highways 2000001 --json | jq -r .canonical_id)" \
		"$(kept highways enquiry 'select(.number == 2000001) | .reference')"
}

@test "hosts are adopted by the next broker, not doubled" {
	local before after
	before=$(ph adapter ls --json | jq -s -c 'map({adapter, pid}) | sort_by(.adapter)')
	broker_kill
	broker_start
	after=$(ph adapter ls --json | jq -s -c 'map({adapter, pid}) | sort_by(.adapter)')
	equal "$after" "$before"
	accepted Potholes 510 "$(title 'A hole')"
	settle_down
	equal "$(count highways enquiry "$REFERENCE")" 1
}

@test "a POST while the broker is away is taken when it is back, or refused with 503" {
	accepted Tree 520 "$(title 'A tree')"
	broker_kill
	(
		post Tree 521 "$(title 'Another tree')"
		echo "$STATUS $REFERENCE" >"$WORK/answer"
	) &
	local poster=$!
	broker_start
	wait "$poster"
	[[ $(<"$WORK/answer") =~ ^(20[01]\ SR-|503) ]]
	accepted Tree 521 "$(title 'Another tree')"
	settle_down
	equal "$(count crm case "$REFERENCE")" 1
}

@test "every 2xx given just before a SIGKILL is kept" {
	local round n enough posters=()
	touch "$WORK/promised"
	for round in 1 2 3; do
		enough=$(($(wc -l <"$WORK/promised") + 3))
		for n in {1..8}; do
			(
				post Tree "53$round$n" "$(title "Tree $round $n")"
				[ "$STATUS" = 201 ] || [ "$STATUS" = 200 ] && echo "$REFERENCE" >>"$WORK/promised"
			) &
			posters+=($!)
		done
		wait_until eval '[ "$(wc -l <"$WORK/promised")" -ge "$enough" ]'
		broker_kill
		broker_start
	done
	wait "${posters[@]}"
	settle_down
	local reference
	for reference in $(sort -u "$WORK/promised"); do
		get "requests/$reference.xml"
		equal "$STATUS" 200
		equal "$(count crm case "$reference")" 1
	done
	[ "$(sort -u "$WORK/promised" | wc -l)" -ge 9 ]
}

@test "a host is killed with a delivery in flight: its outcome is unknown, the rest goes on" {
	mode highways '{"mode": "hang", "count": 1}'
	accepted Potholes 540 "$(title 'A hole')"
	wait_is 1 count highways enquiry "$REFERENCE"
	host_kill highways
	wait_is outcome-unknown dead .reason
	local held=$REFERENCE
	accepted Potholes 541 "$(title 'Another hole')"
	settle_down
	equal "$(count highways enquiry "$REFERENCE")" 1
	equal "$(count highways enquiry "$held")" 1
	equal "$(dead .reason)" outcome-unknown
}

@test "each host is killed while idle and takes up its work again" {
	host_kill crm
	host_kill highways
	host_kill waste
	host_kill open311
	wait_until services_answer
	accepted Potholes 550 "$(title 'A hole')"
	local first=$REFERENCE
	accepted Graffiti 551 "$(title 'A tag')"
	settle_down
	equal "$(count highways enquiry "$first")$(count waste worksheet "$REFERENCE")" 11
	tell highways status '{"number": 2000001, "code": "FIX"}'
	tell waste complete '{"id": 500001}'
	wait_is 2 eval 'kept crm change .record.status | wc -l'
}

@test "requests/ID and servicerequestupdates answer the same after SIGKILL of host and broker" {
	accepted Potholes 560 "$(title 'A hole' $'with \U1F407 & <more>')" -d first_name=Hyacinth
	settle_down
	tell highways status '{"number": 2000001, "code": "INP"}'
	tell highways status '{"number": 2000001, "code": "FIX"}'
	wait_is 2 update_count "$REFERENCE"
	settle_down
	local request list reference=$REFERENCE
	get "requests/$reference.xml"
	request=$BODY
	equal "$STATUS" 200
	list=$(updates 'sort_by(.update_id)')

	host_kill open311
	wait_until services_answer
	get "requests/$reference.xml"
	equal "$BODY" "$request"
	equal "$(updates 'sort_by(.update_id)')" "$list"

	broker_kill
	broker_start
	get "requests/$reference.xml"
	equal "$BODY" "$request"
	equal "$(updates 'sort_by(.update_id)')" "$list"

	broker_kill
	hosts_kill
	broker_start
	get "requests/$reference.xml"
	equal "$BODY" "$request"
	equal "$(updates 'sort_by(.update_id)')" "$list"
	grep -q '<status>closed</status>' <<<"$request"
}
