# frozen_string_literal: true

module Thruster
  # Whether this process is about to serve. Consoles, runners, tasks, tests and workers of jobs load the same app.
  module ServerProcess
    # By `rails server`, or by `puma`. Other servers are known by their first request.
    def self.boots?
      defined?(::Rails::Server) || (defined?(::Puma) && ::Puma.respond_to?(:cli_config) && ::Puma.cli_config) ? true : false
    end
  end
end
