# frozen_string_literal: true

module Thruster
  # What every error of this gem is.
  class Error < StandardError; end

  # There is no binary for this machine, or the one that is there cannot run. The message says what to do.
  class ExecutableNotFound < Error; end

  # The extension is not there, or cannot be loaded. The message says what for, why, and what to do.
  class NativeMissing < Error; end

  # Settings that cannot be: every fault at once.
  class ConfigurationError < Error
    # Hashes with +:setting+, the name of the setting in lower case, and +:message+.
    attr_reader :faults

    def initialize(faults)
      @faults = faults.map(&:dup).each(&:freeze).freeze
      super(@faults.map { _1[:message] }.join("\n"))
    end
  end
end
