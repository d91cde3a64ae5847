# frozen_string_literal: true

require_relative "puma_facts"

module Thruster
  # Whether this process is about to serve. Consoles, runners, tasks, tests and workers of jobs load the same app.
  module ServerProcess
    # By `rails server`, or by `puma`. Other servers are known by their first request.
    def self.boots?
      defined?(::Rails::Server) || PumaFacts.known ? true : false
    end
  end
end
