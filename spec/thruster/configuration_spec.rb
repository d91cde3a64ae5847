# frozen_string_literal: true

require "ipaddr"
require "pathname"
require "active_support"
require "active_support/core_ext/integer/time"
require "active_support/core_ext/numeric/bytes"

RSpec.describe Thruster::Configuration do
  subject(:config) { described_class.new }

  def fault(message)
    raise_error(Thruster::ConfigurationError, message)
  end

  it "has every live setting as an attribute, and nothing set" do
    expect(Thruster::Settings.live.map(&:name)).to include("max_request_body", "log_requests", "trusted_proxies")
    Thruster::Settings.live.each do |row|
      expect(config).to respond_to(row.name).and respond_to("#{row.name}=")
      expect(config.public_send(row.name)).to be_nil
    end
    expect(config.to_h).to eq({})
  end

  {
    64.megabytes => "67108864", 2.5 => "2500ms", 2.0 => "2", 90.seconds => "90", 1.5.seconds => "1500ms", "1m30s" => "1m30s",
    300.seconds => "300"
  }.each do |value, text|
    it "writes #{value.inspect} as #{text}" do
      config.http_read_timeout = value

      expect(config.to_h).to eq("http_read_timeout" => text)
    end
  end

  it "writes switches, lists, networks, paths and fields as the environment has them" do
    config.log_requests = false
    config.debug = true
    config.log_level = :warn
    config.log_skip_paths = %w[/up /assets/*]
    config.log_skip_statuses = [ 404, "2xx" ]
    config.trusted_proxies = [ :private, IPAddr.new("203.0.113.0/24"), IPAddr.new("203.0.113.9"), IPAddr.new("2001:db8::/32") ]
    config.sendfile_roots = [ Pathname("/srv/files"), "/mnt/exports" ]
    config.sendfile_mappings = { "/private" => Pathname("/srv/files"), "/other" => "/srv/other" }
    config.public_headers = { "Cache-Control" => "public, max-age=60", "X-Served-By" => "thrust" }

    expect(config.to_h).to eq(
      "log_requests" => "off", "debug" => "on", "log_level" => "warn", "log_skip_paths" => "/up,/assets/*",
      "log_skip_statuses" => "404,2xx", "trusted_proxies" => "private,203.0.113.0/24,203.0.113.9,2001:db8::/32",
      "sendfile_roots" => "/srv/files,/mnt/exports", "sendfile_mappings" => "/private=/srv/files,/other=/srv/other",
      "public_headers" => "Cache-Control: public, max-age=60\nX-Served-By: thrust"
    )
  end

  it "forgets what is set to nil, and keeps what is empty" do
    config.log_skip_paths = "/up"
    config.log_skip_paths = nil
    config.sendfile_roots = []

    expect(config.to_h).to eq("sendfile_roots" => "")
  end

  it "names the variable of a setting that is needed before Rails runs" do
    expect { config.http_port = 8080 }
      .to fault("config.thruster.http_port is needed before Rails runs; set THRUSTER_HTTP_PORT in the environment instead")
    expect { config.threads = 2 }.to fault(/set THRUSTER_THREADS in the environment/)
  end

  it "offers the nearest name for one that does not exist" do
    expect { config.max_request_boddy = 1 }
      .to fault("config.thruster.max_request_boddy is not a setting; did you mean max_request_body?")
    expect { config.flux_capacitor = 1 }.to fault("config.thruster.flux_capacitor is not a setting; `thrust config` lists those there are")
    expect { config.max_request_boddy }.to raise_error(NoMethodError)
  end

  it "refuses at once what no setting can be" do
    expect { config.max_request_body = -> { } }.to fault(/\Amax_request_body is #<Proc/)
    expect { config.max_request_body = true }.to fault("max_request_body is true; that setting is not switched on or off")
    expect { config.log_skip_paths = [ "/a,b" ] }.to fault(/has no comma in it/)
    expect { config.http_read_timeout = Float::INFINITY }.to fault(/that is no number/)
    expect(config.to_h).to eq({})
  end
end
