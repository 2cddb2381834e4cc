# What the stories share: a site on temporary sockets and free ports, its vendors, and ways to
# wait for something. Every wait has a deadline; the only pause is in wait_until.
#
# PACKHORSE_BUILD is the directory of the build under test. A build with AddressSanitizer is fine;
# whatever a sanitizer says in a log makes the test fail.

ROOT=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
BUILD=${PACKHORSE_BUILD:-$ROOT/build}
PYTHON=/usr/bin/python3
export PYTHONDONTWRITEBYTECODE=1
export ASAN_OPTIONS="${ASAN_OPTIONS:-detect_leaks=1}:abort_on_error=0:exitcode=99"
export UBSAN_OPTIONS="${UBSAN_OPTIONS:-print_stacktrace=1:halt_on_error=1}"
JURISDICTION=calderdale
KEY=demo-key
PATIENCE=${PACKHORSE_PATIENCE:-30} # seconds that a wait lasts at most

# --- waiting ---

# wait_until COMMAND...: until the command succeeds.
wait_until() {
	local end=$((SECONDS + PATIENCE))
	until "$@"; do
		if ((SECONDS >= end)); then
			echo "waited $PATIENCE s in vain for: $*" >&2
			return 1
		fi
		sleep 0.05
	done
}

# is EXPECTED COMMAND...: does the command print just this?
is() {
	local expected=$1
	shift
	[ "$("$@" 2>/dev/null)" = "$expected" ]
}

# wait_is EXPECTED COMMAND...: until the command prints just this.
wait_is() {
	wait_until is "$@" || {
		echo "expected '$1', got '$("${@:2}" 2>&1)'" >&2
		return 1
	}
}

# said_before FILE: what a broker said before its death may still be on its way: until the file has
# something, for a moment. A broker that is built to speak too early is given more.
said_before() {
	local end=$((SECONDS + ${PACKHORSE_MUTANT:+18} + 2))
	until [ -s "$1" ] || ((SECONDS >= end)); do
		sleep 0.05
	done
}

# equal GOT EXPECTED
equal() {
	[ "$1" = "$2" ] || {
		printf 'got      %s\nexpected %s\n' "$1" "$2" >&2
		return 1
	}
}

# not COMMAND...: the command has to fail. (A plain "!" never fails a test.)
not() {
	if "$@"; then
		echo "should have failed: $*" >&2
		return 1
	fi
}

# --- the site ---
#
# The simulated vendors are started once for a file of stories and told to forget everything
# before each; broker, hosts, declarations and state are new for each story. A story that needs
# less than that may say so in its own setup.

# site_lay: a place, free ports, the demo's site, retried sooner than there; but a vendor that is only
# starved by whatever else this machine does has time to answer, and one that is down may be so for minutes.
site_lay() {
	local name laid
	WORK=$(mktemp -d "${TMPDIR:-/tmp}/ph-test.XXXXXX")
	RUN=$(mktemp -d /tmp/ph.XXXXXX)
	laid=$("$PYTHON" "$ROOT/demo/parts.py" stage "$BUILD" "$WORK" "$RUN") || return
	eval "$laid"
	for name in highways waste crm; do
		sed -i -e '/^retry:/d' -e 's/^http:/&\n  timeout: 60s/' "$WORK/site/adapters/$name.yaml"
		echo 'retry: {first: 100ms, factor: 2, max: 500ms, tries: 1000}' \
			>>"$WORK/site/adapters/$name.yaml"
	done
	cp -r "$WORK/site" "$WORK/site.new"
	site_save
}

# site_prepare: the same, and the vendors run.
site_prepare() {
	site_lay
	vendors_start
	site_save
}

# Stories run in processes of their own: what they share stands in a file.
site_save() {
	local name names=(WORK RUN PACKHORSE PACKHORSED BROKER "${!PORT_@}" "${!PID_@}" "${!CONTROL_@}"
		"${!OPTIONS_@}")
	for name in "${names[@]}"; do
		printf '%s=%q\n' "$name" "${!name:-}"
	done >"$BATS_FILE_TMPDIR/site"
}

# site_load: what site_lay made, without touching it.
site_load() {
	[ -e "$BATS_FILE_TMPDIR/site" ] || return
	# shellcheck disable=SC1091
	. "$BATS_FILE_TMPDIR/site"
	URL=http://127.0.0.1:$PORT_open311
	PACKHORSED=${PACKHORSE_BROKER:-$PACKHORSED}
}

# site_fresh: the declarations as they were, no state, no log.
site_fresh() {
	site_load
	find "$WORK" "$RUN" -mindepth 1 -maxdepth 1 ! -name site.new ! -name plugins \
		! -name '*.jsonl' ! -name '*.out' -exec rm -rf {} +
	cp -r "$WORK/site.new" "$WORK/site"
	: >"$WORK/packhorsed.log"
}

# site_new: the same, with vendors without a memory; the broker is not started.
site_new() {
	site_fresh
	vendors_reset
}

# site_plain: a fresh site without adapters: events of type council.test.v1 go to the queue "test".
site_plain() {
	site_fresh
	rm -r "$WORK"/site/adapters/* "$WORK"/site/routes/*
	echo 'queues: {test: {}}' >>"$WORK/site/packhorse.yaml"
	cat >"$WORK/site/routes/test.yaml" <<-'YAML'
		routes:
		  - route: everything to the test
		    purpose: test
		    when: {type: council.test.v1}
		    to: [test]
	YAML
	broker_launch
	wait_until broker_answers
}

# site_up: the same, with everything started. Statuses change only when told.
site_up() {
	site_new
	broker_start
}

# site_down: stop the broker and all hosts, and see whether all was well.
site_down() {
	local said=0
	broker_stop
	hosts_kill TERM
	site_check || said=1
	if [ "$said" = 1 ] || [ "${BATS_TEST_COMPLETED:-}" != 1 ]; then
		tail -n 40 "$WORK"/packhorsed.log >&2 || true
		if [ -n "${PACKHORSE_KEEP:-}" ]; then
			cp -r "$WORK" "$PACKHORSE_KEEP/${BATS_TEST_FILENAME##*/}.$BATS_TEST_NUMBER"
		fi
	fi
	site_save
	return "$said"
}

site_remove() {
	local name
	site_load || return 0
	[ -z "${BROKER:-}" ] || broker_stop
	hosts_kill TERM
	for name in highways waste crm; do
		vendor_end "$name" TERM
	done
	rm -rf "$RUN" "$WORK"
}

# site_check: nothing a sanitizer or an assertion said is in the log.
site_check() {
	not grep -E 'ERROR: [A-Za-z]*Sanitizer|runtime error:|assertion|PH_ASSERT' "$WORK"/packhorsed.log
}

# What most stories want; a file may define its own.
setup_file() { site_prepare; }
teardown_file() { site_remove; }
setup() { site_up; }
teardown() { site_down; }

# --- the broker, its hosts and the command line ---

broker_start() {
	broker_launch
	wait_until adapters_up
	wait_until services_answer
}

# broker_launch: start it and wait for nothing.
broker_launch() {
	"$PACKHORSED" -c "$WORK/site" >>"$WORK/packhorsed.log" 2>&1 3>&- &
	BROKER=$!
}

broker_kill() {
	kill -KILL "$BROKER"
	wait "$BROKER" 2>/dev/null || true
	wait_until gone "$BROKER"
}

broker_stop() {
	[ -n "${BROKER:-}" ] || return 0
	kill -TERM "$BROKER" 2>/dev/null || true
	wait_until gone "$BROKER"
	wait "$BROKER" 2>/dev/null || true
	BROKER=
}

# hosts_kill [SIGNAL]: all hosts of this site, while the broker is away.
hosts_kill() {
	local pids
	pids=$("$PYTHON" "$ROOT/demo/parts.py" orphans "$RUN")
	[ -n "$pids" ] || return 0
	# shellcheck disable=SC2086
	kill "-${1:-KILL}" $pids 2>/dev/null || true
	for pid in $pids; do
		wait_until gone "$pid"
	done
}

gone() {
	[ ! -e "/proc/$1/stat" ] || [ "$(sed 's/.*) //; s/ .*//' "/proc/$1/stat" 2>/dev/null)" = Z ]
}

broker_answers() { ph status >"$WORK/out" 2>&1; }

adapters_up() {
	[ "$(ph adapter ls --json 2>/dev/null | jq -s 'map(select(.state == "up")) | length')" = 4 ]
}

services_answer() { curl -sf -o "$WORK/out" "$URL/services.xml?jurisdiction_id=$JURISDICTION"; }

# ph WORDS...: the command line on this site.
ph() { "$PACKHORSE" "$@" --socket "$RUN/control"; }

# queue NAME FIELD
queue() { ph queue ls --json | jq -r --arg q "$1" "select(.queue == \$q) | .$2"; }

# status FIELD
status() { ph status --json | jq -r ".$1"; }

# pending: what is not settled, in all queues.
pending() { ph queue ls --json | jq -s 'map(.ready + .in_flight + .held) | add'; }

# settle_down: until nothing is on its way; then the books must balance.
settle_down() {
	wait_is 0 pending
	equal "$(status balance)" 0
}

host_pid() { ph adapter ls --json | jq -r --arg a "$1" 'select(.adapter == $a) | .pid'; }

# host_kill ADAPTER: SIGKILL; returns when another has taken its place.
host_kill() {
	local before
	before=$(host_pid "$1")
	kill -KILL "$before"
	wait_until host_differs "$1" "$before"
	wait_until adapters_up
}

host_differs() {
	local now
	now=$(host_pid "$1")
	[ -n "$now" ] && [ "$now" != null ] && [ "$now" != 0 ] && [ "$now" != "$2" ]
}

# dead FILTER: dead letters through a filter of jq, one a line.
dead() {
	local rows
	rows=$(ph dead ls --json) || {
		echo "dead ls failed"
		return 1
	}
	jq -r "$1" <<<"$rows"
}

# --- the vendors ---

vendors_start() {
	local name
	for name in highways waste crm; do
		vendor_launch "$name"
	done
	for name in highways waste crm; do
		vendor_ready "$name"
	done
}

# vendors_reset: those that run forget everything, the others are started.
vendors_reset() {
	local name pid
	for name in highways waste crm; do
		pid=PID_$name
		if [ -n "${!pid:-}" ] && ! gone "${!pid}"; then
			tell "$name" reset '{}'
		else
			rm -f "$WORK/$name.jsonl"
			vendor_launch "$name" --status-after 0
		fi
	done
	for name in highways waste crm; do
		vendor_ready "$name"
	done
}

# vendor_start NAME [OPTIONS...]: on its port, from its file; options of before are kept.
vendor_start() {
	vendor_launch "$@"
	vendor_ready "$1"
}

vendor_launch() {
	local name=$1 port=PORT_$1 options=OPTIONS_$1
	shift
	if [ $# -gt 0 ] || [ -z "${!options:-}" ]; then
		declare -g "$options=--status-after 0 $*"
	fi
	case $name in
	highways) set -- --foreign 1 ;;
	waste) set -- --webhook "http://127.0.0.1:$PORT_hook/waste/whitespace" --retry 0.2 ;;
	crm) set -- --key crm-key ;;
	esac
	: >"$WORK/$name.out"
	# shellcheck disable=SC2086
	"$PYTHON" -B "$ROOT/tests/vendors/$name.py" --port "${!port}" --file "$WORK/$name.jsonl" \
		"$@" ${!options} >"$WORK/$name.out" 2>>"$WORK/$name.log" 3>&- &
	declare -g "PID_$name=$!"
}

vendor_ready() {
	wait_until grep -q '^control' "$WORK/$1.out"
	declare -g "CONTROL_$1=$(sed -n 's/^control //p' "$WORK/$1.out")"
}

# vendor_end NAME SIGNAL
vendor_end() {
	local pid=PID_$1
	[ -n "${!pid:-}" ] || return 0
	kill "-$2" "${!pid}" 2>/dev/null || true
	wait "${!pid}" 2>/dev/null || true # ours, or of the shell that prepared the site
	wait_until gone "${!pid}"
	declare -g "$pid="
}

# tell NAME ORDER JSON: tell a simulator something.
tell() {
	local control=CONTROL_$1
	curl -sf -d "$3" "http://127.0.0.1:${!control}/_sim/$2" -o "$WORK/told" || {
		echo "$1 does not take $2 $3" >&2
		return 1
	}
}

# mode NAME JSON
mode() { tell "$1" mode "$2"; }

# kept NAME KIND [FILTER]: rows of a simulator's file through a filter of jq.
kept() {
	[ -e "$WORK/$1.jsonl" ] || return 0
	jq -r --arg kind "$2" "select(.kind == \$kind) | ${3:-.}" "$WORK/$1.jsonl"
}

# count NAME KIND REFERENCE: how many of them.
count() {
	jq -s --arg kind "$2" --arg reference "$3" \
		'map(select(.kind == $kind and .reference == $reference)) | length' "$WORK/$1.jsonl"
}

# --- GeoReport ---

# post SERVICE ID TEXT [CURL OPTIONS...]: sets STATUS, BODY and REFERENCE.
post() {
	local service=$1 ident=$2 text=$3 answer=$WORK/answer.$BASHPID # some post at the same time
	shift 3
	: >"$answer" # nothing may come
	STATUS=$(curl -s -o "$answer" -w '%{http_code}' --max-time 60 \
		--data-urlencode "service_code=$service" \
		--data-urlencode "attribute[fixmystreet_id]=$ident" \
		--data-urlencode "description=$text" \
		-d "api_key=$KEY" -d "jurisdiction_id=$JURISDICTION" -d lat=53.7247 -d long=-1.8631 \
		"$@" "$URL/requests.xml") || true
	BODY=$(cat "$answer")
	REFERENCE=$(sed -n 's|.*<service_request_id>\([^<]*\)</service_request_id>.*|\1|p' <<<"$BODY")
	rm -f "$answer"
}

# accepted SERVICE ID TEXT [CURL OPTIONS...]: post, and it has to be taken.
accepted() {
	post "$@"
	if [[ ! $STATUS =~ ^20[01]$ || ! $REFERENCE =~ ^SR-[0-9A-Z]{13}$ ]]; then
		echo "POST of $2 ($1): $STATUS $BODY" >&2
		return 1
	fi
}

# title TEXT: the description as FixMyStreet writes it.
title() {
	printf 'title: %s\n\ndetail: %s\n\nurl: https://fixmystreet.example/report/1\n\nSubmitted via FixMyStreet\n' \
		"$1" "${2:-$1}"
}

# get PATH [NAME=VALUE...]: sets STATUS and BODY.
get() {
	local path=$1 pair
	shift
	local options=(-G --data-urlencode "jurisdiction_id=$JURISDICTION" --data-urlencode "api_key=$KEY")
	for pair in "$@"; do
		options+=(--data-urlencode "$pair")
	done
	STATUS=$(curl -s -o "$WORK/body" -w '%{http_code}' --max-time 60 --path-as-is \
		"${options[@]}" "$URL/$path") || true
	BODY=$(cat "$WORK/body")
}

# updates [FILTER]: all updates of the last hour, in JSON, through a filter of jq.
updates() {
	get servicerequestupdates.json "start_date=$(date -u -d '-1 hour' +%FT%TZ)" \
		"end_date=$(date -u -d '+1 hour' +%FT%TZ)"
	jq -r "${1:-.}" <<<"$BODY"
}

# update_count REFERENCE
update_count() { updates "map(select(.service_request_id == \"$1\")) | length"; }

# --- declarations ---

# mine ADAPTER FOLDER WORD: copy the connector's file in that folder which has the word into the
# site, where it is found first; prints the copy's path.
mine() {
	local file
	file=$(grep -lF -- "$3" "$ROOT/adapters/$1/$2"/* | head -1)
	[ -n "$file" ] || {
		echo "no file in adapters/$1/$2 has $3" >&2
		return 1
	}
	mkdir -p "$WORK/site/$2"
	cp "$file" "$WORK/site/$2/"
	echo "$WORK/site/$2/${file##*/}"
}

# reload: what was changed in the site holds now.
reload() {
	broker_stop
	broker_start
}
