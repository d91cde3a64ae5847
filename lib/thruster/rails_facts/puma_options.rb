# frozen_string_literal: true

module Thruster
  class RailsFacts
    # What Puma was told, where it has read its configuration before it loads the app: with `puma`, not with `rails server`.
    module PumaOptions
      NAMES = {
        threads: :max_threads, workers: :workers, persistent_timeout: :persistent_timeout, first_data_timeout: :first_data_timeout
      }.freeze

      # Times in seconds; nil without Puma.
      def self.known
        return unless defined?(::Puma) && ::Puma.respond_to?(:cli_config) && ::Puma.cli_config

        options = ::Puma.cli_config.options
        NAMES.transform_values { options[_1] }.compact
      end
    end
  end
end
