# frozen_string_literal: true

require "tmpdir"
require_relative "test_helper"

class ReportTest < Minitest::Test
  def test_the_ratio_is_taken_within_each_round
    result = result_of("w1", [ { nginx: 10, thrust: 9 }, { nginx: 20, thrust: 16 }, { nginx: 40, thrust: 28 } ])

    assert_equal Bench::Spread.new(median: 0.8, min: 0.7, max: 0.9), result.ratio("thrust", "nginx")
  end

  def test_an_even_number_of_rounds_has_the_middle_of_two
    assert_in_delta 2.5, Bench::Spread.of([ 4, 1, 3, 2 ]).median
  end

  def test_a_ratio_within_the_bar_is_met_and_one_beyond_is_missed
    assert_match(/0\.90 \(0\.90–0\.90\).*≤ 0\.95 met/, line("w1", [ { nginx: 10, thrust: 9 } ]))
    assert_match(/1\.10 \(1\.10–1\.10\).*≤ 0\.95 \*\*missed\*\*/, line("w1", [ { nginx: 10, thrust: 11 } ]))
  end

  def test_idle_is_judged_by_its_own_size
    assert_match(/≤ 4 KiB met/, line("idle", [ { nginx: 0.5, thrust: 3.9 } ]))
    assert_match(/≤ 4 KiB \*\*missed\*\*/, line("idle", [ { nginx: 0.5, thrust: 4.1 } ]))
  end

  def test_a_start_has_a_time_and_nothing_to_compare_with
    assert_match(/^\| start +\| – +\| 8\.20 ms +\| – +\| 10 ms +\| – +\| 0 +\|$/, line("start", [ { thrust: 8.2 } ]))
  end

  def test_a_report_is_saved_beside_an_earlier_one_of_the_same_commit
    result = result_of("w1", [ { nginx: 10, thrust: 9 } ])
    report = Bench::Report.new([ result ], settings: "")

    Dir.mktmpdir do |directory|
      paths = Array.new(3) { report.save(directory) }

      assert_equal paths.uniq, paths
      assert_equal [ report.to_s ] * 3, paths.map { File.read(_1) }
    end
  end

  def test_one_error_in_one_round_voids_the_row
    rounds = [ { "nginx" => Bench::Sample.new(cost: 10.0), "thrust" => Bench::Sample.new(cost: 1.0, faults: [ "7 5xx" ]) },
               { "nginx" => Bench::Sample.new(cost: 10.0), "thrust" => Bench::Sample.new(cost: 9.0) } ]
    result = Bench::Result.new(workload: Bench::WORKLOADS.fetch("w1"), rounds:)

    row = Bench::Report.new([ result ], settings: "").to_s[/^\| w1 .*$/]

    assert_predicate result, :faulty?
    assert_match(/\| 10\.0 µs +\| – +\| – +\|.*≤ 0\.95 +\| thrust: 7 5xx/, row)
  end

  def test_a_workload_that_could_not_run_says_why
    result = Bench::Result.new(workload: Bench::WORKLOADS.fetch("w1"), failure: "thrust ended:\nport | taken")

    report = Bench::Report.new([ result ], settings: "").to_s

    assert_predicate result, :faulty?
    assert_match(/^\| w1 .*\| thrust ended: port   taken \|$/, report)
  end

  private

  def line(workload, rounds)
    Bench::Report.new([ result_of(workload, rounds) ], settings: "").to_s[/^\| #{workload} .*$/]
  end

  def result_of(workload, rounds)
    rounds = rounds.map { |round| round.to_h { |peer, cost| [ peer.to_s, Bench::Sample.new(cost: cost.to_f) ] } }
    Bench::Result.new(workload: Bench::WORKLOADS.fetch(workload), rounds:)
  end
end
