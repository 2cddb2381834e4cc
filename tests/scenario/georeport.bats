#!/usr/bin/env bats
# The GeoReport v2 server as its clients see it.

load helpers

@test "services: the whole list, in XML and in JSON" {
	get services.xml
	equal "$STATUS" 200
	equal "$(grep -o '<service_code>' <<<"$BODY" | wc -l)" 21
	grep -qF '<service_code>Parks &amp; Green Spaces</service_code>' <<<"$BODY"
	grep -qF '<service_code>Missed Collection (Green Waste)</service_code>' <<<"$BODY"
	get services.json
	equal "$(jq length <<<"$BODY")" 21
	equal "$(jq -r '.[] | select(.service_code == "Roads/Highways") | .group' <<<"$BODY")" Streets
	# a list is whole even while a vendor and the broker are away
	local before=$BODY
	mode highways '{"mode": "down"}'
	get services.json
	equal "$BODY" "$before"
}

@test "discovery names the formats and this place" {
	get discovery.xml
	equal "$STATUS" 200
	grep -q '<format>text/xml</format>' <<<"$BODY"
	get discovery.json
	equal "$(jq -r '.endpoints[0].specification' <<<"$BODY")" http://wiki.open311.org/GeoReport_v2
}

@test "service codes with slash, ampersand, brackets and spaces, in every path and parameter" {
	local code path n=1000
	for code in 'Roads/Highways' 'Parks & Green Spaces' 'Missed Collection (Green Waste)' 'Street Lighting'; do
		path=$(jq -rn --arg code "$code" '$code | @uri')
		get "services/$path.xml"
		equal "$STATUS" 200
		get "services/$path.json"
		equal "$(jq -r .service_code <<<"$BODY")" "$code"
		accepted "$code" $((++n)) "$(title 'Something')" -d 'attribute[uprn]=1'
		# of two names for one service the table says which is shown
		[ "$code" != 'Parks & Green Spaces' ] || code=Parks/Landscapes
		get "requests/$REFERENCE.json"
		equal "$(jq -r '.[0].service_code' <<<"$BODY")" "$code"
	done
	get 'services/Roads/Highways.xml'
	equal "$STATUS" 200
	settle_down
	equal "$(dead .id)" ''
}

@test "requests/ID shows how far it is, and nothing that is personal" {
	accepted Potholes 1101 "$(title 'A hole' $'\U1F407 & <more>')" -d first_name=Zebedee -d email=z@example.net
	get "requests/$REFERENCE.xml"
	equal "$STATUS" 200
	grep -q "<service_request_id>$REFERENCE</service_request_id>" <<<"$BODY"
	grep -q '<status>open</status>' <<<"$BODY"
	grep -q '<service_name>Potholes</service_name>' <<<"$BODY"
	not grep -Eqi 'zebedee|z@example.net|more|53\.7' <<<"$BODY"
	get "requests/$REFERENCE.json"
	equal "$(jq -r '.[0].service_code' <<<"$BODY")" Potholes
	[[ $(jq -r '.[0].requested_datetime' <<<"$BODY") =~ ^20[0-9-]+T[0-9:]+Z$ ]]
	settle_down
	tell highways status '{"number": 2000001, "code": "FIX"}'
	wait_is closed eval 'get "requests/$REFERENCE.json" && jq -r ".[0].status" <<<"$BODY"'
}

# error STATUS: the last answer is an error of this code, in GeoReport's shape.
error() {
	equal "$STATUS" "$1"
	if [[ $BODY == '['* ]]; then
		equal "$(jq -r '.[0].code' <<<"$BODY")" "$1"
		[ -n "$(jq -r '.[0].description' <<<"$BODY")" ]
	else
		grep -q "<code>$1</code>" <<<"$BODY"
		grep -q '<errors><error>' <<<"$(tr -d '\n ' <<<"$BODY")"
	fi
}

@test "errors have GeoReport's shape, say what is wrong, and keep nothing" {
	post 'No such service' 1201 "$(title x)"
	error 404
	grep -qi service <<<"$BODY"
	post '' 1202 "$(title x)"
	error 400
	post Potholes 1203 ''
	error 400
	post Potholes 1204 "$(printf 'x%.0s' {1..4001})"
	error 400
	grep -qi description <<<"$BODY"
	KEY=wrong post Potholes 1205 "$(title x)"
	error 403
	STATUS=$(curl -s -o "$WORK/body" -w '%{http_code}' -d service_code=Potholes -d lat=53.7 -d long=-1.8 \
		-d "jurisdiction_id=$JURISDICTION" -d description=x "$URL/requests.xml")
	BODY=$(<"$WORK/body")
	error 403
	STATUS=$(curl -s -o "$WORK/body" -w '%{http_code}' -d service_code=Potholes -d description=x \
		-d 'attribute[fixmystreet_id]=1206' -d "jurisdiction_id=$JURISDICTION" -d "api_key=$KEY" "$URL/requests.json")
	BODY=$(<"$WORK/body")
	error 400
	grep -q lat <<<"$BODY"
	STATUS=$(curl -s -o "$WORK/body" -w '%{http_code}' "$URL/services.xml?jurisdiction_id=nowhere")
	BODY=$(<"$WORK/body")
	error 404
	get requests/SR-0000000000000.xml
	error 404
	get requests/nonsense.json
	error 404
	get services/Nothing.xml
	error 404
	get 'services/%ZZ.xml'
	equal "${STATUS:0:1}" 4
	get servicerequestupdates.xml start_date=yesterday
	error 400
	get nothing.xml
	error 404
	get services.html
	error 404
	post Potholes 1207 x --data-urlencode 'lat=north'
	equal "${STATUS:0:1}" 4
	settle_down
	equal "$(kept crm case .id)$(kept highways enquiry .number)" ''
	equal "$(status accepted)" 0
	equal "$(dead .id)" ''
}

@test "bad bytes in a form are refused" {
	local body
	for body in 'description=%ZZ' 'description=%FF%FE' 'description=a%00b'; do
		STATUS=$(curl -s -o "$WORK/body" -w '%{http_code}' "$URL/requests.xml" \
			-d "api_key=$KEY&jurisdiction_id=$JURISDICTION&service_code=Potholes&lat=53.7&long=-1.8&attribute[fixmystreet_id]=1&$body")
		BODY=$(<"$WORK/body")
		error 400
	done
	head -c 3000000 /dev/zero | tr '\0' x >"$WORK/big"
	STATUS=$(curl -s -o "$WORK/body" -w '%{http_code}' "$URL/requests.xml" -H Expect: \
		-d "api_key=$KEY&jurisdiction_id=$JURISDICTION" --data-urlencode "description@$WORK/big")
	equal "$STATUS" 413
	equal "$(status accepted)" 0
}

@test "an update that a client posts reaches the case" {
	accepted Potholes 1301 "$(title 'A hole')"
	settle_down
	STATUS=$(curl -s -o "$WORK/body" -w '%{http_code}' "$URL/servicerequestupdates.xml" \
		-d "api_key=$KEY" -d "jurisdiction_id=$JURISDICTION" -d update_id=77 -d status=FIXED \
		-d "service_request_id=$REFERENCE" --data-urlencode 'updated_datetime=2024-07-01T12:00:00Z' \
		--data-urlencode $'description=It is mended, \U1F407 says' -d first_name=- -d last_name=-)
	[[ $STATUS =~ ^20[01]$ ]]
	grep -q '<update_id>' "$WORK/body"
	wait_is resolved kept crm change .record.status
	settle_down
}

@test "updates: only those of the window, empty otherwise" {
	accepted Graffiti 1401 "$(title 'A tag')"
	settle_down
	get servicerequestupdates.json
	equal "$(jq -c . <<<"$BODY")" '[]'
	get servicerequestupdates.xml
	equal "$(sed 's/<?.*?>//' <<<"$BODY" | tr -d '[:space:]')" '<service_request_updates></service_request_updates>'
	tell waste complete '{"id": 500001}'
	wait_is 1 update_count "$REFERENCE"
	get servicerequestupdates.json # the default window is the last two hours
	equal "$(jq length <<<"$BODY")" 1
	get servicerequestupdates.json start_date=2020-01-01T00:00:00Z end_date=2020-01-02T00:00:00Z
	equal "$(jq length <<<"$BODY")" 0
}
