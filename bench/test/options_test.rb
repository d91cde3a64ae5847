# frozen_string_literal: true

require_relative "test_helper"

class OptionsTest < Minitest::Test
  def test_without_words_the_usual_workloads_run_against_the_usual_peers
    options = parse

    assert_equal Bench::USUAL_WORKLOADS, options.workloads.map(&:name)
    assert_equal %w[nginx thrust], options.peers
  end

  def test_options_and_workloads_may_come_in_any_order
    options = parse("w1", "--rounds", "2", "n1m", "--peers", "nginx,direct", "--no-save")

    assert_equal %w[w1 n1m], options.workloads.map(&:name)
    assert_equal [ 2, %w[nginx direct], false ], [ options.rounds, options.peers, options.save ]
  end

  def test_unknown_workloads_and_empty_runs_are_refused
    assert_includes assert_raises(Bench::Error) { parse("w9") }.message, "w9"
    assert_includes assert_raises(Bench::Error) { parse("--rounds", "0") }.message, "--rounds"
    assert_includes assert_raises(Bench::Error) { parse("--rounds", "many") }.message, "many"
  end

  private

  def parse(*arguments) = Bench::Options.parse(arguments, usual_peers: %w[nginx thrust])
end
