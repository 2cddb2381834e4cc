#!/usr/bin/env bats
# What scripts rely on: message publish, message tail, and that what is answered is durable.

bats_require_minimum_version 1.5.0
load helpers

setup_file() { site_lay; }
setup() { site_plain; }

# event ID DATA: one line
event() {
	printf '{"specversion":"1.0","id":"%s","source":"/test","type":"council.test.v1","datacontenttype":"application/json","data":%s}\n' "$1" "$2"
}

# events FROM TO: so many, without a turn of the shell for each
events() {
	awk -v from="$1" -v to="$2" -v line="$(event %d %d)" \
		'BEGIN { for (n = from; n <= to; n++) printf line "\n", n, n }'
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
	ph message tail --queue test --count 2 --timeout 60 >"$WORK/looked"
	cmp "$WORK/in" "$WORK/looked"
	equal "$(queue test ready)" 2 # only looked at
	ph message tail --queue test --settle --count 2 --timeout 60 >"$WORK/taken"
	cmp "$WORK/in" "$WORK/taken"
	equal "$(pending)" 0
	equal "$(status delivered)" 2
	run -1 ph message tail --queue test --settle --count 1 --timeout 1
	equal "$output" ""
	equal "$(status balance)" 0
}

@test "ten thousand events through a pipe, and back, each once" {
	events 1 10000 >"$WORK/in"
	ph message publish - <"$WORK/in" | jq -r .status | sort | uniq -c >"$WORK/answers"
	equal "$(awk '{print $1, $2}' "$WORK/answers")" "10000 accepted"
	ph message tail --queue test --settle --count 10000 --timeout 60 >"$WORK/out"
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
	events 1 20000 >"$WORK/in"
	ph message publish "$WORK/in" >"$WORK/answers" 3>&- &
	local publisher=$!
	wait_until test -s "$WORK/answers"
	broker_kill
	broker_launch
	wait_until broker_answers # else the publisher waits in vain
	wait "$publisher"
	equal "$(jq -r .id "$WORK/answers" | md5sum)" "$(seq 20000 | md5sum)"
	equal "$(jq -r .status "$WORK/answers" | grep -cv -e accepted -e duplicate)" 0
	equal "$(queue test ready)" 20000
}

gone_or_answers() { gone "$BROKER" || broker_answers; }

# broker_doomed PREPARE...: it runs, and dies just before it writes what comes next. The flushes of the
# start come first: PREPARE is run before each start.
broker_doomed() {
	local death
	PACKHORSED=$(find "$BUILD" -name packhorsed-mutant -type f | head -1)
	[ -n "$PACKHORSED" ]
	broker_stop
	for death in {1..12}; do
		"$@"
		PACKHORSE_CRASH_AT=flush-begin:$death broker_launch
		wait_until gone_or_answers
		gone "$BROKER" || return 0
	done
	return 1
}

# So long that the broker reads on while another thread writes it. The broker dies just before.
@test "no answer before a long event is on the disk" {
	local promised
	event 1 "\"$(head -c 200000 /dev/zero | tr '\0' x)\"" >"$WORK/in"
	broker_doomed rm -rf "$WORK/state"
	"$PACKHORSE" message publish "$WORK/in" --socket "$RUN/control" >"$WORK/answers" 3>&- &
	local publisher=$!
	wait_until gone "$BROKER"
	said_before "$WORK/answers"
	kill -KILL "$publisher" 2>/dev/null || true
	wait_until gone "$publisher"
	promised=$(grep -c accepted "$WORK/answers" || true)
	broker_launch
	wait_until broker_answers
	equal "$(queue test ready)" "$promised"
	equal "$(ph message publish "$WORK/in" | jq -r .status)" accepted
	equal "$(queue test ready)" 1
	equal "$(status balance)" 0
}

# The broker dies just before the verdict is written.
@test "no answer before a discard is on the disk" {
	local promised=0
	event 1 1 | sed 's/council.test/council.unheard-of/' | ph message publish - >"$WORK/told"
	equal "$(dead .id)" unrouted/1
	broker_doomed true
	! ph dead discard unrouted/1 >"$WORK/answer" 2>&1 || promised=1
	wait_until gone "$BROKER"
	broker_launch
	wait_until broker_answers
	equal "$(queue unrouted dead) $(status discarded)" "$((1 - promised)) $promised"
	[ "$promised" = 1 ] || ph dead discard unrouted/1
	equal "$(queue unrouted dead) $(status discarded)" '0 1'
	equal "$(status balance)" 0
}

# The mutant makes fingerprints as earlier builds did.
@test "what an earlier build accepted is a repeat, and with other content a conflict" {
	local changed
	event 1 "\"$(head -c 2000 /dev/zero | tr '\0' x)\"" >"$WORK/in"
	changed=$(sed 's/xx"/xy"/' "$WORK/in")
	broker_stop
	PACKHORSED=$(find "$BUILD" -name packhorsed-mutant -type f | head -1) \
		PACKHORSE_MUTANT=earlier-print broker_launch
	wait_until broker_answers
	equal "$(ph message publish "$WORK/in" | jq -r .status)" accepted
	broker_stop
	broker_launch
	wait_until broker_answers
	equal "$(ph message publish "$WORK/in" | jq -r .status)" duplicate
	equal "$(ph message publish - <<<"$changed" | jq -r .code)" PH6518
	equal "$(queue test ready)" 1
	equal "$(status balance)" 0
}

@test "numbers, long and strange texts and binary data arrive as they were written" {
	cat >"$WORK/in" <<-'JSON'
		{"specversion":"1.0","id":"a","source":"urn:x","type":"council.test.v1","data":{"a":1.10,"b":123456789012345678901234567890,"c":1e400,"d":"\ud83d\udc07 \u0001 \" \\ é","e":[[],{}],"f":-0}}
		{"specversion":"1.0","id":"b","source":"urn:x","type":"council.test.v1","datacontenttype":"application/octet-stream","data_base64":"AP/+gAo="}
		{"specversion":"1.0","id":"c","source":"urn:x","type":"council.test.v1","extra1":"é & <x>","time":"2024-10-27T01:30:00+01:00"}
	JSON
	ph message publish "$WORK/in" >"$WORK/told"
	equal "$(jq -r .status "$WORK/told" | sort -u)" accepted
	ph message tail --queue test --settle --count 3 --timeout 60 >"$WORK/out"
	equal "$(sed -n 1p "$WORK/out" | grep -oF '"a":1.10,"b":123456789012345678901234567890,"c":1e400,')" \
		'"a":1.10,"b":123456789012345678901234567890,"c":1e400,'
	equal "$(sed -n 2p "$WORK/out" | jq -r .data_base64)" 'AP/+gAo='
	equal "$(sed -n 3p "$WORK/out" | jq -r '.extra1 + .time')" 'é & <x>2024-10-27T01:30:00+01:00'
	# the one character that nothing carries is refused at its place, and nothing is cut there
	{ echo; event z '"before\u0000after"'; } >"$WORK/zero"
	run ph message publish "$WORK/zero"
	equal "$status" 1
	equal "$(jq -r '.status + " " + .code' <<<"$output")" 'refused PH3013'
	grep -qE 'zero:2:[0-9]+: ' <<<"$output"
	# what tail prints, publish takes: all three are known
	ph message publish "$WORK/out" >"$WORK/told"
	equal "$(jq -r .status "$WORK/told" | sort -u)" duplicate
}

@test "tail only looks, unless it is told to settle" {
	events 1 10 | ph message publish - >"$WORK/told"
	equal "$(ph message tail --queue test --count 10 | wc -l)" 10
	equal "$(ph message tail --queue test --timeout 1 | jq -r .id | tr '\n' ' ')" "$(printf '%d ' {1..10})"
	equal "$(queue test ready)" 10
	equal "$(ph message tail --queue test --settle --count 4 --timeout 60 | wc -l)" 4
	equal "$(queue test ready)" 6
	run ph message tail --queue test --settle --count 7 --timeout 4
	equal "$status" 1 # fewer than were asked for
	equal "$(wc -l <<<"$output")" 6
	equal "$(queue test ready) $(status delivered) $(status balance)" '0 10 0'
	run ph message tail --queue nowhere --settle --timeout 60
	equal "$status" 1
	grep -q PH6532 <<<"$output"
	run ph message tail --queue nowhere --timeout 1
	equal "$status" 1
}

# past SECOND: has the shell run for so long?
past() { ((SECONDS > $1)); }

@test "what a busy broker says late is shown all the same, and a look beyond --count is not" {
	local reader end
	events 1 3 | ph message publish - >"$WORK/told"
	kill -STOP "$BROKER"
	ph message tail --queue test --timeout 1 >"$WORK/looked" 3>&- &
	reader=$!
	end=$((SECONDS + 2))
	wait_until past "$end"
	kill -CONT "$BROKER"
	wait "$reader"
	equal "$(jq -r .id "$WORK/looked" | tr '\n' ' ')" '1 2 3 '
	equal "$(ph message tail --queue test --count 2 --timeout 60 | jq -r .id | tr '\n' ' ')" '1 2 '
	equal "$(queue test ready)" 3 # only looked at
}

@test "what cannot be written out is not settled" {
	events 1 200 | ph message publish - >"$WORK/told"
	run sh -c '"$1" message tail --queue test --settle --timeout 60 --socket "$2" >/dev/full' \
		sh "$PACKHORSE" "$RUN/control"
	equal "$status" 1
	grep -q PH7024 <<<"$output"
	equal "$(status delivered)" 0
	ph message tail --queue test --settle --count 200 --timeout 60 >"$WORK/rest"
	equal "$(jq -r .id "$WORK/rest" | sort -u | wc -l)" 200
	# a reader that has gone ends it, and what was never written out stays
	ph message publish - <"$WORK/rest" >"$WORK/told"
	events 201 2200 | ph message publish - >"$WORK/told"
	ph message tail --queue test --settle | head -3 >"$WORK/first" || true
	[ "$(queue test ready)" -gt 0 ]
	equal "$(wc -l <"$WORK/first") $(status balance)" '3 0'
}

@test "a tail that waits gets what comes, over a SIGKILL of the broker" {
	ph message tail --queue test --settle --count 20 --timeout 60 >"$WORK/got" 2>"$WORK/errors" 3>&- &
	local reader=$!
	# who has never reached a broker gives up at once, and rightly
	wait_until grep -q 'session-start.*name=packhorse-tail' "$WORK/packhorsed.log"
	events 1 10 | ph message publish - >"$WORK/told"
	broker_kill
	broker_launch
	wait_until broker_answers
	events 11 20 | ph message publish - >"$WORK/told"
	wait "$reader"
	equal "$(jq -r .id "$WORK/got" | sort -u | wc -l)" 20
	equal "$(queue test ready) $(status balance)" '0 0'
}

@test "what no route wants is kept apart, and nothing is said to be lost" {
	printf '{"specversion":"1.0","id":"u","source":"urn:x","type":"council.unheard-of.v1"}\n' |
		ph message publish - >"$WORK/told"
	equal "$(jq -r .status "$WORK/told")" accepted
	equal "$(status balance)" 0
	equal "$(($(queue unrouted ready) + $(queue unrouted dead)))" 1
}

@test "status and queues have the members that scripts rely on" {
	ph status --json | jq -e '.balance == 0 and ([.accepted, .replayed, .moved_in,
		.delivered, .duplicate, .dead, .discarded, .expired, .erased, .moved_out, .pending]
		| all(type == "number"))'
	ph queue ls --json | jq -e -s 'map(.queue) == ["inbound", "unrouted", "test"] and
		all(.[]; has("state") and has("ready") and has("in_flight") and has("held") and
			has("dead") and has("oldest_s") and has("rate_min") and has("last_error"))'
}
