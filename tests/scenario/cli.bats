#!/usr/bin/env bats
# The command line: every verb, for people and for scripts.

load helpers

# One site for all: delivered reports, an update, letters in two queues, one report that waits.
setup_file() {
	site_prepare
	site_up
	accepted Potholes 2301 "$(title 'A Marmaladesandwich')" -d first_name=Zebedee
	accepted Graffiti 2302 "$(title 'A tag')"
	settle_down
	tell highways status '{"number": 2000001, "code": "FIX"}'
	tell highways status '{"number": 2000001, "code": "QQQ"}'
	wait_is 1 eval 'kept crm change .id | wc -l'
	mode crm '{"mode": "fault", "kind": "client", "count": 3}'
	for n in 1 2 3; do
		accepted Tree "231$n" "$(title 'Another Marmaladesandwich')"
	done
	wait_is 4 eval 'dead .id | wc -l'
	mode waste '{"mode": "down"}'
	accepted Graffiti 2303 "$(title 'A Marmaladesandwich on a wall')"
	wait_until eval '[ "$(queue waste last_error)" != "" ]'
	CASE=$(kept highways enquiry .reference)
	site_save
	echo "CASE=$CASE" >>"$BATS_FILE_TMPDIR/site"
}
setup() { site_load; }
teardown() { site_check; }

# verbs: all that ask the broker and change nothing, one a line.
verbs() {
	cat <<-VERBS
		status
		queue ls
		queue show crm
		queue peek waste
		dead ls
		dead show $(dead .id | head -1)
		message find --subject $CASE
		message show 1
		case show $CASE
		adapter ls
		route ls
		route explain
		route explain type=council.service-request.created.v1 service=potholes
		xref get service-request highways 2000001
	VERBS
}

@test "every verb prints a table, and one JSON object a line with --json" {
	local words
	while read -r -a words; do
		run ph "${words[@]}"
		equal "${words[*]}: $status" "${words[*]}: 0"
		[ -n "$output" ]
		not grep -q $'\e' <<<"$output"
		run ph "${words[@]}" --json
		equal "${words[*]}: $status" "${words[*]}: 0"
		equal "$(wc -l <<<"$output")" "$(jq -c 'objects' <<<"$output" | wc -l)"
		not grep -q Marmalade <<<"$output"
	done < <(verbs)
}

@test "the columns that scripts and people rely on" {
	ph queue ls | head -1 | grep -qE '^(DESTINATION|QUEUE) +STATE +READY +IN-FLIGHT +HELD +DEAD +OLDEST +RATE/MIN +NEXT-TRY +LAST-ERROR'
	ph queue ls --json >"$WORK/queues"
	jq -e -s 'all(.[]; . as $row | "queue", "state", "ready", "in_flight", "held", "dead", "oldest_s",
		"rate_min", "last_error" | in($row))' "$WORK/queues" >"$WORK/verdict"
	# three that went through; the rest waits or is dead
	[ "$(jq 'select(.queue == "highways") | .rate_min' "$WORK/queues")" -ge 1 ]
	equal "$(jq 'select(.queue == "waste") | .rate_min' "$WORK/queues")" 1
	ph case show "$CASE" | head -1 | grep -qE '^TIME +SYSTEM +EVENT +REFERENCE +OUTCOME'
	equal "$(ph case show 2000001 --json | sha256sum)" "$(ph case show "$CASE" --json | sha256sum)"
	equal "$(ph status --json | jq .balance)" 0
	ph queue ls | grep -q 'PH4103'
	ph route explain -c "$WORK/site" | grep -q 'potholes'
	ph route explain -c "$WORK/site" | grep -q description
}

@test "exit 3 when nobody answers, with the code and a hint" {
	local words
	while read -r -a words; do
		run "$PACKHORSE" "${words[@]}" --socket "$WORK/nobody"
		equal "${words[*]}: $status" "${words[*]}: 3"
		grep -q 'PH7010' <<<"$output"
		run "$PACKHORSE" "${words[@]}" --socket "$WORK/nobody" --json
		equal "$status" 3
		jq -e .error.text <<<"$output" >"$WORK/out"
	done < <(verbs; echo 'message tail --queue crm --settle'; echo 'message tail --queue crm'
		echo 'message publish /dev/null'; echo 'dead replay crm/1'; echo 'dead discard crm/1')
}

@test "exit 2 for what is not understood, before anything is done" {
	local line
	while read -r line; do
		# shellcheck disable=SC2086
		run ph $line
		equal "$line: $status" "$line: 2"
		grep -q 'PH700' <<<"$output"
	done <<-'LINES'
		unheard-of
		queue unheard-of
		queue ls --unheard-of
		queue show
		queue show crm waste
		queue peek crm --most
		queue peek crm --most many
		queue ls --json=yes
		dead replay
		dead discard
		dead replay --all
		dead discard --all
		dead discard --all --yes crm/1
		dead replay crm/1 --reason rejected
		dead show --reveal crm/1
		queue peek crm --reveal
		queue peek crm --reason curiosity
		message show
		message show 1 --id x --source y
		message show --id x
		message find
		message find --attribute nonsense
		message tail
		message tail --queue crm --count 0
		message publish
		route explain nonsense
		case show
		xref get
		xref get service-request highways
	LINES
	run "$PACKHORSE"
	equal "$status" 2
}

@test "a list that was cut short says so" {
	local err=$WORK/err
	equal "$(ph dead ls --most 3 2>"$err" | wc -l)" 4 # with the heading
	grep -q 'no more than 3 are shown: --most N' "$err"
	equal "$(ph dead ls --most 5 2>"$err" | wc -l)" 5
	equal "$(cat "$err")" ''
	equal "$(ph dead ls --most 3 --json 2>"$err" | wc -l)" 3
	jq -e '.note.text | startswith("no more than 3 are shown")' "$err"
}

@test "exit 1 for what is not there" {
	local line
	while read -r line; do
		# shellcheck disable=SC2086
		run ph $line
		equal "$line: $status" "$line: 1"
		grep -qE 'PH7[0-9]{3}' <<<"$output"
		# shellcheck disable=SC2086
		run ph $line --json
		equal "$line: $status" "$line: 1"
		jq -e '.error.text | startswith("PH7")' <<<"$(tail -1 <<<"$output")" >"$WORK/out"
	done <<-'LINES'
		queue show nowhere
		queue peek nowhere
		dead show crm/999999
		dead replay crm/999999
		dead discard crm/nonsense
		message show 999999
		message show --source urn:x --id nothing
		case show SR-0000000000000
		xref get service-request highways 7
	LINES
}

@test "help for everything, without a broker" {
	local noun verb
	"$PACKHORSE" help | grep -q 'Exit codes'
	for noun in status queue dead message case adapter route xref ledger journal map codes config errors version; do
		"$PACKHORSE" help "$noun" | grep -q "$noun"
		"$PACKHORSE" "$noun" --help | grep -q "$noun"
	done
	while read -r noun verb; do
		"$PACKHORSE" "$noun" "$verb" --help | grep -q "^usage: packhorse $noun $verb"
		"$PACKHORSE" help "$noun" "$verb" | grep -q -- --json
	done <<-'VERBS'
		queue ls
		queue show
		queue peek
		dead ls
		dead show
		dead replay
		dead discard
		message publish
		message tail
		message find
		message show
		case show
		adapter ls
		route ls
		route explain
		xref get
		journal verify
		journal info
		journal export
		map check
		map run
		map test
		map new
		map laws
		map coverage
		map diff
		codes unmapped
		config check
	VERBS
	"$PACKHORSE" version | grep -qE '^packhorse [0-9]'
	"$PACKHORSE" --version | grep -qE '^packhorse [0-9]'
	"$PACKHORSE" version --json | jq -e .version >"$WORK/out"
}

@test "maps: checked, run and tested without a broker" {
	"$PACKHORSE" map check "$ROOT/adapters/highways" --schemas "$ROOT/schemas"
	"$PACKHORSE" map check -c "$WORK/site"
	"$PACKHORSE" map test "$ROOT/adapters/highways" --schemas "$ROOT/schemas" >"$WORK/out"
	grep -q 'confirm-enquiry' "$WORK/out"
	"$PACKHORSE" map test "$ROOT/adapters/highways" --schemas "$ROOT/schemas" --json | jq -e . >"$WORK/out"
	run "$PACKHORSE" map check "$ROOT/adapters/nowhere" --schemas "$ROOT/schemas"
	equal "$status" 1
	cp -r "$ROOT/adapters/highways" "$WORK/highways"
	sed -i 's/reporter.email/reporter.emial/' "$WORK/highways/maps/confirm-enquiry.yaml"
	run "$PACKHORSE" map check "$WORK/highways" --schemas "$ROOT/schemas"
	equal "$status" 1
	grep -qE 'confirm-enquiry.yaml:[0-9]+:[0-9]+: PH2060' <<<"$output"
	grep -q 'reporter.email' <<<"$output" # did you mean
}

@test "payloads are hidden; who looks says why, and that is kept" {
	local letter words
	letter=$(dead 'select(.queue == "crm") | .id' | head -1)
	for words in "queue peek waste" "dead show $letter" "message show 1"; do
		# shellcheck disable=SC2086
		not grep -q Marmalade <<<"$(ph $words; ph $words --json)"
		# shellcheck disable=SC2086
		run ph $words --reveal
		equal "$status" 2
		# shellcheck disable=SC2086
		run ph $words --reveal --reason ''
		equal "$status" 2
		# shellcheck disable=SC2086
		grep -q Marmalade <<<"$(ph $words --reveal --reason "complaint 12 about $words")"
		# shellcheck disable=SC2086
		grep -q Marmalade <<<"$(ph $words --reveal --reason "complaint 12" --json)"
		grep -qF "reason=\"complaint 12 about $words\"" "$WORK/packhorsed.log"
	done
	grep -qE "audit-reveal verb=queue.peek uid=$(id -u) pid=[0-9]+ about=waste" "$WORK/packhorsed.log"
	# the control socket does not give them away either
	run "$PYTHON" -c 'import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.sendall(b"""{"verb":"queue.peek","args":{"queue":"waste","reveal":true}}\n""")
print(s.makefile().readline())' "$RUN/control"
	grep -q PH7035 <<<"$output"
	not grep -q Marmalade "$WORK/packhorsed.log"
}

@test "a dry run changes nothing; ids, a list of ids, or all of them with --yes" {
	local before letters told
	told=$(wc -l <"$WORK/packhorsed.log")
	mapfile -t letters < <(dead 'select(.queue == "crm") | .id')
	equal "${#letters[@]}" 3
	before=$(ph status --json | jq -c '[.accepted, .replayed, .discarded, .dead]')
	ph dead replay "${letters[0]}" --dry-run | grep -q 'would be replayed'
	ph dead discard --all --dry-run >"$WORK/out"
	equal "$(wc -l <"$WORK/out")" 4
	ph dead discard --all --queue crm --dry-run --json >"$WORK/out"
	equal "$(jq -r .id "$WORK/out" | sort)" "$(printf '%s\n' "${letters[@]}" | sort)"
	equal "$(ph status --json | jq -c '[.accepted, .replayed, .discarded, .dead]')" "$before"
	not grep -q 'dead-discarded\|dead-replayed\|verb=dead' <<<"$(tail -n "+$((told + 1))" "$WORK/packhorsed.log")"

	ph dead replay "${letters[0]}"
	wait_is 3 eval 'dead .id | wc -l'
	printf '%s\n' "${letters[1]}" | ph dead replay - --json | jq -e .replayed >"$WORK/out"
	wait_is 2 eval 'dead .id | wc -l'
	ph dead discard --all --queue crm --yes | grep -q discarded
	equal "$(dead .queue)" inbound
	equal "$(status balance) $(status discarded)" '0 1'
	grep -qE "control-command verb=dead.discard uid=$(id -u) pid=[0-9]+ about=.*all=yes" "$WORK/packhorsed.log"
	wait_is 5 eval 'kept crm case .id | wc -l' # three that went through, two replayed
}

@test "tables are plain where no terminal is, and follow one that is narrow" {
	not grep -q $'\e' <<<"$(ph queue ls)"
	not grep -q $'\e' <<<"$(NO_COLOR=1 script -qec "$PACKHORSE queue ls --socket $RUN/control" /dev/null 2>&1)"
}
