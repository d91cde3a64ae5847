# frozen_string_literal: true

require "test_helper"
require "support/load_test"

class ShutdownTest < LoadTest
  { "a single Puma" => {}, "a cluster" => CLUSTER }.each do |name, environment|
    test "TERM under load leaves no accepted request without its answer: #{name}" do
      server = start_thrust(environment:)
      load = start_load(server, until_refused: true)
      load.steady

      server.signal "TERM"
      report = load.report

      assert_unharmed report, server
      assert_equal 143, server.wait.exitstatus
    end
  end
end
