#!/usr/bin/env bats
# A 2xx is a promise. The broker is built to die on purpose just before what it was told is
# written; whoever was promised something by then was lied to.

load helpers

setup_file() { site_lay; }

# Reports come in through the GeoReport server and stay in a queue that nobody empties.
setup() {
	site_fresh
	rm "$WORK"/site/adapters/{highways,waste,crm}.yaml
	echo 'queues: {kept: {}}' >>"$WORK/site/packhorse.yaml"
	cat >"$WORK/site/routes/demo.yaml" <<-'YAML'
		routes:
		  - route: keep everything
		    purpose: test
		    when: {type: council.*}
		    to: [kept]
	YAML
}

# alive_or_answers: until the broker is dead or its GeoReport server answers.
alive_or_answers() { gone "$BROKER" || services_answer; }

# report: post one, and write down in one go what was answered.
report() {
	post Tree 2101 "$(title 'A tree')"
	echo "$STATUS $REFERENCE" >"$WORK/answer.new"
	mv "$WORK/answer.new" "$WORK/answered"
}

@test "no 2xx before the report is on the disk" {
	local death poster= promised=no
	PACKHORSED=$(find "$BUILD" -name packhorsed-mutant -type f | head -1)
	[ -n "$PACKHORSED" ]
	# the flushes of the start come first; the one that ends a broker which answered was the report's
	for death in {1..12}; do
		rm -rf "$WORK/state"
		PACKHORSE_CRASH_AT=flush-begin:$death broker_launch
		wait_until alive_or_answers
		if gone "$BROKER"; then
			hosts_kill
			continue
		fi
		break
	done
	report 3>&- &
	poster=$!
	wait_until gone "$BROKER"
	said_before "$WORK/answered"
	[ ! -s "$WORK/answered" ] || promised=$(sed -n 's/^2.. //p' "$WORK/answered")
	broker_launch
	wait_until services_answer
	if [ "${promised:-no}" != no ]; then
		get "requests/$promised.xml"
		equal "$STATUS" 200
	fi
	wait "$poster" # taken by now, or refused
	accepted Tree 2101 "$(title 'A tree')"
	equal "$(queue kept ready)" 1
	equal "$(status balance)" 0
}
