#!/usr/bin/env bats
# Brokers that make one mistake each: the stories have to notice.

setup() { BUILD=${PACKHORSE_BUILD:-$BATS_TEST_DIRNAME/../../build}; }

@test "a 2xx before the sync is noticed" { "$BATS_TEST_DIRNAME/run-mutants" "$BUILD" ack-early; }
@test "an answer while the batch is away is noticed" { "$BATS_TEST_DIRNAME/run-mutants" "$BUILD" ack-away; }
@test "an operator's answer before the sync is noticed" { "$BATS_TEST_DIRNAME/run-mutants" "$BUILD" verdict-early; }
@test "a poll cursor kept in memory is noticed" { "$BATS_TEST_DIRNAME/run-mutants" "$BUILD" cursor-in-memory; }
@test "cross-references kept in memory are noticed" { "$BATS_TEST_DIRNAME/run-mutants" "$BUILD" xref-in-memory; }
