#!/usr/bin/env bats
# A site that is wrong: the check names file, line and code, and nothing is started with it.

load helpers

setup_file() { site_lay; }
setup() {
	site_fresh
	SITE=$WORK/site
}
teardown() {
	hosts_kill TERM
	site_check
}

# refused FILE CODE [WORD]: the check fails with this code at a place in this file.
refused() {
	local said code=0
	said=$("$PACKHORSE" config check "$SITE" 2>&1) || code=$?
	if [ "$code" != 1 ] || ! grep -qE "$1:[0-9]+:[0-9]+: $2 " <<<"$said" ||
		! grep -qF -- "${3:-}" <<<"$said"; then
		printf 'expected exit 1 and %s:LINE:COLUMN: %s ... %s\ngot exit %s and\n%s\n' \
			"$1" "$2" "${3:-}" "$code" "$said" >&2
		return 1
	fi
	# --json says the same, one object a line, the verdict last
	code=0
	said=$("$PACKHORSE" config check "$SITE" --json 2>&1) || code=$?
	equal "$code" 1
	equal "$(jq -s 'last | .ok' <<<"$said")" false
	jq -e -s --arg code "^$2 " 'any(.[]; .text // "" | test($code))' <<<"$said" >"$WORK/out"
}

# starts_not CODE: the broker says the same, and leaves nothing behind.
starts_not() {
	local code=0
	timeout 60 "$PACKHORSED" -c "$SITE" >"$WORK/packhorsed.log" 2>&1 || code=$?
	[ "$code" -gt 0 ]
	[ "$code" -lt 99 ] # neither too late nor a sanitizer
	grep -qE ":[0-9]+:[0-9]+: $1 " "$WORK/packhorsed.log"
	[ ! -e "$WORK/state" ]
	equal "$(ls -A "$RUN")" ''
	equal "$("$PYTHON" "$ROOT/demo/parts.py" orphans "$RUN")" ''
}

# again: the site as it was.
again() {
	rm -rf "$SITE"
	cp -r "$WORK/site.new" "$SITE"
}

@test "a site that is right passes, and nothing is started or made" {
	run "$PACKHORSE" config check "$SITE"
	equal "$status" 0
	grep -q '4 adapters' <<<"$output"
	grep -q '0 problems' <<<"$output"
	[ ! -e "$WORK/state" ]
	equal "$(ls -A "$RUN")" ''
	equal "$("$PACKHORSE" config check "$SITE" --json | jq -s 'last | .ok')" true
}

@test "what is no YAML, or no plain one" {
	echo 'jurisdiction: [oops' >>"$SITE/packhorse.yaml"
	refused packhorse.yaml PH1004
	starts_not PH1004
	again
	printf 'paths:\n\tplugins: x\n' >"$SITE/packhorse.yaml"
	refused packhorse.yaml PH1006
	again
	echo 'jurisdiction: elsewhere' >>"$SITE/packhorse.yaml"
	refused packhorse.yaml PH1015
	again
	echo 'limits: &anchor {sessions: 5}' >>"$SITE/packhorse.yaml"
	refused packhorse.yaml PH1010
	again
	printf 'adapter: crm\n---\nadapter: other\n' >"$SITE/adapters/crm.yaml"
	refused crm.yaml PH1017
	again
	printf 'settings: {a: "\xff"}\n' >>"$SITE/adapters/crm.yaml"
	refused crm.yaml PH1005
	again
	echo 'settings: {a: "${NO_SUCH_VARIABLE}"}' >>"$SITE/adapters/crm.yaml"
	refused crm.yaml PH1021 NO_SUCH_VARIABLE
	starts_not PH1021
}

@test "names and values that are not known" {
	echo 'jurisdicton: x' >>"$SITE/packhorse.yaml"
	refused packhorse.yaml PH1201 jurisdiction
	starts_not PH1201
	again
	echo 'conector: crm' >>"$SITE/adapters/crm.yaml"
	refused crm.yaml PH1201 connector
	again
	echo 'limits: {sesions: 5}' >>"$SITE/packhorse.yaml"
	refused packhorse.yaml PH1305
	again
	echo 'limits: {sessions: 0}' >>"$SITE/packhorse.yaml"
	refused packhorse.yaml PH1306
	again
	echo 'limits: {heartbeat: soon}' >>"$SITE/packhorse.yaml"
	refused packhorse.yaml PH1206
	again
	echo 'in_flight: lots' >>"$SITE/adapters/crm.yaml"
	refused crm.yaml PH1205
	again
	sed -i 's/^retry:.*/retry: {factor: half}/' "$SITE/adapters/crm.yaml"
	refused crm.yaml PH1324
	again
	echo 'unknown: maybe' >>"$SITE/adapters/crm.yaml"
	refused crm.yaml PH1325
}

@test "endpoints: TCP without keys is refused" {
	echo 'listen: ["tcp://127.0.0.1:7400"]' >>"$SITE/packhorse.yaml"
	refused packhorse.yaml PH1307
	starts_not PH1307
	again
	echo 'listen: ["udp://127.0.0.1:7400"]' >>"$SITE/packhorse.yaml"
	refused packhorse.yaml PH1308
	again
	sed -i "s|^run:.*|run: /tmp/$(printf 'x%.0s' {1..90})|" "$SITE/packhorse.yaml"
	refused packhorse.yaml PH1310
}

@test "adapters and routes that do not fit together" {
	sed -i 's/to: \[waste\]/to: [wast]/' "$SITE/routes/demo.yaml"
	refused demo.yaml PH1346 wast
	starts_not PH1346
	again
	sed 's/^adapter: crm/adapter: crm/' "$SITE/adapters/crm.yaml" >"$SITE/adapters/twice.yaml"
	refused '(crm|twice).yaml' PH1329
	again
	echo 'queue: waste' >>"$SITE/adapters/crm.yaml"
	refused '(crm|waste).yaml' PH1330
	again
	echo 'queue: inbound' >>"$SITE/adapters/crm.yaml"
	refused crm.yaml PH1328
	again
	sed -i 's/^connector: crm/connector: crmm/' "$SITE/adapters/crm.yaml"
	refused crm.yaml PH1322
	starts_not PH1322
	again
	sed -i '0,/    when:/s/    when:/    where:/' "$SITE/routes/demo.yaml"
	refused demo.yaml PH1201
	again
	sed -i 's/service: \[street-lighting/service: [street*lighting/' "$SITE/routes/demo.yaml"
	refused demo.yaml PH1341
}

@test "a map, a table, a schema or a secret that is missing or wrong" {
	local file
	echo 'receive: [{name: request, map: no-such-map}]' >>"$SITE/adapters/open311.yaml"
	refused open311.yaml 'PH(1313|2053)' no-such-map
	again
	rm "$SITE/secrets/crm-key"
	refused crm.yaml PH4021 crm-key
	again
	file=$(WORK=$WORK mine highways codes POTH)
	echo 'potholes,HM,HOLE,*,*' >>"$file"
	refused confirm-services.csv PH2106
	again
	file=$(mine highways codes POTH)
	echo 'one,two' >>"$file"
	refused confirm-services.csv PH1125
	again
	file=$(mine highways maps 'map: confirm-enquiry')
	sed -i 's/service.code/service.cod/' "$file"
	refused confirm-enquiry.yaml PH2060 service.code
	again
	file=$(mine highways maps 'map: confirm-enquiry')
	sed -i 's/confirm-services.csv/confirm-service.csv/' "$file"
	refused confirm-enquiry.yaml PH2214
	again
	# what it reads would be no messages
	sed -i '/^type:/d' "$(mine highways maps 'A row of the status log')"
	refused connector.yaml PH4039 confirm-status
	again
	mkdir -p "$SITE/schemas"
	sed 's/"additionalProperties": false/"propertyNmaes": {}/' \
		"$ROOT/schemas/service-request.v1.schema.json" >"$SITE/schemas/service-request.v1.schema.json"
	refused service-request.v1.schema.json PH3304
}

@test "a transport's own block, and a transport that is not there" {
	sed -i 's/listen: 127.*/listen: everywhere/' "$SITE/adapters/open311.yaml"
	refused open311.yaml PH4112
	again
	sed -i 's/^http:/http:\n  tiemout: 3s/' "$SITE/adapters/crm.yaml"
	refused crm.yaml 'PH[134][0-9]{3}' tiemout
	again
	# another transport has no use for the connector's block
	echo 'transport: carrier-pigeon' >>"$SITE/adapters/crm.yaml"
	refused connector.yaml PH1201 carrier-pigeon
	again
	printf 'adapter: loft\ntransport: carrier-pigeon\n' >"$SITE/adapters/loft.yaml"
	refused loft.yaml PH4001 carrier-pigeon
}

@test "no directory, no packhorse.yaml" {
	run "$PACKHORSE" config check "$WORK/nowhere"
	equal "$status" 1
	grep -q PH1302 <<<"$output"
	rm "$SITE/packhorse.yaml"
	run "$PACKHORSE" config check "$SITE"
	equal "$status" 1
	grep -q 'packhorse.yaml: PH1302' <<<"$output"
	run timeout 60 "$PACKHORSED" -c "$SITE"
	[ "$status" -gt 0 ]
	grep -q 'packhorse.yaml: PH1302' <<<"$output"
	run timeout 60 "$PACKHORSED" -c "$SITE" surprise
	equal "$status" 64
}
