#!/usr/bin/env bats
# The tools of the tests and the demo, tried alone, before anything is said with them.

load helpers
setup_file() { :; }
teardown_file() { :; }
setup() { :; }
teardown() { :; }

@test "the simulated vendors are strict, misbehave on demand and survive a kill" {
	"$PYTHON" -B "$ROOT/tests/vendors/test_vendors.py"
}

@test "the sender tries again with the same id, and the checker sees what is planted" {
	cd "$ROOT/demo"
	"$PYTHON" -B test_demo.py
}
