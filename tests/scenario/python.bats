#!/usr/bin/env bats
# The binding for Python publishes, subscribes and settles against a live broker.

load helpers

setup_file() { site_lay; }
setup() { site_plain; }

# runtime LIBRARY: with a sanitizer in it, its runtime has to be there before Python's own start.
runtime() {
	if ldd "$1" | grep -q libasan; then
		gcc -print-file-name=libasan.so
	fi
}

# bound COMMAND...: with the library of this build.
bound() {
	local library
	library=$(find "$BUILD" -name 'libpackhorse.so.0' | head -1)
	[ -n "$library" ]
	env LD_PRELOAD="$(runtime "$library")" ASAN_OPTIONS=detect_leaks=0 \
		PACKHORSE_LIBRARY="$library" PYTHONPATH="$ROOT/bindings/python" "$@"
}

@test "publish, duplicate, conflict, subscribe, retry, reject and settle from Python" {
	bound PACKHORSE_SOCKET="$RUN/control" PACKHORSE_QUEUE=test PACKHORSE_TYPE=council.test.v1 \
		"$PYTHON" -B "$ROOT/bindings/python/tests/test_packhorse.py"
	equal "$(status balance)" 0
}

@test "the example of its README works as it stands there" {
	broker_stop
	sed -i 's/^queues:.*/queues: {bin-days: {}}/' "$WORK/site/packhorse.yaml"
	printf 'routes:\n  - %s\n' "$(sed -n 's/^`\({route: .*}\)`\.$/\1/p' \
		"$ROOT/bindings/python/README.md")" >"$WORK/site/routes/test.yaml"
	broker_launch
	wait_until broker_answers
	sed -n '/^```python/,/^```/p' "$ROOT/bindings/python/README.md" | sed '/^```/d' |
		sed "s|/run/packhorse/control|$RUN/control|" >"$WORK/example.py"
	bound timeout 60 "$PYTHON" -B "$WORK/example.py" >"$WORK/printed"
	grep -q '^Result.ACCEPTED 1$' "$WORK/printed" || grep -q '^0 1$' "$WORK/printed"
	grep -q potholes "$WORK/printed"
	equal "$(status balance) $(status delivered)" '0 1'
}
