# frozen_string_literal: true

require_relative "rails_facts/puma_options"

module Thruster
  # Whether this process is about to serve. Consoles, runners, tasks, tests and workers of jobs load the same app.
  module ServerProcess
    # By `rails server`, or by `puma`. Other servers are known by their first request.
    def self.boots?
      defined?(::Rails::Server) || RailsFacts::PumaOptions.known ? true : false
    end
  end
end
