# frozen_string_literal: true

require "rbconfig"
require_relative "errors"
require_relative "native/remedy"

module Thruster
  # The gem's extension. Everything else works without it, so it is loaded when somebody needs it, who says what for:
  # <tt>Native.needed_for("The compression of assets").compress(…)</tt>.
  #
  # Once loaded it has the functions +check+, +prometheus+ and +compress+; Settings, Metrics and Assets are
  # what to call.
  module Native
    NAME = "thruster_native"

    # Precompiled gems have one for each Ruby they are made for; a gem that was built here has one.
    PLACES = [ "#{RUBY_VERSION[/\A\d+\.\d+/]}/#{NAME}", NAME ].map { "#{_1}.#{RbConfig::CONFIG["DLEXT"]}" }.freeze

    @loading = Mutex.new

    class << self
      def available?
        missing.nil?
      end

      # Itself, loaded. Raises NativeMissing, which says for what it was needed, why it is not there, and what helps.
      def needed_for(purpose)
        reason = missing
        raise NativeMissing, "#{purpose} needs the extension of thruster-rs, #{reason}" if reason

        self
      end

      private
        # Loads it, once. Nil, or why there is none.
        def missing
          @loading.synchronize do
            @outcome ||= [ attempt ]
            @outcome.first
          end
        end

        def attempt
          path = paths.find { File.file?(_1) }
          return "which is not there. #{Remedy.new}" unless path

          require path
          nil
        rescue LoadError => error
          "which cannot be loaded: #{error.message}\n#{Remedy.new}"
        end

        # Beside the gem's own files, or where RubyGems has built it.
        def paths
          directories = [ __dir__, *$LOAD_PATH.map { File.join(_1, "thruster") } ]
          directories.flat_map { |directory| PLACES.map { File.join(directory, _1) } }
        end
    end
  end
end
