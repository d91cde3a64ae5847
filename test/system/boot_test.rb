# frozen_string_literal: true

require "test_helper"
require "support/load_test"

class BootTest < LoadTest
  SLOW = { "BOOT_DELAY" => "5" }.freeze

  test "requests that come during a boot of five seconds are answered after it" do
    server = start_thrust(environment: SLOW, ready: false)
    load = start_load(server)

    load.steady
    report = load.finish

    assert_unharmed report, server
    assert_operator report.dig("total", "longest", "ms"), :>, 3000
  end

  # Its workers load the app after the port is open: connections are accepted long before anybody answers.
  test "requests that come while each worker of a cluster loads the app are answered" do
    server = start_thrust(command: %w[bundle exec puma], ready: false,
      environment: SLOW.merge(CLUSTER, "PRELOAD" => "false"))
    load = start_load(server)

    load.steady
    report = load.finish

    assert_unharmed report, server
    assert_operator report.dig("total", "longest", "ms"), :>, 3000
  end
end
