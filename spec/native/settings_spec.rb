# frozen_string_literal: true

RSpec.describe Thruster::Settings, :native do
  def faults(texts)
    described_class.check(texts)
    []
  rescue Thruster::ConfigurationError => error
    error.faults
  end

  it "reads texts as the proxy does" do
    values = described_class.check("max_request_body" => "64MB", http_read_timeout: "1500ms", http_idle_timeout: "-1",
      log_requests: "off", trusted_proxies: "private, 10.0.0.0/8", sendfile_header: "x-accel-redirect")

    expect(values).to eq("max_request_body" => 64_000_000, "http_read_timeout" => 1.5, "http_idle_timeout" => nil,
      "log_requests" => false, "trusted_proxies" => [ "private", "10.0.0.0/8" ], "sendfile_header" => "X-Accel-Redirect")
  end

  it "names every fault at once, with its setting" do
    found = faults("max_request_body" => "lots", "log_requests" => "maybe", "h2c_enabled" => "on", "http_port" => "80", "log_request" => "on", "max_request_bodies" => "1")

    expect(found).to contain_exactly(
      { setting: "http_port", message: "http_port is needed before Rails runs; set THRUSTER_HTTP_PORT in the environment instead" },
      { setting: "log_request", message: "log_request is not a setting; did you mean log_requests?" },
      { setting: "max_request_bodies", message: "max_request_bodies is not a setting; did you mean max_request_body?" },
      { setting: "max_request_body", message: a_string_starting_with('max_request_body is "lots"; a size is') },
      { setting: "log_requests", message: a_string_starting_with('log_requests is "maybe"; a switch is') })
  end

  it "makes one message of all faults" do
    expect { described_class.check("max_request_body" => "lots", "log_requests" => "maybe") }
      .to raise_error(Thruster::ConfigurationError, /\Alog_requests is "maybe".*\nmax_request_body is "lots"/)
  end

  it "says of a name what config.thruster says of it" do
    %w[http_port log_request flux_capacitor].each do |name|
      expect { Thruster::Configuration.new[name] = "1" }
        .to raise_error(Thruster::ConfigurationError, "config.thruster.#{faults(name => "1").first[:message]}")
    end
  end

  it "refuses what is no text with Ruby's own error" do
    expect { described_class.check("max_request_body" => 64) }.to raise_error(TypeError)
    expect { described_class.check("max_request_body" => "\xff") }.to raise_error(EncodingError)
  end

  it "speaks in the words of the binary" do
    binary = ENV["THRUSTER_EXECUTABLE"].to_s
    skip "THRUSTER_EXECUTABLE names no binary to compare with" if binary.empty?
    bad = { "max_request_body" => "lots", "log_requests" => "maybe", "http_read_timeout" => "366d", "log_skip_statuses" => "2xx,ok",
      "log_skip_paths" => "up", "trusted_proxies" => "10.0.0.0/99", "sendfile_header" => "X-File", "sendfile_mappings" => "/a", "public_headers" => "C", "log_level" => "loud", "target_queue" => "many" }
    environment = bad.transform_keys { "THRUSTER_#{_1.upcase}" }

    told = run(binary, "true", environment:).errors.lines(chomp: true).map { _1.delete_prefix("thrust: ") }

    expect(faults(bad).map { _1[:message] }).to match_array(told.map { |line| line.sub(/\ATHRUSTER_(\w+)/) { $1.downcase } })
  end
end
