#!/usr/bin/env bats
# The command line's contracts for scripts: publish, tail, the JSON of status and queues, exit codes.

bats_require_minimum_version 1.5.0
load helpers

setup() {
	site_new
	rm -r "$WORK"/site/adapters/* "$WORK"/site/routes/*
	echo 'queues: {test: {}}' >>"$WORK/site/packhorse.yaml"
	cat >"$WORK/site/routes/test.yaml" <<-'YAML'
		routes:
		  - route: everything to the test
		    purpose: test
		    when: {type: council.test.v1}
		    to: [test]
	YAML
	"$PACKHORSED" -c "$WORK/site" >>"$WORK/packhorsed.log" 2>&1 3>&- &
	BROKER=$!
	wait_until eval 'ph status >"$WORK/out" 2>&1'
}

# event ID DATA: one line
event() {
	printf '{"specversion":"1.0","id":"%s","source":"/test","type":"council.test.v1","datacontenttype":"application/json","data":%s}\n' "$1" "$2"
}

@test "what is published is answered in order, once it is durable" {
	{
		event 1 '{"price":1234.10}'
		echo '{"specversion":"1.0","id":"2","source":"/test"}'
		event 3 '"emoji \ud83d\ude00"'
		event 1 '{"price":1234.10}'
		echo rubbish
		event 3 '"something else"'
	} >"$WORK/events"
	run -1 ph message publish "$WORK/events"
	equal "$(jq -r '"\(.id) \(.status) \(.code // "-")"' <<<"$output")" "$(
		printf '%s\n' '1 accepted -' '2 refused PH7021' '3 accepted -' '1 duplicate -' \
			' refused PH3011' '3 refused PH6518'
	)"
	jq -e -s 'all(.[]; .status != "refused" or (.text | length) > 0)' <<<"$output"
	equal "$(queue test ready)" 2
	equal "$(status balance)" 0
}

@test "events come out as they went in, and settled ones are gone" {
	event 1 '{"price":1234.10,"big":12345678901234567890}' >"$WORK/in"
	event 2 '["£","a\nb",1.0,null]' >>"$WORK/in"
	ph message publish - <"$WORK/in" >"$WORK/answers"
	ph message tail --queue test --count 2 --timeout 10 >"$WORK/looked"
	cmp "$WORK/in" "$WORK/looked"
	equal "$(queue test ready)" 2 # only looked at
	ph message tail --queue test --settle --count 2 --timeout 10 >"$WORK/taken"
	cmp "$WORK/in" "$WORK/taken"
	equal "$(pending)" 0
	equal "$(status delivered)" 2
	run -1 ph message tail --queue test --settle --count 1 --timeout 1
	equal "$output" ""
	equal "$(status balance)" 0
}

@test "ten thousand events through a pipe, and back, each once" {
	seq 10000 | while read -r i; do event "$i" "$i"; done >"$WORK/in"
	ph message publish - <"$WORK/in" | jq -r .status | sort | uniq -c >"$WORK/answers"
	equal "$(awk '{print $1, $2}' "$WORK/answers")" "10000 accepted"
	ph message tail --queue test --settle --count 10000 --timeout 20 >"$WORK/out"
	equal "$(sort "$WORK/out" | md5sum)" "$(sort "$WORK/in" | md5sum)"
	ph message publish "$WORK/in" | jq -r .status | sort | uniq -c >"$WORK/answers"
	equal "$(awk '{print $1, $2}' "$WORK/answers")" "10000 duplicate"
	equal "$(status balance)" 0
}

@test "a pipe that stays open gets its answers at once" {
	mkfifo "$WORK/pipe"
	ph message publish - <"$WORK/pipe" >"$WORK/answers" 3>&- &
	local publisher=$!
	exec 8>"$WORK/pipe"
	event 1 1 >&8
	wait_until grep -q '"id":"1","status":"accepted"' "$WORK/answers"
	event 2 2 >&8
	wait_until grep -q '"id":"2","status":"accepted"' "$WORK/answers"
	exec 8>&-
	wait "$publisher"
}

@test "the broker is killed under a publisher: what was acknowledged is there, the rest follows" {
	seq 20000 | while read -r i; do event "$i" "$i"; done >"$WORK/in"
	ph message publish "$WORK/in" >"$WORK/answers" 3>&- &
	local publisher=$!
	wait_until test -s "$WORK/answers"
	broker_kill
	"$PACKHORSED" -c "$WORK/site" >>"$WORK/packhorsed.log" 2>&1 3>&- &
	BROKER=$!
	wait "$publisher"
	equal "$(jq -r .id "$WORK/answers" | md5sum)" "$(seq 20000 | md5sum)"
	equal "$(jq -r .status "$WORK/answers" | grep -cv -e accepted -e duplicate)" 0
	equal "$(queue test ready)" 20000
}

@test "status and queues have the members that scripts rely on" {
	ph status --json | jq -e '.balance == 0 and ([.accepted, .replayed, .moved_in,
		.delivered, .duplicate, .dead, .discarded, .expired, .erased, .moved_out, .pending]
		| all(type == "number"))'
	ph queue ls --json | jq -e -s 'map(.queue) == ["inbound", "unrouted", "test"] and
		all(.[]; has("state") and has("ready") and has("in_flight") and has("held") and
			has("dead") and has("oldest_s") and has("last_error"))'
}

@test "exit codes: wrong usage, a problem, no broker" {
	run -2 ph queue lss
	run -2 ph dead replay --all
	run -2 ph queue peek test --reveal
	run -1 ph queue show nowhere
	run -1 ph case show nobody
	broker_stop
	run -3 ph status
	grep -q "$RUN/control" <<<"$output"
	run -3 ph message publish /dev/null
	run -3 ph message tail --queue test --settle --timeout 1
}

@test "a look at payloads needs a reason, which is kept" {
	event 1 '{"name":"planted"}' | ph message publish -
	not eval 'ph queue peek test | grep -q planted'
	not eval 'ph message show 1 --json | grep -q planted'
	ph message show 1 --json --reveal --reason 'call 4711' | jq -e '.event.data.name == "planted"'
	grep audit-reveal "$WORK/packhorsed.log" | grep -q 'uid=.*call 4711'
	not grep -q planted "$WORK/packhorsed.log"
}
