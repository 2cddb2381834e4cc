#!/usr/bin/env bats
# Disks that lie, and disks that are full.

load helpers

teardown() {
	if mountpoint -q "$WORK/state"; then
		broker_stop
		hosts_kill TERM
		umount "$WORK/state"
	fi
	site_down
}

segment() { echo "$WORK/state/journal/0000000001.segment"; }

# flip OFFSET: turn one bit of a byte of the journal around; twice leaves it as it was.
flip() {
	"$PYTHON" - "$(segment)" "$1" <<-'PY'
		import sys
		with open(sys.argv[1], "r+b") as file:
		    file.seek(int(sys.argv[2]))
		    byte = file.read(1)
		    file.seek(-1, 1)
		    file.write(bytes([byte[0] ^ 0x10]))
	PY
}

@test "a damaged journal is named, nothing is deleted, and nothing is started with it" {
	accepted Potholes 2201 "$(title 'Zanzibarium')"
	local reference=$REFERENCE place before code=0
	accepted Potholes 2202 "$(title 'Another')"
	settle_down
	broker_stop
	place=$(grep -abo Zanzibarium "$(segment)" | head -1 | cut -d: -f1)
	flip "$place"
	before=$(cat "$WORK"/state/journal/*.segment | sha256sum)
	timeout 60 "$PACKHORSED" -c "$WORK/site" >"$WORK/said" 2>&1 || code=$?
	[ "$code" -gt 0 ]
	[ "$code" -lt 99 ]
	grep -qE '^journal 0000000001@[0-9]+: PH5002 ' "$WORK/said"
	not grep -q Zanzibarium "$WORK/said"
	equal "$(cat "$WORK"/state/journal/*.segment | sha256sum)" "$before"
	equal "$("$PYTHON" "$ROOT/demo/parts.py" orphans "$RUN")" ''
	# an independent reader names the same place
	"$PYTHON" -B "$ROOT/tests/decoder/journal.py" "$WORK/state/journal" >"$WORK/out" 2>"$WORK/damaged" || true
	grep -q '^damaged 0000000001.segment@' "$WORK/damaged"
	local where
	where=$(sed -n 's/^damaged 0000000001.segment@\([0-9]*\):.*/\1/p' "$WORK/damaged" | head -1)
	grep -q "$where" "$WORK/said"

	flip "$place"
	broker_start
	settle_down
	equal "$(count highways enquiry "$reference")" 1
	get "requests/$reference.xml"
	equal "$STATUS" 200
}

# events FROM TO: events for the queue "test", each synced by itself.
events() {
	local n
	for n in $(seq "$1" "$2"); do
		echo "{\"specversion\":\"1.0\",\"id\":\"e-$n\",\"source\":\"urn:x\",\"type\":\"council.test.v1\",\"data\":{\"x\":\"Marker$n\"}}" |
			ph message publish - >>"$WORK/told"
	done
}

# plain: no adapters, no hosts, and a broker with a queue "test".
plain() {
	broker_stop
	hosts_kill TERM
	site_plain
	: >"$WORK/told"
}

# past_damage OPTION: start with it.
past_damage() {
	"$PACKHORSED" -c "$WORK/site" "$1" >>"$WORK/packhorsed.log" 2>&1 3>&- &
	BROKER=$!
	wait_until broker_answers
}

# refused: a start as usual fails, with the code, and names a place.
refused() {
	local code=0
	timeout 60 "$PACKHORSED" -c "$WORK/site" >"$WORK/said" 2>&1 || code=$?
	equal "$code" 70
	grep -qE '^journal 0000000001@[0-9]+: PH5002 1 damaged range: ' "$WORK/said"
}

place_of() { grep -abo "$1" "$(segment)" | head -1 | cut -d: -f1; }

@test "past damage: the cure of PH5002 goes as it says, and all but what is damaged is delivered" {
	plain
	events 1 6
	broker_stop
	local place byte option
	place=$(place_of Marker3)
	flip "$place"
	byte=$(od -An -tx1 -j "$place" -N 1 "$(segment)")
	refused
	# what the cure says
	option=$(ph errors PH5002 | grep -o -- '--past-damage' | head -1)
	cp -a "$WORK/state" "$WORK/aside"
	past_damage "$option"
	grep -q ' error journal-damaged range=journal 0000000001@' "$WORK/packhorsed.log"
	grep -q ' warn journal-past-damage ranges=1 records=1 ' "$WORK/packhorsed.log"
	equal "$(queue test ready)" 6
	equal "$(ph queue peek test --json | jq -rs 'map(.message_id // "?") | join(" ")')" 'e-1 e-2 ? e-4 e-5 e-6'
	ph message tail --queue test --settle --count 5 --timeout 60 >"$WORK/out"
	equal "$(grep -o 'Marker[0-9]' "$WORK/out" | sort | tr '\n' ' ')" 'Marker1 Marker2 Marker4 Marker5 Marker6 '
	wait_is 1 queue test dead
	equal "$(ph dead ls --json | jq -r '.stage + " " + .reason')" 'store damaged'
	ph dead show test/3 | grep -q 'PH5002 the journal is damaged'
	equal "$(status '| [.balance, .dead, .delivered, .pending, .lost_messages, .journal_damaged, .lost_records] | join(" ")')" \
		'0 1 5 0 0 1 1'
	# it goes on telling
	run ph status
	equal "$status" 0
	[[ $output == *'The journal is damaged'* ]]
	run ph journal verify --state "$WORK/state"
	equal "$status" 1
	[[ $output == *'damaged ranges 1,'* ]]
	# nothing is mended, and what was on the disk is there
	equal "$(od -An -tx1 -j "$place" -N 1 "$(segment)")" "$byte"
	broker_stop
	refused
	# when the file is brought back, the dead letter can be delivered after all
	flip "$place"
	broker_launch
	wait_until broker_answers
	equal "$(status journal_damaged)" 0
	ph status >"$WORK/out"
	ph dead replay --all --yes --queue test >"$WORK/out"
	ph message tail --queue test --settle --count 1 --timeout 60 >"$WORK/out"
	grep -q Marker3 "$WORK/out"
	wait_is 0 status balance
}

@test "past damage: acceptances that are lost are named, and can be sent again" {
	plain
	events 1 6
	broker_kill
	flip "$(place_of Marker3)"
	refused
	past_damage --past-damage
	grep -q ' error messages-lost first=3 last=3 ' "$WORK/packhorsed.log"
	equal "$(queue test ready)" 5
	equal "$(status '| [.balance, .accepted, .pending, .lost_messages, .lost_records] | join(" ")')" '0 5 5 1 1'
	: >"$WORK/told"
	events 1 6
	equal "$(jq -r 'select(.status == "accepted") | .id' "$WORK/told")" e-3
	equal "$(queue test ready)" 6
	ph message tail --queue test --settle --count 6 --timeout 60 >"$WORK/out"
	equal "$(grep -o 'Marker[0-9]' "$WORK/out" | sort -u | wc -l)" 6
	wait_is 0 pending
	equal "$(status balance)" 0
}

@test "a torn end is cut off, and all that was promised is there" {
	accepted Potholes 2210 "$(title 'A hole')"
	settle_down
	broker_kill
	hosts_kill
	"$PYTHON" - "$(segment)" <<-'PY'
		import sys
		with open(sys.argv[1], "r+b") as file:
		    end = len(file.read().rstrip(b"\0"))
		    file.seek((end + 7) // 8 * 8 + 16)
		    file.write(b"half a record, then the power went")
	PY
	broker_start
	get "requests/$REFERENCE.xml"
	equal "$STATUS" 200
	accepted Potholes 2210 "$(title 'A hole')"
	settle_down
	equal "$(count highways enquiry "$REFERENCE")" 1
	equal "$(status balance)" 0
}

# big FROM TO: events of 16 KB.
big() {
	"$PYTHON" -c 'import sys
for n in range(int(sys.argv[1]), int(sys.argv[2])):
    print("""{"specversion":"1.0","id":"b-%d","source":"urn:x","type":"council.test.v1","data":{"x":"%s"}}"""
          % (n, "x" * 16000))' "$1" "$2"
}

@test "a full disk: new messages are refused, the others go on, and it mends itself" {
	broker_stop
	rm -rf "$WORK/state"
	mkdir "$WORK/state"
	mount -t tmpfs -o size=12m,mode=700 tmpfs "$WORK/state" 2>"$WORK/out" || skip "no file system can be mounted here"
	cat >>"$WORK/site/packhorse.yaml" <<-'YAML'
		queues: {test: {}}
		limits: {segment-bytes: 1M, reserve-bytes: 1M}
	YAML
	sed -i '$a\  - {route: test, purpose: test, when: {type: council.test.v1}, to: [test]}' "$WORK/site/routes/demo.yaml"
	broker_start
	mode crm '{"mode": "down"}'
	accepted Tree 2220 "$(title 'A tree')"
	local waiting=$REFERENCE n=0 taken sessions
	sessions=$(grep -c 'session-start .* name=open311 ' "$WORK/packhorsed.log")
	head -c 64M /dev/zero >"$WORK/state/filler" 2>"$WORK/out" || true

	: >"$WORK/told"
	until grep -q refused "$WORK/told" || [ "$n" -ge 1000 ]; do
		big "$n" $((n + 20)) | ph message publish - >>"$WORK/told" || true
		n=$((n + 20))
	done
	equal "$(jq -r 'select(.status == "refused") | .code' "$WORK/told" | sort -u)" PH5004
	taken=$(jq -r 'select(.status == "accepted") | .id' "$WORK/told" | wc -l)
	equal "$(status accepting)" false
	post Tree 2221 "$(title 'Another tree')"
	equal "$STATUS" 503
	grep -q '<errors>' <<<"$BODY"
	equal "$(queue test ready)" "$taken"
	# it is refused, not cut off
	equal "$(grep -c 'session-start .* name=open311 ' "$WORK/packhorsed.log")" "$sessions"

	# what was taken before is delivered, and that is written down
	mode crm '{"mode": "up"}'
	wait_is 1 count crm case "$waiting"
	wait_is 0 queue crm ready
	equal "$(status balance)" 0

	rm "$WORK/state/filler"
	wait_is true status accepting
	accepted Tree 2221 "$(title 'Another tree')"
	wait_is 1 count crm case "$REFERENCE"
	broker_kill
	broker_start
	equal "$(queue test ready)" "$taken"
	equal "$(status balance)" 0
	equal "$(count crm case "$waiting")" 1
	# the space is given back, not leaked: it can all be taken out again
	ph message tail --queue test --settle --count "$taken" --timeout 60 >"$WORK/out"
	equal "$(wc -l <"$WORK/out")" "$taken"
}

# all_taken FROM TO: these events are accepted, now or before.
all_taken() {
	big "$1" "$2" | ph message publish - >"$WORK/told" || return
	[ "$(jq -r .status "$WORK/told" | sort -u | grep -cv -e accepted -e duplicate)" = 0 ]
}

@test "a full disk mends itself where a message is stuck: it is carried, and what is settled goes" {
	local n
	broker_stop
	rm -rf "$WORK/state"
	mkdir "$WORK/state"
	mount -t tmpfs -o size=12m,mode=700 tmpfs "$WORK/state" 2>"$WORK/out" || skip "no file system can be mounted here"
	cat >>"$WORK/site/packhorse.yaml" <<-'YAML'
		queues: {test: {}, stuck: {}}
		limits: {segment-bytes: 1M, reserve-bytes: 1M, checkpoint-after: 100ms}
	YAML
	sed -i -e '$a\  - {route: test, purpose: test, when: {type: council.test.v1}, to: [test]}' \
		-e '$a\  - {route: stuck, purpose: test, when: {type: council.stuck.v1}, to: [stuck]}' "$WORK/site/routes/demo.yaml"
	broker_start
	echo '{"specversion":"1.0","id":"s","source":"urn:x","type":"council.stuck.v1","data":{"x":"still here"}}' |
		ph message publish - >"$WORK/out"
	for n in 0 100 200 300 400 500 600 700 800 900 1000 1100; do
		wait_until all_taken "$n" $((n + 100))
		ph message tail --queue test --settle --count 100 --timeout 60 >"$WORK/out"
		equal "$(wc -l <"$WORK/out")" 100
	done
	grep -qE ' carried extent=[0-9]{10}@4096 bytes=' "$WORK/packhorsed.log"
	equal "$(queue stuck ready)" 1
	equal "$(status balance)" 0
	broker_kill
	broker_start
	equal "$(queue stuck ready)" 1
	equal "$(status balance)" 0
	ph message tail --queue stuck --settle --count 1 --timeout 60 >"$WORK/out"
	grep -q 'still here' "$WORK/out"
}

# small COUNT: events of 1 KB, with ids of this round's own.
small() {
	"$PYTHON" -c 'import sys
for n in range(int(sys.argv[2])):
    print("""{"specversion":"1.0","id":"%s-%d","source":"urn:x","type":"council.test.v1","data":{"x":"%s"}}"""
          % (sys.argv[1], n, "x" * 1000))' "$1" "$2"
}

@test "a disk that is filled at once is accepted on again when all is settled, also after kills" {
	local round taken
	broker_stop
	hosts_kill TERM
	rm -r "$WORK"/site/adapters/* "$WORK"/site/routes/*
	echo 'queues: {test: {}}' >>"$WORK/site/packhorse.yaml"
	printf 'routes:\n  - {route: test, purpose: test, when: {type: council.test.v1}, to: [test]}\n' >"$WORK/site/routes/test.yaml"
	rm -rf "$WORK/state"
	mkdir "$WORK/state"
	mount -t tmpfs -o size=10m,mode=700 tmpfs "$WORK/state" 2>"$WORK/out" || skip "no file system can be mounted here"
	echo 'limits: {segment-bytes: 1M, reserve-bytes: 1M, retain-bytes: 1G}' >>"$WORK/site/packhorse.yaml"
	broker_launch
	wait_until broker_answers
	for round in 1 2 3; do
		small "$round" 12000 | ph message publish - >"$WORK/told" || true
		equal "$(jq -r 'select(.status == "refused") | "\(.code) \(.text)"' "$WORK/told" | sort -u)" \
			"PH5004 no room on the broker's disk: only what was accepted before goes on"
		taken=$(grep -c '"accepted"' "$WORK/told")
		if [ "$round" = 2 ]; then
			broker_kill
			broker_launch
			wait_until broker_answers
		fi
		ph message tail --queue test --settle --count "$taken" --timeout 60 >"$WORK/out"
		equal "$(wc -l <"$WORK/out")" "$taken"
		if [ "$round" = 3 ]; then
			broker_kill
			broker_launch
			wait_until broker_answers
		fi
		wait_is true status accepting
		equal "$(status balance)" 0
	done
}
