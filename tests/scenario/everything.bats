#!/usr/bin/env bats
# A report comes in, reaches the systems it is for, and what they say of it comes back.

load helpers

@test "a report for highways: there with its reference, back with each change of status" {
	accepted Potholes 1001 "$(title 'A hole')" -d first_name=Hyacinth -d last_name=Jagger-Plumb \
		-d email=h@example.org
	settle_down
	equal "$(count highways enquiry "$REFERENCE")" 1
	equal "$(count waste worksheet "$REFERENCE")" 0
	equal "$(count crm case "$REFERENCE")" 1
	equal "$(kept highways enquiry '.record.ServiceCode + "/" + .record.SubjectCode')" HM/POTH
	equal "$(kept highways enquiry .record.EnquiryCustomer.CustomerSurname)" Jagger-Plumb
	equal "$(ph xref get service-request highways 2000001 --json | jq -r .canonical_id)" "$REFERENCE"

	tell highways status '{"number": 2000001, "code": "INP"}'
	tell highways status '{"number": 2000001, "code": "FIX"}'
	wait_is 2 count crm change "$REFERENCE"
	equal "$(kept crm change .record.status | tr '\n' ,)" 'in progress,resolved,'
	equal "$(kept crm change .record.note)" $'null\nnull'
	equal "$(updates 'map(.update_id + " " + .service_request_id + " " + .status) | sort | .[]')" \
		"2000001_2 $REFERENCE in_progress"$'\n'"2000001_3 $REFERENCE fixed"
	settle_down
	ph case show "$REFERENCE" --json | jq -s -e 'length >= 5'
}

@test "a report for waste: there with its reference, back through the webhook" {
	accepted 'Missed Collection' 1002 "$(title 'Bin not emptied')" \
		--data-urlencode 'attribute[uprn]=000012345678'
	settle_down
	equal "$(kept waste worksheet .record.Uprn)" 000012345678
	equal "$(kept waste worksheet .record.WorksheetReference)" "$REFERENCE"
	equal "$(ph xref get service-request waste 500001 --json | jq -r .canonical_id)" "$REFERENCE"

	tell waste complete '{"id": 500001}'
	wait_is resolved kept crm change .record.status
	wait_is 1 update_count "$REFERENCE"
	wait_is 500001 kept waste poked .id
	settle_down
}

@test "a report that only opens a case" {
	accepted Tree 1003 "$(title 'A tree leans')"
	settle_down
	equal "$(count crm case "$REFERENCE")" 1
	equal "$(kept highways enquiry .number)$(kept waste worksheet .id)" ''
	equal "$(status delivered)" 1
}

@test "what other people's enquiries went through is ignored" {
	tell highways status '{"number": 1000001, "code": "FIX"}'
	accepted Potholes 1004 "$(title 'A hole')"
	settle_down
	tell highways status '{"number": 2000001, "code": "FOR"}'
	tell highways status '{"number": 2000001, "code": "FIX"}'
	wait_is 1 count crm change "$REFERENCE"
	settle_down
	equal "$(kept crm change .record.status)" resolved
	equal "$(dead .id)" ''
	equal "$(updates length)" 1
}

@test "emoji and line breaks arrive as they were written" {
	local text
	text=$(title $'\U1F407 "quotes" & <angles>' $'first\r\nsecond\n\n\U1F9D1\U1F3FD\u200d\U1F33E ]]> \u00e9e\u0301 \u2028 %0D + ; \\n')
	accepted Potholes 1005 "$text"
	equal "$(kept highways enquiry 'input_line_number | empty')" ''
	settle_down
	equal "$(jq -j 'select(.kind == "enquiry") | .record.EnquiryDescription' "$WORK/highways.jsonl" | sha256sum)" \
		"$(printf '%s' "$text" | sha256sum)"
	equal "$(jq -j 'select(.kind == "case") | .record.details' "$WORK/crm.jsonl" | sha256sum)" \
		"$(printf '%s' "$text" | sha256sum)"
	accepted Graffiti 1006 "$text"
	settle_down
	equal "$(jq -j 'select(.kind == "worksheet") | .record.WorksheetMessage' "$WORK/waste.jsonl" |
		grep -c $'second\|first\r')" 2
}
