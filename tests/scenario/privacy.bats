#!/usr/bin/env bats
# Nothing of what people wrote, and nobody's name, gets into a log, a table or an error.

load helpers

WORDS=(Zebedee Quillfeather zq@example.net '01632 960777' Marmaladesandwich Wigglesworth
	'Osbert' 000099887766 demo-key highways-password waste-password poke-secret crm-key)

# clean FILE...: none of the words is in there.
clean() {
	local word
	for word in "${WORDS[@]}"; do
		if grep -nF -- "$word" "$@"; then
			echo "\"$word\" is in there" >&2
			return 1
		fi
	done
}

someone() {
	accepted "$@" -d first_name=Zebedee -d last_name=Quillfeather -d email=zq@example.net \
		--data-urlencode 'phone=01632 960777' --data-urlencode 'attribute[uprn]=000099887766'
}

@test "no payload or name in any log or table, whatever goes wrong" {
	someone Potholes 801 "$(title 'A Marmaladesandwich in the road')"
	someone Graffiti 802 "$(title 'Marmaladesandwich')"
	settle_down
	tell highways status '{"number": 2000001, "code": "FIX"}'
	tell highways status '{"number": 2000001, "code": "QQQ", "notes": "Marmaladesandwich"}'
	tell waste complete '{"id": 500001}'
	wait_until eval '[ "$(kept crm change .id | wc -l)" -ge 2 ]'
	wait_is unknown-code dead .reason
	mode highways '{"mode": "fault", "kind": "client", "count": 1}'
	someone Potholes 803 "$(title 'Marmaladesandwich again')"
	wait_until eval '[ "$(dead .id | wc -l)" -ge 2 ]'
	someone Tree 804 "$(title 'Marmaladesandwich')"
	post Tree 804 "$(title 'another Marmaladesandwich')" -d first_name=Zebedee
	post Marmaladesandwich 805 "$(title x)" -d first_name=Zebedee
	post Potholes 806 "$(title x)" -d first_name=Zebedee --data-urlencode 'lat=Quillfeather'
	curl -s -o "$WORK/told" -H 'Content-Type: text/xml' "http://127.0.0.1:$PORT_hook/waste/whitespace" \
		-d '<a>Marmaladesandwich <b>Zebedee</a>'
	curl -s -o "$WORK/told" -H 'Content-Type: text/xml' "http://127.0.0.1:$PORT_hook/waste/whitespace" \
		-d '<h:WorksheetPoke xmlns:h="https://www.jadu.net/hubis/webservices"><secret>Zebedee</secret></h:WorksheetPoke>'
	mode highways '{"mode": "malformed", "on": "any", "count": 2}'
	someone Potholes 807 "$(title 'Marmaladesandwich yet again')"
	broker_kill
	broker_start
	host_kill highways
	local noun
	{
		ph queue ls
		ph queue ls --json
		ph dead ls
		ph dead ls --json
		for noun in $(dead .id); do
			ph dead show "$noun"
		done
		ph queue peek highways
		ph queue peek crm
		ph status --json
		ph adapter ls --json
		ph case show "$REFERENCE"
	} >"$WORK/tables" 2>&1
	clean "$WORK"/packhorsed.log "$WORK/tables"
	[ -s "$WORK/packhorsed.log" ]
}

@test "files of the state are nobody else's" {
	accepted Potholes 810 "$(title 'A hole')"
	settle_down
	equal "$(stat -c %a "$WORK/state")" 700
	equal "$(find "$WORK/state" -type f -perm /077)" ''
	equal "$(stat -c %a "$RUN/control")" 660
}
