#!/usr/bin/env bats
# What people wrote does not stay on a quiet site: once it is settled and `retain` is over, it is in no
# file of the journal any more, though hardly anything was written since.

load helpers

setup() {
	site_new
	echo 'limits: {segment-bytes: 1M, reserve-bytes: 1M, retain: 1s, checkpoint-after: 100ms}' \
		>>"$WORK/site/packhorse.yaml"
	broker_start
}

# held: the files of the journal that have the word in them.
held() { grep -lF Marmaladesandwich -r "$WORK/state/journal" || true; }

@test "a report that is settled leaves the journal when its time is over" {
	accepted Tree 901 "$(title 'A Marmaladesandwich in the tree')"
	settle_down
	wait_is '' held
	equal "$(ph queue ls --json | jq -s 'map(.dead) | add')" 0
	equal "$(status balance)" 0
	broker_kill
	broker_start
	equal "$(held)" ''
	get "requests/$REFERENCE.xml"
	equal "$(status balance)" 0
	not grep -F Marmaladesandwich "$WORK/packhorsed.log"
}
