# frozen_string_literal: true

require "test_helper"
require "support/forked_rails"

class QueueTimeTest < ActiveSupport::TestCase
  include ForkedRails

  test "the browser is told how long its request waited in development, and wherever Rails tells it such things" do
    timings = {
      development: timing(environment: "development"),
      production: timing,
      asked: timing(configure: ->(config, _) { config.server_timing = true })
    }

    assert_match(/queue;dur=[2-9]\d\.\d\d/, timings[:development])
    assert_nil timings[:production]
    assert_match(/queue;dur=[2-9]\d\.\d\d/, timings[:asked])
  end

  test "with THRUSTER_RAILS_ENABLED=0 it is told nothing" do
    before = ENV.to_h
    ENV["THRUSTER_RAILS_ENABLED"] = "0"

    assert_no_match(/queue/, timing(environment: "development").to_s)
  ensure
    ENV.replace(before)
  end

  private
    # Server-Timing of an answer to a request that came 20 ms ago.
    def timing(**options)
      boot(**options) do |app, _|
        start = Process.clock_gettime(Process::CLOCK_REALTIME, :millisecond) - 20
        request = Rack::MockRequest.env_for("http://localhost/", "HTTP_X_REQUEST_START" => "t=#{start}")
        _, headers, = app.call(request)
        headers.transform_keys(&:downcase)["server-timing"]
      end
    end
end
