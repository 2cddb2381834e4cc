#!/usr/bin/env bats
# A vendor takes a call and never answers: nobody knows whether it arrived, so it is held for an
# operator and never sent again by itself.

load helpers

setup() {
	site_new
	sed -i 's/^  timeout: .*/  timeout: 1s/' "$WORK/site/adapters/highways.yaml"
	broker_start
}

# patient: from now on a vendor has its time again, also on a machine that has much else to do.
patient() {
	sed -i 's/^  timeout: .*/  timeout: 60s/' "$WORK/site/adapters/highways.yaml"
	reload
}

@test "a delivery without an answer ends as outcome-unknown and is never sent twice" {
	mode highways '{"mode": "hang", "count": 1}'
	accepted Potholes 301 "$(title 'A hole')"
	wait_is outcome-unknown dead .reason
	equal "$(dead .queue)" highways
	equal "$(count highways enquiry "$REFERENCE")" 1

	# the next ones go on
	patient
	local held=$REFERENCE
	accepted Potholes 302 "$(title 'Another hole')"
	settle_down
	equal "$(count highways enquiry "$REFERENCE")" 1

	# nor does anybody send it again after they were killed
	host_kill highways
	broker_kill
	broker_start
	accepted Potholes 303 "$(title 'A third hole')"
	settle_down
	equal "$(count highways enquiry "$REFERENCE")" 1
	equal "$(count highways enquiry "$held")" 1
	equal "$(dead .reason)" outcome-unknown
}

@test "a vendor that breaks off in the middle of its answer is not asked again" {
	mode highways '{"mode": "malformed", "count": 1}'
	accepted Potholes 310 "$(title 'A hole')"
	wait_until eval '[ -n "$(dead .reason)" ]'
	equal "$(count highways enquiry "$REFERENCE")" 1
	settle_down
	equal "$(count highways enquiry "$REFERENCE")" 1
}

@test "an operator who knows better sends it again" {
	mode highways '{"mode": "hang", "count": 1}'
	accepted Potholes 320 "$(title 'A hole')"
	wait_is outcome-unknown dead .reason
	patient
	ph dead replay "$(dead .id)"
	settle_down
	equal "$(count highways enquiry "$REFERENCE")" 2
	equal "$(dead .id)" ''
}
