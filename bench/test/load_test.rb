# frozen_string_literal: true

require_relative "test_helper"

class LoadTest < Minitest::Test
  WRK = <<~TEXT
    Running 1s test @ http://127.0.0.1:27870/1k
      1 threads and 20 connections
      38346 requests in 1.10s, 14.18MB read
    Requests/sec:  34869.32
  TEXT

  H2LOAD = <<~TEXT
    finished in 1.00s, 1997.00 req/s, 1.17MB/s
    requests: 1997 total, 2017 started, 1997 done, 500 succeeded, 1497 failed, 0 errored, 0 timeout
    status codes: 500 2xx, 0 3xx, 0 4xx, 1497 5xx
  TEXT

  def test_a_clean_wrk_run_has_requests_and_no_faults
    outcome = Bench::Load::Wrk.read(WRK)

    assert_equal [ 38_346, 34_869.32, [] ], outcome.deconstruct_keys(nil).values
  end

  def test_wrk_errors_of_both_kinds_are_faults
    output = WRK + "  Socket errors: connect 0, read 12, write 0, timeout 0\n  Non-2xx or 3xx responses: 37796\n"

    outcome = Bench::Load::Wrk.read(output)

    assert_equal [ "Socket errors: connect 0, read 12, write 0, timeout 0", "Non-2xx or 3xx responses: 37796" ],
      outcome.faults
  end

  def test_only_what_succeeded_counts_for_h2load
    outcome = Bench::Load::H2load.read(H2LOAD)

    assert_equal 500, outcome.requests
    assert_equal [ "1497 failed", "1497 5xx" ], outcome.faults
  end

  def test_output_without_a_count_is_an_error
    assert_raises(Bench::Error) { Bench::Load::Wrk.read("unable to connect") }
    assert_raises(Bench::Error) { Bench::Load::H2load.read("starting benchmark...") }
  end

  def test_the_load_client_gives_its_longest_wait_and_what_went_wrong
    total = { right: 9, wrong: 0, server_errors: 2, lost: 1, refused: 0, longest: { ms: 130 } }

    waits = Bench::Load::Steady::Waits.read(JSON.generate(total:))

    assert_equal [ 130, [ "2 server errors", "1 lost" ] ], waits.deconstruct_keys(nil).values
  end

  def test_a_load_client_without_counts_is_an_error
    [ "", "{}", JSON.generate(total: { wrong: 0, server_errors: 0, lost: 0, refused: 0, longest: nil }) ].each do |output|
      assert_raises(Bench::Error) { Bench::Load::Steady::Waits.read(output) }
    end
  end

  def test_a_generator_that_fails_is_an_error_with_its_words
    error = assert_raises(Bench::Error) do
      Bench::Load.capture(Bench::Host.allowed_cores, 1, "sh", "-c", "echo no such host; exit 3")
    end

    assert_includes error.message, "no such host"
  end
end
