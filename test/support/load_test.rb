# frozen_string_literal: true

require "support/load_client"

# Tests that change a server's life while a load is on it, and ask what that cost the clients.
class LoadTest < SystemTest
  # Puma 6.6 does not always come to its end under load; the proxy then ends it.
  ENVIRONMENT = { "THRUSTER_STOP_TIMEOUT" => "10", "RAILS_LOG_LEVEL" => "warn", "RAILS_MAX_THREADS" => "16" }.freeze
  CLUSTER = { "WEB_CONCURRENCY" => "2" }.freeze

  setup { @loads = [] }
  teardown { @loads.each(&:stop) }

  def start_thrust(environment: {}, **)
    super(environment: ENVIRONMENT.merge(environment), **)
  end

  def start_load(server, **)
    LoadClient.new(server, **).tap { @loads << _1 }
  end

  # That each request got its own answer, and nothing reached the app twice.
  def assert_unharmed(report, server)
    assert report["ok"], <<~MESSAGE
      #{report["total"].except("longest", "statuses").reject { |_, count| count == 0 }}
      #{report["failures"].first(10).map(&:to_json).join("\n")}
      #{server.last_words}
    MESSAGE
    report["kinds"].each { |kind, counts| assert_operator counts["right"], :>, 0, "no request of kind #{kind}" }
  end
end
