#!/usr/bin/env bats
# A map that says the wrong thing: the vendor refuses what comes of it, its reason is kept with the
# dead letter, and the letter goes on through the mended map. Where the map names the vendor's
# schema, it is not even sent.

load helpers

setup() {
	site_new
	MAP=$(mine highways maps 'map: confirm-enquiry')
	sed -i '/^  schema: /d' "$MAP"
}

# wrong [TEXT]: start, post, and the letter is refused by the vendor's own schema.
wrong() {
	broker_start
	accepted Potholes 1801 "${1:-$(title 'A hole')}"
	wait_is rejected dead .reason
	equal "$(dead '.queue + " " + .stage')" 'highways send'
	equal "$(kept highways enquiry .number 2>/dev/null)" ''
	LETTER=$(ph dead show "$(dead .id)" --json)
	wait_is 1 count crm case "$REFERENCE"
	equal "$(status balance)" 0
}

# mended: the connector's own map again, and the letter through it.
mended() {
	rm "$MAP"
	reload
	ph dead replay "$(dead .id)"
	settle_down
	equal "$(count highways enquiry "$REFERENCE")" 1
	equal "$(dead .id)" ''
}

@test "two elements swapped" {
	sed -n '/EnquiryDescription/p' "$MAP" >"$WORK/line"
	sed -i '/EnquiryDescription/d' "$MAP"
	sed -i "/(ServiceCode, SubjectCode)/r $WORK/line" "$MAP"
	wrong
	grep -q 'EnquiryDescription' <<<"$LETTER"
	grep -q 'not expected' <<<"$LETTER"
	mended
}

@test "a text that is too long" {
	sed -i '/EnquiryDescription/s/ *|.*//' "$MAP"
	wrong "$("$PYTHON" -c 'print("long " * 500)')"
	grep -q "2[0-9]*" <<<"$(jq -r .text <<<"$LETTER")"
	grep -q EnquiryDescription <<<"$LETTER"
	not grep -q 'long long' <<<"$LETTER"
	mended
}

@test "what the schema does not allow is not sent" {
	sed -i '/EnquiryDescription/s/ *|.*//; s/^  empty: /  schema: confirm-enquiry.xsd\n&/' "$MAP"
	broker_start
	accepted Potholes 1801 "$("$PYTHON" -c 'print("long " * 500)')"
	wait_is invalid dead .reason
	equal "$(dead '.queue + " " + .stage')" 'highways validate'
	LETTER=$(ph dead show "$(dead .id)" --json)
	grep -q 'PH3405 a text that is too long; the most is 2000' <<<"$LETTER"
	grep -q 'description -> EnquiryDescription' <<<"$(jq -r .path <<<"$LETTER")"
	not grep -q 'long long' <<<"$LETTER"
	equal "$(kept highways enquiry .number 2>/dev/null)" ''
	mended
}

@test "a map that cannot be read stops its adapter only, and says where" {
	sed -i 's/| fit(2000, ellipsis)/| fot(2000, ellipsis)/' "$MAP"
	run ph config check "$WORK/site"
	equal "$status" 1
	grep -qE 'confirm-enquiry.yaml:[0-9]+:[0-9]+: PH2201' <<<"$output"
	broker_launch
	wait_until services_answer
	accepted Potholes 1802 "$(title 'A hole')"
	wait_is 1 count crm case "$REFERENCE"
	equal "$(queue highways ready)" 1
	wait_until eval 'ph adapter ls --json | jq -r "select(.adapter == \"highways\") | .last_error" | grep -q PH'
	grep -qE 'confirm-enquiry.yaml:[0-9]+:[0-9]+: PH2201' "$WORK/packhorsed.log"
	rm "$MAP"
	reload
	settle_down
	equal "$(count highways enquiry "$REFERENCE")" 1
}
