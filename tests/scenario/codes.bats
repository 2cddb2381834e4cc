#!/usr/bin/env bats
# Codes that no table has: what came is held, and goes on when the table is mended.

load helpers

@test "a service without a row: held as a dead letter, sent when the row is there" {
	without_road_signs
	accepted 'Road Traffic Signs' 1501 "$(title 'A sunken sign')"
	wait_is unknown-code dead .reason
	equal "$(dead .stage)" map
	equal "$(dead .queue)" highways
	equal "$(count crm case "$REFERENCE")" 1
	equal "$(kept highways enquiry .number)" ''
	local letter
	letter=$(ph dead show "$(dead .id)")
	grep -q 'PH2' <<<"$letter"
	not grep -q 'sunken' <<<"$letter"

	ph dead replay "$(dead .id)" # not mended yet: it comes back
	wait_is unknown-code dead .reason
	equal "$(status balance)" 0

	sed -i 's/^road-signs,.*/road-signs,HM,GULL,*,*/' "$TABLE"
	reload
	equal "$(dead .reason)" unknown-code
	ph dead replay "$(dead .id)"
	settle_down
	equal "$(kept highways enquiry '.record.ServiceCode + "/" + .record.SubjectCode')" HM/GULL
	equal "$(dead .id)" ''
	equal "$(count crm case "$REFERENCE")" 1
	equal "$(ph xref get service-request highways 2000001 --json | jq -r .canonical_id)" "$REFERENCE"
}

without_road_signs() {
	broker_stop
	TABLE=$(mine highways codes POTH)
	printf '%s\n' canonical,ServiceCode,SubjectCode,in,out 'road-signs,(none),(none),,*' >"$TABLE"
	broker_start
}

@test "a code the vendor does not know: refused by it, sent anew with the mended row" {
	broker_stop
	TABLE=$(mine highways codes POTH)
	sed -i 's/^potholes,HM,POTH,/potholes,HM,WRNG,/' "$TABLE"
	broker_start
	accepted Potholes 1502 "$(title 'A hole')"
	wait_is rejected dead .reason
	ph dead show "$(dead .id)" --json | jq -r .text | grep -q 'WRNG is not known'
	sed -i 's/^potholes,HM,WRNG,/potholes,HM,POTH,/' "$TABLE"
	reload
	ph dead replay "$(dead .id)"
	settle_down
	equal "$(kept highways enquiry .record.SubjectCode)" POTH
	equal "$(dead .id)" ''
}

@test "a status without a row: held, counted once, an update when the row is there" {
	accepted Potholes 1503 "$(title 'A hole')"
	settle_down
	tell highways status '{"number": 2000001, "code": "QQQ"}'
	wait_is unknown-code dead .reason
	equal "$(dead .queue)" inbound
	tell highways status '{"number": 2000001, "code": "FIX"}' # the next one is not held up
	wait_is 1 count crm change "$REFERENCE"
	host_kill highways
	wait_is unknown-code dead .reason # polled again, held once
	equal "$(unmapped '"\(.table) \(.direction) \(.code[0]) \(.count)"')" \
		"$(basename "$(mine highways codes EnquiryStatusCode)") in QQQ 1"
	equal "$(status balance)" 0

	TABLE=$(mine highways codes EnquiryStatusCode)
	head -1 "$TABLE" | grep -q '^EnquiryStatusCode,canonical,in,'
	echo 'QQQ,investigating,*,' >>"$TABLE"
	reload
	ph dead replay "$(dead .id)"
	wait_is 2 count crm change "$REFERENCE"
	settle_down
	equal "$(dead .id)" ''
	equal "$(updates 'map(.status) | sort | join(" ")')" 'fixed investigating'
}

@test "an unknown service is refused at the door, and nothing is kept" {
	post 'Dragons' 1504 "$(title 'One on the roof')"
	equal "$STATUS" 404
	settle_down
	equal "$(status accepted)" 0
	equal "$(dead .id)" ''
	accepted Potholes 1504 "$(title 'A hole')"
}

@test "a discarded letter is gone, and the books still balance" {
	mode highways '{"mode": "fault", "kind": "client", "count": 1}'
	accepted Potholes 1505 "$(title 'A hole')"
	wait_is rejected dead .reason
	ph dead discard "$(dead .id)" --dry-run
	equal "$(dead .reason)" rejected
	ph dead discard "$(dead .id)"
	equal "$(dead .id)" ''
	equal "$(status balance)" 0
	equal "$(status discarded)" 1
	run ph dead replay highways/999999
	equal "$status" 1
}

@test "codes without a row are listed until they have one" {
	without_road_signs
	accepted 'Road Traffic Signs' 1506 "$(title 'A sunken sign')"
	wait_is unknown-code dead .reason
	accepted 'Road Traffic Signs' 1507 "$(title 'Another')"
	wait_is 2 unmapped 'select(.direction == "out").count'
	equal "$(unmapped 'select(.direction == "out") | "\(.table) \(.adapter) \(.code[0])"')" \
		'confirm-services.csv highways road-signs'
	equal "$(unmapped 'select(.direction == "out") | .first_ms <= .last_ms and .first_ms > 0')" true
	not grep -q 'sunken' <<<"$(unmapped .)"
	sed -i 's/^road-signs,.*/road-signs,HM,GULL,*,*/' "$TABLE"
	equal "$(unmapped 'select(.direction == "out").count')" ''
	reload
	ph dead replay --all --reason unknown-code --yes
	settle_down
	equal "$(ph codes unmapped -c "$WORK/site")" 'every code has a row'
}

unmapped() {
	local rows
	rows=$(ph codes unmapped --json -c "$WORK/site") || {
		echo "codes unmapped failed"
		return 1
	}
	jq -r "$1" <<<"$rows"
}
