# frozen_string_literal: true

# The Ruby side of thrust: where its binary lies, what its extension can do, and what Ruby can ask the one that runs above
# this process.
module Thruster
  # The path of the socket on which the thrust above this process is asked.
  SOCKET = "THRUSTER_CONTROL_SOCKET"

  class << self
    # Asks the thrust above this process. Raises NotRunning where there is none.
    def client(environment = ENV)
      socket = environment[SOCKET].to_s
      return Client.new(socket) unless socket.empty?

      raise NotRunning, "No thrust runs above this process: #{SOCKET} is not set"
    end

    # Whether a thrust runs above this process and answers.
    def running?
      client.running?
    rescue NotRunning
      false
    end

    # How it is; see Client#status.
    def status = client.status

    # Its settings; see Client#config.
    def config = client.config

    # What it has counted; see Client#metrics.
    def metrics = client.metrics
  end
end

require_relative "thruster/version"
require_relative "thruster/errors"
require_relative "thruster/executable"
require_relative "thruster/native"
require_relative "thruster/settings"
require_relative "thruster/metrics"
require_relative "thruster/assets"
require_relative "thruster/client"
require_relative "thruster/configuration"
require_relative "thruster/railtie" if defined?(::Rails::Railtie)
