#!/usr/bin/env bats
# The journal read from outside: beside a broker, without one, and when something is wrong with it.

load helpers

# A site without vendors: events go to the queue "test", where they stay.
setup_file() { site_lay; }
setup() { site_plain; }
teardown() { site_down; }

journal() { "$PACKHORSE" journal "$@"; }

# on VERB [OPTION...]: of this site. The exit code is in CODE, what was printed in OUT and ERR.
on() {
	local verb=$1
	shift
	CODE=0
	journal "$verb" -c "$WORK/site" "$@" >"$WORK/out" 2>"$WORK/err" || CODE=$?
	OUT=$(cat "$WORK/out")
	ERR=$(cat "$WORK/err")
}

# publish FROM TO: events e-FROM to e-TO with something personal in each.
publish() {
	local n
	for n in $(seq "$1" "$2"); do
		printf '{"specversion":"1.0","id":"e-%d","source":"urn:x","type":"council.test.v1",' "$n"
		printf '"data":{"name":"Zebedee Zanzibarium"}}\n'
	done | ph message publish - >"$WORK/published"
	equal "$(jq -r .status "$WORK/published" | sort | uniq -c | awk '{print $1, $2}')" "$(($2 - $1 + 1)) accepted"
}

segment() { echo "$WORK/state/journal/0000000001.segment"; }

# sums: of every file of the journal.
sums() { (cd "$WORK/state/journal" && sha256sum -- *.segment); }

# accepts: how many messages are exported.
accepts() { journal export -c "$WORK/site" --type accept | wc -l; }

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

@test "beside a broker: what is durable is read, the broker is left alone" {
	publish 1 20
	# a mark that says so comes when the broker has nothing to do
	wait_is 20 accepts
	on verify
	equal "$CODE" 0
	grep -q "; open: process $BROKER has it\$" <<<"$OUT"
	grep -qx 'no damage' <<<"$OUT"
	on info --json
	equal "$(jq -c '[.end, .clean, .process, .damaged]' <<<"$OUT")" "[\"open\",false,$BROKER,0]"
	on export
	equal "$CODE" 0
	equal "$ERR" ''
	equal "$(jq -r 'select(.type == "accept") | .message.id' <<<"$OUT" | paste -sd' ')" \
		"$(seq -f 'e-%g' 1 20 | paste -sd' ')"
	not grep -q Zanzibarium "$WORK/out"
	on export --reveal --reason 'a test'
	equal "$(grep -c 'Zebedee Zanzibarium' <<<"$OUT")" 20
	# it goes on as if nobody had looked
	publish 21 22
	equal "$(queue test ready)" 22
	equal "$(status balance)" 0
}

@test "while the broker writes, nothing is ever taken for damage" {
	local writer looks=0
	(for n in $(seq 1 20); do publish $((100 * n)) $((100 * n + 99)); done) 3>&- &
	writer=$!
	until gone "$writer" && [ "$looks" -ge 3 ]; do
		on verify --json
		equal "$CODE" 0
		equal "$(jq -c '[.kind, .end]' <<<"$OUT")" '["summary","open"]'
		looks=$((looks + 1))
	done
	wait "$writer"
	wait_is 2000 accepts
}

@test "a broker that starts while it is read is not turned away" {
	publish 1 1000
	broker_stop
	# more than the pipe holds: so it stands still in the middle until the rest is read
	mkfifo "$WORK/pipe"
	journal export -c "$WORK/site" --type accept >"$WORK/pipe" 2>"$WORK/err" 3>&- &
	local reader=$! first
	exec 4<"$WORK/pipe"
	read -r first <&4
	equal "$(jq -r .message.id <<<"$first")" e-1
	not gone "$reader"
	broker_launch 4<&-
	wait_until broker_answers
	publish 1001 1002
	not gone "$reader"
	equal "$(wc -l <&4)" 999
	exec 4<&-
	wait "$reader"
	equal "$(cat "$WORK/err")" ''
	equal "$(queue test ready)" 1002
}

@test "after a clean stop: closed, nothing changed, and the same as an independent reader says" {
	publish 1 20
	broker_stop
	local before
	before=$(sums)
	on info
	equal "$CODE" 0
	grep -qE '^end +clean: ' <<<"$OUT"
	grep -qE '^accept +20 ' <<<"$OUT"
	on verify
	equal "$CODE" 0
	on export
	"$PYTHON" -B "$ROOT/tests/decoder/journal.py" "$WORK/state/journal" >"$WORK/decoded"
	equal "$(jq -c '[.sequence, .wall_ms, .type, .acceptance, .queues, .content]' <<<"$OUT")" \
		"$(jq -c '[.sequence, .wall_ms, .type, .acceptance, .queues, .content]' "$WORK/decoded")"
	equal "$(sums)" "$before"
	# the state is found by the site, or named; so is a copy of the journal alone
	cp -r "$WORK/state/journal" "$WORK/copy"
	equal "$(journal export --state "$WORK/state")" "$OUT"
	equal "$(journal export --state "$WORK/copy")" "$OUT"
	equal "$(PACKHORSE_SITE=$WORK/site journal export)" "$OUT"
}

@test "how far it is: on a terminal only" {
	local n long
	long=$(printf '%0500000d' 0)
	for n in 1 2 3 4 5 6 7 8; do
		printf '{"specversion":"1.0","id":"e-%d","source":"urn:x","type":"council.test.v1","data":"%s"}\n' "$n" "$long"
	done | ph message publish - >"$WORK/published"
	broker_stop
	on verify
	equal "$CODE $ERR" '0 '
	script -qec "$PACKHORSE journal verify -c $WORK/site" /dev/null >"$WORK/shown"
	grep -qE $'\r''(reading|checking) the journal: [0-9]+ %' "$WORK/shown"
	grep -q 'no damage' "$WORK/shown"
}

@test "a damaged byte: the range is named as the broker names it, the rest is exported" {
	publish 1 20
	broker_stop
	local place range
	place=$(grep -abo '"e-7"\|Zanzibarium' "$(segment)" | sed -n 7p | cut -d: -f1)
	flip "$place"
	on verify
	equal "$CODE" 1
	range=$(sed -n 's/^PH5002 damaged: //p' <<<"$OUT")
	[[ $range =~ ^journal\ 0000000001@[0-9]+\+[0-9]+:\ sequences\ ([0-9]+)\ to\ ([0-9]+)$ ]]
	equal "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}"
	timeout 60 "$PACKHORSED" -c "$WORK/site" >"$WORK/said" 2>&1 && false
	grep -F "PH5002 1 damaged range" "$WORK/said" | grep -qF "$range"
	on export --type accept
	equal "$CODE" 1
	equal "$ERR" "PH5002 damaged: $range"
	equal "$(wc -l <<<"$OUT")" 19
	not jq -e 'select(.message.id == "e-7")' "$WORK/out"
	on info --json
	equal "$CODE" 1
	equal "$(jq .damaged <<<"$OUT")" 1
	on verify --json
	equal "$(jq -rs '.[0] | [.kind, .text] | join(" ")' <<<"$OUT")" "damage $range"
	flip "$place"
	on verify
	equal "$CODE" 0
}

@test "a torn end is named as that, and is no damage" {
	publish 1 20
	broker_kill
	"$PYTHON" - "$(segment)" <<-'PY'
		import sys
		with open(sys.argv[1], "r+b") as file:
		    end = len(file.read().rstrip(b"\0"))
		    file.seek((end + 7) // 8 * 8 + 16)
		    file.write(b"half a record, then the power went")
	PY
	on verify
	equal "$CODE" 0
	local range
	range=$(sed -n 's/^torn end, no damage: \(journal .*\): possibly acknowledged; .*/\1/p' <<<"$OUT")
	[ -n "$range" ]
	on info --json
	equal "$(jq -r .end <<<"$OUT")" torn
	on export --type accept
	equal "$CODE" 0
	equal "$(wc -l <<<"$OUT")" 20
	broker_launch
	wait_until broker_answers
	grep -qF "range=$range " "$WORK/packhorsed.log"
	equal "$(queue test ready)" 20
}

@test "a file that is cut off" {
	publish 1 20
	broker_stop
	truncate -s 6000 "$(segment)"
	on verify
	equal "$CODE" 1
	grep -qE '^PH5002 damaged: journal 0000000001@6000\+[0-9]+: sequences [0-9]+ to \?$' <<<"$OUT"
	on export
	equal "$CODE" 1
	[ "$(wc -l <<<"$OUT")" -lt 20 ]
}

@test "what is no journal, and what cannot be read" {
	broker_stop
	mkdir "$WORK/empty" "$WORK/other"
	echo 'a shopping list' >"$WORK/other/0000000001.segment"
	for verb in info verify export; do
		CODE=0
		journal "$verb" --state "$WORK/empty" >"$WORK/out" 2>"$WORK/err" || CODE=$?
		equal "$CODE" 1
		grep -q 'PH7041 there is no journal in this directory' "$WORK/err"
		equal "$(cat "$WORK/out")" ''
		not journal "$verb" --state "$WORK/nowhere" 2>"$WORK/err"
		grep -q PH7041 "$WORK/err"
		not journal "$verb" --state "$WORK/site/packhorse.yaml" 2>"$WORK/err"
		grep -q PH7023 "$WORK/err"
		not journal "$verb" -c "$WORK/nowhere" 2>"$WORK/err"
		CODE=0
		journal "$verb" --state "$WORK/other" >"$WORK/out" 2>&1 || CODE=$?
		equal "$CODE" 1
	done
	not journal verify --state "$WORK/other" >"$WORK/out"
	grep -q 'PH5002 damaged: journal 0000000001@0+16: ' "$WORK/out"
	ln -s 0000000009.segment "$WORK/state/journal/0000000009.segment"
	on verify
	equal "$CODE" 1
	grep -q 'PH7023 cannot open .*/0000000009.segment: ' <<<"$ERR"
	not grep -q damage <<<"$OUT"
}

@test "the journals of earlier versions" {
	broker_stop
	local archive name
	for archive in "$ROOT"/tests/golden/journal-*.tar.xz; do
		name=$(basename "$archive" .tar.xz)
		tar -C "$WORK" -xf "$archive"
		journal verify --state "$WORK/$name"
		journal export --state "$WORK/$name" --reveal --reason 'a test' >"$WORK/exported"
		"$PYTHON" - "$WORK/exported" "$ROOT/tests/golden/$name.jsonl.xz" <<-'PY'
			import base64, json, lzma, sys

			OUTCOMES = ["", "delivered", "duplicate", "retry", "rejected", "unknown"]
			STATES = ["", "settled", "waiting", "dead"]

			def plain(name, value):
			    """As the golden file has it."""
			    if isinstance(value, dict) and "base64" in value:
			        data = base64.b64decode(value["base64"])
			        assert len(data) == value["bytes"]
			        return data.hex()
			    if name == "outcome":
			        return OUTCOMES.index(value)
			    return STATES.index(value) if name == "state" else value

			def checked(ours, theirs):
			    """The message, where it is shown as an event: all it shows is in the bytes."""
			    event = isinstance(ours, dict) and ours.get("event")
			    if not event:
			        return ours
			    data = bytes.fromhex(theirs)
			    body = json.dumps(event.pop("data"), separators=(",", ":"))
			    same = len(data) == ours["bytes"] and data.endswith(body.encode())
			    event.pop("specversion")
			    same = same and all(value.encode() in data for value in event.values())
			    return theirs if same else ours

			with open(sys.argv[1]) as file:
			    got = [{k: plain(k, v) for k, v in json.loads(line).items()
			            if k not in ("segment", "offset")} for line in file]
			expected = [json.loads(line) for line in lzma.open(sys.argv[2], "rt")]
			assert len(expected) > 50
			for ours, theirs in zip(got, expected, strict=True):
			    if "message" in ours:
			        ours["message"] = checked(ours["message"], theirs["message"])
			    wrong = [name for name in ours | theirs if ours.get(name) != theirs.get(name)]
			    assert not wrong, f"record {theirs['sequence']}: {wrong}"
		PY
	done
}

@test "a reader that has enough" {
	publish 1 400
	broker_stop
	local codes last
	journal export -c "$WORK/site" 2>"$WORK/err" | head -n 1 >"$WORK/out"
	codes=("${PIPESTATUS[@]}")
	equal "${codes[1]}" 0
	equal "$(cat "$WORK/err")" ''
	equal "$(jq -r .type "$WORK/out")" queue
	# a long one fails on the way, a short one at its end
	for last in 99999 2; do
		not journal export -c "$WORK/site" --to "$last" >/dev/full 2>"$WORK/err"
		grep -q 'PH7025 the export cannot be written: No space left on device' "$WORK/err"
	done
}
