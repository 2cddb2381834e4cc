#!/usr/bin/env bats
# The binding for Python publishes, subscribes and settles against a live broker.

load helpers

setup() {
	site_new
	rm -r "$WORK"/site/adapters/* "$WORK"/site/routes/*
	echo 'queues: {test: {}}' >>"$WORK/site/packhorse.yaml"
	cat >"$WORK/site/routes/test.yaml" <<-'YAML'
		routes:
		  - route: everything to the test
		    purpose: test
		    when: {type: council.test.v1}
		    to: [test]
	YAML
	broker_launch
	wait_until ph status >"$WORK/out" 2>&1
}

# With a sanitizer in the library its runtime has to be there before Python's own start.
runtime() {
	if ldd "$1" | grep -q libasan; then
		gcc -print-file-name=libasan.so
	fi
}

@test "publish, duplicate, conflict, subscribe, retry, reject and settle from Python" {
	local library
	library=$(find "$BUILD" -name 'libpackhorse.so.0' | head -1)
	[ -n "$library" ]
	LD_PRELOAD=$(runtime "$library") ASAN_OPTIONS=detect_leaks=0 PACKHORSE_LIBRARY=$library \
		PACKHORSE_SOCKET=$RUN/control PACKHORSE_QUEUE=test PACKHORSE_TYPE=council.test.v1 \
		"$PYTHON" -B "$ROOT/bindings/python/tests/test_packhorse.py"
	equal "$(status balance)" 0
}
