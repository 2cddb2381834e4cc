#!/usr/bin/env bats
# A case system that takes only whole cases: the case is read before each change, and what others
# changed meanwhile stays.

load helpers

setup() {
	site_new
	cat >>"$WORK/site/adapters/crm.yaml" <<-'YAML'
		send:
		  - name: case
		    on: council.service-request.created.v1
		    map: crm-case
		    method: POST
		    url: /cases
		    reply:
		      - {if: $status = 201 and id, outcome: delivered, reference: id}
		  - name: change
		    on: council.service-request.updated.v1
		    map: crm-whole
		    method: PUT
		    url: /cases/{case}
		    previous: {url: "/cases/{case}"}
		    reply:
		      - {if: $status = 200, outcome: delivered}
		      - {if: '$status matches "^(429|5..)$"', outcome: retry}
		      - {if: '$status matches "^4"', outcome: rejected, text: errors/message}
	YAML
	broker_start
	accepted Potholes "$BATS_TEST_NUMBER" "$(title 'A deep hole')"
	settle_down
	CASE=$(kept crm case .id)
	NUMBER=$(kept highways enquiry .number)
}

# fixed: the highways department says so; nothing is awaited.
fixed() { tell highways status "{\"number\": $NUMBER, \"code\": \"FIX\"}"; }

# whole FILTER: what was written back, each time.
whole() { kept crm whole "$1"; }

@test "a change goes with the whole case as it was, and names the state it was read in" {
	fixed
	wait_is 1 count crm whole "$REFERENCE"
	settle_down
	equal "$(whole .record.title)" 'A deep hole'
	equal "$(whole .record.category)" potholes
	equal "$(whole .record.status)" resolved
	equal "$(whole .match)" '"1"'
	equal "$(dead .id)" ''
}

@test "what somebody else changes between reading and writing is not lost" {
	tell crm meddle '{"count": 2}'
	fixed
	wait_is 1 count crm whole "$REFERENCE"
	settle_down
	equal "$(kept crm meddled .id | wc -l)" 2
	equal "$(grep -c 'delivery-changed msg=.* times=' "$WORK/packhorsed.log")" 2
	equal "$(whole .record.title)" 'Retitled 2'
	equal "$(whole .record.status)" resolved
	equal "$(dead .id)" ''
}

@test "a case that is changed all the time is tried again later" {
	tell crm meddle '{"count": 6}'
	fixed
	wait_is 1 count crm whole "$REFERENCE"
	settle_down
	equal "$(grep -c 'outcome=retry .*PH4124' "$WORK/packhorsed.log")" 1
	equal "$(whole .record.title)" 'Retitled 6'
}

@test "while the system is down nothing is written, and then the case of that day" {
	mode crm '{"mode": "down"}'
	fixed
	wait_until eval '[[ $(queue crm last_error) == *PH4059*PH4103* ]]'
	equal "$(whole .id)" ''
	mode crm '{"mode": "down", "how": "503", "on": "read", "count": 2}'
	wait_is 1 count crm whole "$REFERENCE"
	settle_down
	equal "$(whole .record.title)" 'A deep hole'
	equal "$(dead .id)" ''
}

@test "an answer that is no case is tried again, and no half of it is written" {
	mode crm '{"mode": "malformed", "on": "read", "count": 2}'
	fixed
	wait_is 1 count crm whole "$REFERENCE"
	settle_down
	equal "$(whole .record.title)" 'A deep hole'
	grep -q 'reason=no-previous text=PH4059' "$WORK/packhorsed.log"
	equal "$(dead .id)" ''
}

@test "a case that is gone is told by the system, and the change is a dead letter" {
	tell crm forget "{\"id\": \"$CASE\"}"
	fixed
	wait_is rejected dead .reason
	[[ $(ph dead show "$(dead .id)") == *'no such case'* ]]
	equal "$(whole .id)" ''
}

@test "what is wrong with the declaration is said before anything runs" {
	sed -i 's/previous: .*/previous: {ulr: x}/' "$WORK/site/adapters/crm.yaml"
	run "$BUILD/adapters/host/packhorse-host" --check -c "$WORK/site" crm
	equal "$status" 1
	[[ $output == *'adapters/crm.yaml:'*ulr* ]]
	sed -i '/previous: .*/d' "$WORK/site/adapters/crm.yaml"
	run "$BUILD/adapters/host/packhorse-host" --check -c "$WORK/site" crm
	equal "$status" 1
	[[ $output == *'adapters/crm.yaml:'*PH4038*crm-whole* ]]
}
