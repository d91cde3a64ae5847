# frozen_string_literal: true

module Thruster
  # Variables that only Ruby acts on, and that are on unless the environment says otherwise, as it does to thrust.
  module Switch
    OFF = %w[0 f false off].freeze

    def self.off?(variable, environment = ENV)
      OFF.include?(environment[variable].to_s.downcase)
    end
  end
end
