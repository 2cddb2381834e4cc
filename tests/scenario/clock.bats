#!/usr/bin/env bats
# The two hours a year when clocks change.

load helpers

# at FILTER: when the case system was told it happened, in UTC.
changed_at() { date -u -d "$(kept crm change .record.at)" +%FT%TZ; }

@test "the hour that comes twice, with an offset: both are told apart" {
	accepted Potholes 701 "$(title 'A hole')"
	settle_down
	tell highways status '{"number": 2000001, "code": "INP", "logged": "2024-10-27T01:30:00.4000+01:00"}'
	tell highways status '{"number": 2000001, "code": "FIX", "logged": "2024-10-27T01:30:00.4000+00:00"}'
	wait_is 2 count crm change "$REFERENCE"
	local times
	mapfile -t times < <(kept crm change .record.at)
	equal "$(date -u -d "${times[0]}" +%T)" 00:30:00
	equal "$(date -u -d "${times[1]}" +%T)" 01:30:00
	equal "$(updates 'sort_by(.update_id) | map(.status) | join(" ")')" 'in_progress fixed'
}

@test "the hour that comes twice, without an offset: the first is meant" {
	accepted Graffiti 702 "$(title 'A tag')"
	settle_down
	tell waste complete '{"id": 500001, "completedDate": "2024-10-27T01:30:00"}'
	wait_is 1 count crm change "$REFERENCE"
	equal "$(changed_at)" 2024-10-27T00:30:00Z
	equal "$(updates '.[].update_id')" '500001_2024-10-27T01:30:00'
}

@test "the hour that is missing: the later time is meant" {
	accepted Graffiti 703 "$(title 'A tag')"
	settle_down
	tell waste complete '{"id": 500001, "completedDate": "2024-03-31T01:30:00"}'
	wait_is 1 count crm change "$REFERENCE"
	equal "$(changed_at)" 2024-03-31T01:30:00Z
}

@test "summer and winter" {
	accepted Graffiti 704 "$(title 'A tag')"
	accepted Graffiti 705 "$(title 'Another tag')"
	settle_down
	tell waste complete '{"id": 500001, "completedDate": "2024-07-01T12:00:00"}'
	wait_is 1 eval 'kept crm change .id | wc -l'
	tell waste complete '{"id": 500002, "completedDate": "2024-12-01T12:00:00"}'
	wait_is 2 eval 'kept crm change .id | wc -l'
	local times
	mapfile -t times < <(kept crm change .record.at)
	equal "$(date -u -d "${times[0]}" +%FT%T)" 2024-07-01T11:00:00
	equal "$(date -u -d "${times[1]}" +%FT%T)" 2024-12-01T12:00:00
}

@test "an update shows when it became visible here, so that a late one is not missed" {
	accepted Graffiti 706 "$(title 'A tag')"
	settle_down
	tell waste complete '{"id": 500001, "completedDate": "2024-07-01T12:00:00"}'
	wait_is 1 update_count "$REFERENCE"
	local shown
	shown=$(date -d "$(updates '.[].updated_datetime')" +%s)
	[ $(($(date +%s) - shown)) -le 300 ]
	[[ $(updates '.[].updated_datetime') =~ Z$ ]]
}
