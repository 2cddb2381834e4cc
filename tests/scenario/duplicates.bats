#!/usr/bin/env bats
# The same report posted again is the same report.

load helpers

@test "a repeated POST gets the same reference, and nothing is sent twice" {
	accepted Potholes 401 "$(title 'A hole')"
	local first=$REFERENCE
	accepted Potholes 401 "$(title 'A hole')"
	equal "$REFERENCE" "$first"
	settle_down
	accepted Potholes 401 "$(title 'A hole')"
	equal "$REFERENCE" "$first"
	broker_kill
	broker_start
	accepted Potholes 401 "$(title 'A hole')"
	equal "$REFERENCE" "$first"
	host_kill open311
	wait_until services_answer
	accepted Potholes 401 "$(title 'A hole')"
	equal "$REFERENCE" "$first"
	settle_down
	equal "$(count highways enquiry "$first")$(count crm case "$first")" 11
	equal "$(kept highways enquiry .number)" 2000001
}

@test "ten impatient clients at once make one report" {
	local n posters=()
	for n in {1..10}; do
		(
			post Potholes 402 "$(title 'A hole')"
			echo "$STATUS $REFERENCE" >"$WORK/taken.$n"
		) &
		posters+=($!)
	done
	wait "${posters[@]}"
	equal "$(sed 's/^20[01] //' "$WORK"/taken.* | sort -u | wc -l)" 1
	equal "$(grep -c '^20[01] SR-' "$WORK"/taken.* | grep -c ':1')" 10
	settle_down
	equal "$(kept highways enquiry .number)" 2000001
	equal "$(kept crm case .id)" CAS-000001
}

@test "the same text under another id is another report" {
	accepted Potholes 403 "$(title 'A hole')"
	local first=$REFERENCE
	accepted Potholes 404 "$(title 'A hole')"
	[ "$REFERENCE" != "$first" ]
	settle_down
	equal "$(count highways enquiry "$first")$(count highways enquiry "$REFERENCE")" 11
}

@test "the same id under another service is another report" {
	accepted Potholes 405 "$(title 'A hole')"
	local first=$REFERENCE
	accepted Tree 405 "$(title 'A hole')"
	[ "$REFERENCE" != "$first" ]
	settle_down
	equal "$(kept crm case .id | wc -l)" 2
}

@test "other content under the same id is refused, and kept and logged once as a conflict" {
	accepted Potholes 406 "$(title 'A hole')"
	local first=$REFERENCE
	post Potholes 406 "$(title 'No hole at all')"
	[[ $STATUS =~ ^4 ]]
	post Potholes 406 "$(title 'No hole at all')"
	[[ $STATUS =~ ^4 ]]
	settle_down
	equal "$(dead .reason)" conflict
	equal "$(grep -c " publish-conflict " "$WORK/packhorsed.log")" 1
	equal "$(count highways enquiry "$first")" 1
}
