#!/usr/bin/env bats
# Bytes that are no document, and documents that are not what was agreed.

load helpers

HOOK_TYPE='Content-Type: text/xml; charset=utf-8'

# poke BODY: POST to the webhook; sets STATUS.
poke() {
	STATUS=$(printf '%s' "$1" | curl -s -o "$WORK/told" -w '%{http_code}' -H "$HOOK_TYPE" \
		--data-binary @- "http://127.0.0.1:$PORT_hook/waste/whitespace")
}

# completed ID SECRET: the call a waste system makes.
completed() {
	printf '<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
	printf '<h:WorksheetPoke xmlns:h="https://www.jadu.net/hubis/webservices"><secret>%s</secret>' "$2"
	printf '<worksheetId>%s</worksheetId><worksheetReference>x</worksheetReference>' "$1"
	printf '<completedDate>2024-10-02T06:46:12</completedDate></h:WorksheetPoke></s:Body></s:Envelope>'
}

@test "a malformed answer to a poll: kept or asked for again, and the updates come" {
	accepted Potholes 1601 "$(title 'A hole')"
	settle_down
	mode highways '{"mode": "malformed", "on": "poll", "count": 2}'
	tell highways status '{"number": 2000001, "code": "INP"}'
	wait_is 1 count crm change "$REFERENCE"
	settle_down
	equal "$(count crm change "$REFERENCE")" 1
	equal "$(dead 'select(.queue != "inbound") | .id')" ''
}

@test "a fault as an answer to a poll: asked again" {
	accepted Potholes 1602 "$(title 'A hole')"
	settle_down
	mode highways '{"mode": "fault", "on": "poll", "count": 2}'
	tell highways status '{"number": 2000001, "code": "INP"}'
	wait_is 1 count crm change "$REFERENCE"
}

@test "the webhook: a wrong secret, no XML, a bomb, an unknown worksheet, then the right one" {
	accepted Graffiti 1603 "$(title 'A tag')"
	settle_down
	poke "$(completed 500001 wrong)"
	equal "$STATUS" 401
	poke "$(completed 500001 poke-secret | head -c 300)"
	[[ $STATUS =~ ^[45] ]]
	poke '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "bbbbbbbbbb"><!ENTITY c "&b;&b;&b;">]><a>&c;</a>'
	[[ $STATUS =~ ^[45] ]]
	poke '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>'
	[[ $STATUS =~ ^[45] ]]
	not grep -q root: "$WORK/told"
	poke '{"worksheetId": 500001}'
	[[ $STATUS =~ ^[45] ]]
	poke ''
	[[ $STATUS =~ ^[45] ]]
	head -c 9000000 /dev/zero | tr '\0' '<' >"$WORK/big"
	STATUS=$(curl -s -o "$WORK/told" -w '%{http_code}' -H "$HOOK_TYPE" -H Expect: \
		--data-binary "@$WORK/big" "http://127.0.0.1:$PORT_hook/waste/whitespace" || true)
	[ "$STATUS" = 413 ] || [ "$STATUS" = 000 ]
	equal "$(count crm change "$REFERENCE")" 0
	poke "$(completed 500001 poke-secret)"
	equal "$STATUS" 200
	grep -q OK "$WORK/told"
	wait_is 1 count crm change "$REFERENCE"
	poke "$(completed 500001 poke-secret)" # told again: still OK, still one
	equal "$STATUS" 200
	settle_down
	equal "$(count crm change "$REFERENCE")" 1
}

@test "a push that comes before our own outcome is retried, not lost" {
	mode waste '{"mode": "slow", "delay": 600, "count": 1, "done": true}'
	accepted Graffiti 1604 "$(title 'A tag')"
	# the worksheet exists at the vendor's before its number has come back to us
	wait_is 1 count waste worksheet "$REFERENCE"
	tell waste complete '{"id": 500001}'
	wait_until pushed
	equal "$(count crm change "$REFERENCE")" 0
	mode waste '{"mode": "up"}'
	wait_is 1 count crm change "$REFERENCE"
	settle_down
	equal "$(dead .id)" ''
}

# pushed: the waste system has called the webhook.
pushed() { [ "$(curl -s "http://127.0.0.1:$CONTROL_waste/_sim/state" | jq .pokes)" -ge 1 ]; }
