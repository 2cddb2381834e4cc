#!/usr/bin/env bats
# Texts longer than a system takes.

load helpers

# times N TEXT
times() { "$PYTHON" -c 'import sys; print(sys.argv[2] * int(sys.argv[1]), end="")' "$1" "$2"; }

# ends VENDOR KIND FILTER: length in characters and the last two of them, of a text it was sent
ends() { kept "$1" "$2" "$3 | \"\(length) \(.[-2:])\""; }

@test "cut at 2,000 characters, none of them split, and it says that there was more" {
	# 1,999 characters and one outside the basic plane fit as they are
	accepted Potholes 1701 "$(times 1999 a)"$'\U1F407'
	settle_down
	equal "$(ends highways enquiry .record.EnquiryDescription)" $'2000 a\U1F407'
	# one more does not
	accepted Potholes 1702 "$(times 1999 a)"$'\U0001F407b'
	settle_down
	equal "$(ends highways enquiry 'select(.number == 2000002) | .record.EnquiryDescription')" '2000 a…'
	# 2,000 of them are 2,000 characters, whatever they are in UTF-8 or UTF-16
	accepted Potholes 1703 "$(times 2000 $'\U1F407')"
	settle_down
	equal "$(ends highways enquiry 'select(.number == 2000003) | .record.EnquiryDescription')" \
		$'2000 \U1F407\U1F407'
	accepted Potholes 1704 "$(times 1998 a)"$'\U0001F407bc'
	settle_down
	equal "$(ends highways enquiry 'select(.number == 2000004) | .record.EnquiryDescription')" $'2000 \U1F407…'
	# the case system takes it whole
	equal "$(jq -s 'map(select(.kind == "case") | .record.details | length) | join(",")' -r "$WORK/crm.jsonl")" \
		2000,2001,2000,2001
}

@test "4,000 characters are taken, 4,001 are refused" {
	accepted Tree 1710 "$(times 4000 $'\U1F333')"
	settle_down
	equal "$(jq '.record.details | length' "$WORK/crm.jsonl")" 4000
	post Tree 1711 "$(times 4001 x)"
	equal "$STATUS" 400
}

@test "long names and titles are cut to fit" {
	accepted Potholes 1720 "$(title "$(times 200 t)")" -d first_name="$(times 40 F)" \
		-d last_name="$(times 31 S)" -d email=f@example.org
	settle_down
	equal "$(ends highways enquiry .record.EnquiryCustomer.CustomerForename | cut -d' ' -f1)" 30
	equal "$(ends highways enquiry .record.EnquiryCustomer.CustomerSurname | cut -d' ' -f1)" 30
	equal "$(ends crm case .record.title)" '120 t…'
}
