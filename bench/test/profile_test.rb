# frozen_string_literal: true

require_relative "test_helper"
require "bench/profile"

module Bench
  class ProfileTest < Minitest::Test
    ANNOTATED = <<~TEXT
      --------------------------------------------------------------------------------
      Profiled target:  target/profiling/thrust bench_app (PID 1, part 1)
      21,000 (100.0%)  PROGRAM TOTALS
      11,000 (52.38%)  ./malloc/./malloc/malloc.c:malloc [/usr/lib/libc.so.6]
       5,000 ( 0.05%)  /root/.cargo/registry/src/index.crates.io-1949/http-1.5.0/src/header/map.rs:get [/target/thrust]
       5,000 ( 0.05%)  #{ROOT}/ext/thrust/src/date.rs:now
    TEXT

    def test_functions_are_read_with_their_instructions_and_without_where_their_sources_lie
      assert_equal(
        { "PROGRAM TOTALS" => 21_000, "./malloc/./malloc/malloc.c:malloc" => 11_000,
          "http-1.5.0/src/header/map.rs:get" => 5_000, "ext/thrust/src/date.rs:now" => 5_000 },
        Profile.read(ANNOTATED)
      )
    end

    def test_what_both_runs_have_spent_is_no_cost_of_a_request
      assert_equal({ "a" => 2, "b" => 1 }, Profile.difference({ "a" => 500 }, { "a" => 20_500, "b" => 10_000 }))
    end
  end
end
